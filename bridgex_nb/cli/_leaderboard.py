"""``bridgex leaderboard``: which selector names the right bridge, on one model or several, in a file that others can add to."""

import argparse
import gc

import pandas as pd

from ..activations._count_active import count_active
from ..bridges._beats_baseline import beats_baseline
from ..bridges._leaderboard import leaderboard
from ..bridges._leaderboard_file import add_leaderboard, merge_leaderboards, read_leaderboards
from ..datasets._corpora import core_sentences
from ..datasets._languages import BRIDGES, PAIRS
from ..datasets._lexicon import Lexicon, core_lexicon
from ..evaluation._xicl import answers
from ..exceptions import InputError
from ..models._architectures import architecture_of
from ..models._load_model import find_model, load_model
from ..models._neuron_model import NeuronModel
from ..similarity._evidence import Evidence
from ._figures import REAL_MODEL


def run(options: argparse.Namespace) -> None:
    """Ask each model for translations through every bridge, and print its leaderboard."""
    # Whatever cannot be used is said before the first model is loaded.
    lexicons = [_lexicon(pair, options.limit) for pair in options.pairs or ["-".join(pair) for pair in PAIRS]]
    if len(lexicons) > len({(lexicon.src, lexicon.tgt) for lexicon in lexicons}):
        raise InputError("--pairs names a pair twice")
    if options.shots is not None and options.shots < 0:
        raise InputError(f"--shots {options.shots}: the number of worked examples is 0 or more")
    names = options.models or [None]
    for name in names:
        architecture_of(find_model(name)[1])
    if options.add is not None:
        if options.add.exists():
            read_leaderboards(options.add)
        elif not options.add.absolute().parent.is_dir():
            raise InputError(f"{options.add}: there is no folder {options.add.absolute().parent}")
    boards = []
    for name in names:
        model = load_model(name)
        board = _board(model, lexicons, options, bundled=name is None)
        if options.add is not None:  # at once, so that an interrupt loses no model
            add_leaderboard(board, options.add)
        boards.append(board)
        print(_shown(board))
        del model
        gc.collect()  # traced modules refer to each other; free their weights before the next ones are loaded
    if options.add is not None:
        boards = read_leaderboards(options.add)
        print(f"\n{options.add} holds {len(boards)} leaderboard{'s' * (len(boards) != 1)}")
    if len(boards) > 1:
        print("Regret in points:")
        print(_side_by_side(boards))


def _lexicon(pair: str, limit: int) -> Lexicon:
    src, dash, tgt = pair.partition("-")
    if not dash:
        raise InputError(f"--pairs takes language codes with a dash between them, such as sw-tl ar-he, not {pair!r}")
    if limit < 8:
        raise InputError(f"--limit {limit}: fewer than 8 words tell nothing")
    return core_lexicon(src, tgt).sample(limit)


def _board(model: NeuronModel, lexicons: list[Lexicon], options: argparse.Namespace, *, bundled: bool) -> pd.DataFrame:
    """The leaderboard of one model. Any but the bundled one gets worked examples, and is probed with all words."""
    shots = options.shots if options.shots is not None else 0 if bundled else REAL_MODEL["shots"]
    asking = {"shots": shots, "shots_for": "hops"} if shots else {}
    items = answers(model, "bli", lexicons, [None, *BRIDGES], store=options.store, **asking)
    counts = count_active(model, core_sentences(), store=options.store)

    def words(src: str, tgt: str) -> Lexicon:
        return core_lexicon(src, tgt).sample(options.limit)

    probed = "known" if bundled else REAL_MODEL["probed"]
    return leaderboard(Evidence(model, counts, options.rate, lexicon=words, items=items, words=probed, shots=shots), items)


def _shown(board: pd.DataFrame) -> str:
    room, pairs = board.attrs["headroom"], len(board.attrs["by_pair"])
    table = pd.DataFrame(
        {
            "regret": [f"{100 * value:.1f}" for value in board.regret],
            "interval": [_interval(row.low, row.high) for row in board.itertuples()],
            "lead": [f"{100 * value:+.1f}" for value in board.lead],
            "of lead": [_interval(row.lead_low, row.lead_high) for row in board.itertuples()],
            "verdict": board.verdict.tolist(),
            "decided": board.decided.tolist(),
            "hits": [f"{value:.1f}" for value in board.hits],
            "texts": [_count(value) for value in board.texts],
            "tokens": [_count(value) for value in board.tokens],
        },
        index=board.selector.rename(None),
    )
    gap = f"{100 * room['headroom']:.1f}{_interval(room['headroom_low'], room['headroom_high'], ' [{}]')} points"
    lines = [
        f"{board.attrs['card']['model']}: {pairs} pair{'s' * (pairs != 1)}; regret and lead over always-English in points of "
        f"accuracy; texts and tokens read per pair. The best bridge is {gap} above the mean one.",
        table.to_string(),
    ]
    row = beats_baseline(board).iloc[-1]
    if row.pairs:
        lines.append(
            f"Does the selector that is best on the other pairs beat always-English on a new one? {row.beats}: "
            f"{-100 * row.difference:+.1f} points [{-100 * row.high:.1f}, {-100 * row.low:.1f}], p = {row.p_holm:.2f}"
        )
    return "\n".join(lines)


def _side_by_side(boards: list[pd.DataFrame]) -> str:
    merged = merge_leaderboards(boards)
    merged["of"] = [f"{row.model}, {row.task}, {row.pairs} pairs" for row in merged.itertuples()]
    # Two boards of one model may have the same name here: other words, or other examples.
    number = (merged.selector == "oracle").groupby(merged.of).cumsum()
    merged["of"] = merged.of + number.map(lambda count: f" ({count})" if count > 1 else "")
    wide = merged.pivot(index="selector", columns="of", values="regret")[list(dict.fromkeys(merged.of))]
    order = wide.mean(axis=1).sort_values(kind="stable").index
    return (100 * wide.loc[order]).rename_axis(index=None, columns=None).to_string(float_format="%.1f", na_rep="")


def _interval(low: float, high: float, form: str = "{}") -> str:
    return "" if low != low else form.format(f"{100 * low:.1f} to {100 * high:.1f}")


def _count(value: float) -> str:
    return "" if value != value else f"{value:,.0f}"
