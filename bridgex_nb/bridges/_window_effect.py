"""What another window of layers changes in the rankings of bridges."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..datasets._languages import BRIDGES, PAIRS, language
from ..exceptions import InputError
from ..models._layer_window import layer_window
from ..neurons._sets import shared_neurons
from ..similarity._evidence import Evidence, check_languages
from ..stats._resampling import check_resamples
from ..utils._progress import outer_bar
from ..utils._run_card import data_card, run_card
from ._bridge_ranking import FEW_NEURONS, BridgeRanking
from ._bridgex_icl import rank_bridges


def window_effect(
    evidence: Evidence,
    window: tuple[float, float],
    pairs: Sequence[tuple[str, str]] = PAIRS,
    bridges: Sequence[str] = BRIDGES,
    *,
    resamples: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """The bridge that `rank_bridges` puts first with the default window of layers, and with another one.

    Parameters
    ----------
    evidence : Evidence
    window : tuple of float
        Layers to compare the default ones with, as fractions of depth [from, to): those of `choose_layers`, for example.
    pairs : sequence of tuple of str
        Source and target.
    bridges : sequence of str
        Bridges to compare; source and target are removed from them.
    resamples, seed
        As in `rank_bridges`, for the column `separated`.

    Returns
    -------
    pandas.DataFrame
        One row per pair: src, tgt, best (bridge with the default window), best_chosen (with the other one), changed (whether
        they differ), separated (whether they differ and the default ranking does not tie them), rho (Spearman correlation of
        the bridges' scores in the two windows; missing with fewer than three bridges), others_changed (the share of all
        windows of as many layers as the given one, at whatever depth, whose first bridge is not `best`: what to expect of a
        window that means nothing), shared and shared_chosen (neurons that source and target share in the windows). All but the
        last two are missing where these are too few to rank bridges (`BridgeRanking.few`) in either window. The run card is in
        ``.attrs["card"]``.

    Raises
    ------
    InputError
        If `resamples` is less than 1, no layer lies in the window, a language is unknown or the counts lack it, source and
        target of a pair are the same, or no bridge is left for one.

    Examples
    --------
    >>> window_effect(evidence, choose_layers(evidence).window).changed.mean()  # doctest: +SKIP
    """
    check_resamples(resamples)
    depth = evidence.model.num_layers
    default, given = layer_window(depth), layer_window(depth, window)
    for src, tgt in pairs:
        for code in (src, tgt, *bridges):
            language(code)
        if src == tgt:
            raise InputError(f"source and target are both {src!r}; a bridge needs two languages")
        if not (left := [code for code in bridges if code not in (src, tgt)]):
            raise InputError(f"{src}-{tgt}: every bridge given is the source or the target; name at least one other")
        check_languages(evidence, "counts", (src, tgt, *left))
    rows = []
    with outer_bar(list(pairs), desc="ranking", unit="pair") as progress:
        for src, tgt in progress:
            probe = evidence.probe(src, tgt)
            shared = shared_neurons(evidence.sets, src, tgt, probe=probe).sum(dim=1)
            inside = {"shared": default, "shared_chosen": given}
            counted = {name: int(shared[layers.start : layers.stop].sum()) for name, layers in inside.items()}
            row = {"src": src, "tgt": tgt}
            if min(counted.values()) >= FEW_NEURONS:
                options = {"redraws": evidence.redraws, "resamples": resamples, "seed": seed}
                ranking = rank_bridges(probe, evidence.sets, bridges, **options)
                row |= _compared(ranking, given, depth)
            rows.append(row | counted)
    columns = ["src", "tgt", "best", "best_chosen", "changed", "separated", "rho", "others_changed"]
    table = pd.DataFrame(rows).reindex(columns=[*columns, "shared", "shared_chosen"])
    entries = {f"{src}-{tgt}": evidence.lexicon(src, tgt).entries.items() for src, tgt in pairs}
    lexicons = {pair: ["\t".join((word, *golds)) for word, golds in of_pair] for pair, of_pair in entries.items()}
    options = {"window": window, "bridges": list(dict.fromkeys(bridges)), "resamples": resamples, "seed": seed}
    options |= {name: getattr(evidence, name) for name in ("rate", "exclude", "words", "shots")}
    table.attrs["card"] = run_card(
        "window_effect",
        evidence.model.card,
        data={"kind": "lexicons", **data_card(lexicons)},
        options=options,
        inputs={"counts": evidence.counts.card},
    )
    return table


def _compared(ranking: BridgeRanking, given: range, depth: int) -> dict:
    """What a window changes in a ranking, whose scores are known at every layer."""
    scores, table = ranking.by_layer.pivot(index="layer", columns="bridge", values="score"), ranking.table.set_index("bridge")
    scores = scores[[*table.index, *scores.columns.difference(table.index)]]  # among equals, the first one stays first
    chosen = _means(scores, given)
    if chosen.empty:
        return {}
    best = chosen.idxmax()
    windows = [range(start, start + len(given)) for start in range(depth - len(given) + 1)]
    firsts = [means.idxmax() for layers in windows if len(means := _means(scores, layers))]
    return {
        "best": ranking.best,
        "best_chosen": best,
        "changed": best != ranking.best,
        "separated": best != ranking.best and not table.tied.get(best, False),
        "rho": table.score.corr(chosen, method="spearman") if len(chosen) > 2 else np.nan,
        "others_changed": float(np.mean([first != ranking.best for first in firsts])),
    }


def _means(scores: pd.DataFrame, layers: range) -> pd.Series:
    """The scores of `rank_bridges` in a window, without bridges that have none."""
    return scores[scores.index.isin(layers)].mean().dropna()
