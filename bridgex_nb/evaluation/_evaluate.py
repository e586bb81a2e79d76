"""Does the bridge help? Scores of tasks on language pairs, zero-shot and through bridges."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..datasets._languages import BRIDGES, PAIRS, language
from ..datasets._lexicon import Lexicon
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import RunCard, run_card
from ._combine import check_bridges, check_way, combine
from ._metrics import accuracy, translation_scores
from ._options import AnswerOptions, Data
from ._plan import ZERO_SHOT, Load, Plan, make_plan
from ._run_plan import answering_progress, run_plan
from ._task import Task
from ._tasks import find_task, lexicon_items, limit_items, refuse_folder, task_items

#: A bridge, None for zero-shot, or several at once.
Bridge = str | None | tuple[str | None, ...]


def evaluate(
    model: NeuronModel,
    task: str | Task,
    src: str,
    tgt: str,
    bridges: Sequence[Bridge] = (None,),
    *,
    combine_by: str = "vote",
    lexicon: Lexicon | None = None,
    folder: str | Path | None = None,
    limit: int | None = None,
    scoring: str | None = None,
    reading: str | None = None,
    shots: int = 0,
    shots_in: str = "src",
    shots_for: str = "answer",
    examples: Data | None = None,
    seed: int = 0,
    gold_logprobs: bool = False,
    chat: bool = False,
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """Accuracy of a task on one pair, zero-shot and through each bridge.

    Parameters
    ----------
    model : NeuronModel
    task : str or Task
        As in `task_items`.
    src, tgt : str
        Language codes.
    bridges : sequence of str, tuple or None
        Bridge languages; None is zero-shot, a tuple is several at once: ``("en", "fr")``.
    combine_by : {"vote", "confidence", "max"}
        How the answers through several bridges are combined, as in `combine`.
    lexicon : Lexicon, optional
        Words from `src` to `tgt` and their accepted translations, for the task bli; the core lexicon by default.
    folder, limit
        Where the data set of any other task is, and how many of the items are taken, as in `task_items`.
    scoring, reading, shots, shots_in, shots_for, seed, gold_logprobs, chat, max_new_tokens, token_budget, store
        As in `answers`, which returns every output.
    examples : Lexicon, DataFrame or sequence of them, optional
        As in `answers`; by default all items of the data set, or of `lexicon` where examples are of its pair.

    Returns
    -------
    pandas.DataFrame
        One row per bridge, or tuple of bridges ("en+fr by vote"): the columns of `accuracy`, or, for the task translation, of
        `translation_scores`. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a bridge is source or target, a tuple has fewer than two bridges or is given twice, `combine_by` is given without a
        tuple, the lexicon is of another pair, empty, given for a task other than bli or together with
        a folder, and as `task_items` and `answers`.

    Examples
    --------
    >>> evaluate(load_model(), "bli", "sw", "tl", [None, "en"]).bridge.tolist()
    ['zero-shot', 'en']
    """
    options = AnswerOptions(
        scoring, reading, shots, shots_in, shots_for, examples, seed, gold_logprobs, chat, max_new_tokens, token_budget, store
    )
    task = find_task(task)
    src, tgt = language(src).code, language(tgt).code
    bridges = _known_bridges(bridges, combine_by)
    ends = [bridge for bridge in _asked(bridges) if bridge in (src, tgt)]
    if ends:
        raise InputError(f"{ends[0]!r} cannot be the bridge between {src} and {tgt}")
    if lexicon is not None:
        _check_lexicon(lexicon, task, src, tgt)
        refuse_folder(folder)
        data = limit_items(lexicon_items(lexicon), limit)
    else:
        data = task_items(task, src, tgt, folder=folder, limit=limit)
    plan = make_plan(task, data, _asked(bridges), options, _all_items(task, folder, lexicon))
    with answering_progress([plan]) as progress:
        items = _with_combined(run_plan(model, plan, options, progress), bridges, combine_by)
    table = _scores(task, items)
    table.attrs["card"] = _card("evaluate", table, items, limit)
    return table


def evaluate_grid(
    model: NeuronModel,
    tasks: Sequence[str | Task],
    pairs: Sequence[tuple[str, str]] = PAIRS,
    bridges: Sequence[Bridge] = BRIDGES,
    *,
    combine_by: str = "vote",
    folder: str | Path | None = None,
    limit: int | None = None,
    scoring: str | None = None,
    reading: str | None = None,
    shots: int = 0,
    shots_in: str = "src",
    shots_for: str = "answer",
    examples: Data | None = None,
    seed: int = 0,
    gold_logprobs: bool = False,
    chat: bool = False,
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """Accuracy of tasks over language pairs, zero-shot and through every bridge.

    Parameters
    ----------
    model : NeuronModel
    tasks : sequence of str or Task
    pairs : sequence of (str, str)
        Pairs that a task has no data for are left out there, with a warning.
    bridges : sequence of str, tuple or None
        As in `evaluate`. A bridge that is a pair's source or target is left out for that pair, and so is a tuple that has one.
        Zero-shot is always asked, with or without None.
    combine_by
        As in `evaluate`.
    folder
        Where the data sets are, as in `task_items`; bli has none.
    limit, scoring, reading, shots, shots_in, shots_for, examples, seed, gold_logprobs, chat, max_new_tokens
    token_budget, store
        As in `evaluate`.

    Returns
    -------
    pandas.DataFrame
        One row per task, pair and bridge: task, src, tgt, bridge, n, and the columns of `accuracy` or `translation_scores`.
        The run card, with that of each task among its inputs, is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a task has no data for any pair or is given twice, a folder is given and no task has a data set, and as `task_items`
        and `answers`.

    Examples
    --------
    >>> evaluate_grid(load_model(), ["bli"], [("sw", "tl"), ("ar", "he")], ["en"], limit=20).n.tolist()
    [20, 20, 20, 20]
    """
    options = AnswerOptions(
        scoring, reading, shots, shots_in, shots_for, examples, seed, gold_logprobs, chat, max_new_tokens, token_budget, store
    )
    tasks = [find_task(task) for task in tasks]
    names = [task.name for task in tasks]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InputError(f"{repeated[0]!r} is given twice among the tasks")
    bridges = _known_bridges([None, *(bridge for bridge in bridges if bridge is not None)], combine_by)
    if all(name == "bli" for name in names):
        refuse_folder(folder)
    plans = [_grid_plan(task, pairs, bridges, None if task.name == "bli" else folder, limit, options) for task in tasks]
    tables, cards = [], {}
    with answering_progress(plans) as progress:
        for plan in plans:
            items = _with_combined(run_plan(model, plan, options, progress), bridges, combine_by)
            table = _scores(plan.task, items)
            cards[plan.task.name] = _card("evaluate", table, items, limit)
            tables.append(table.assign(task=plan.task.name))
    table = pd.concat(tables, ignore_index=True)
    table = table[["task", *table.columns.drop("task")]]
    table.attrs["card"] = run_card("evaluate_grid", model.card, options={"tasks": names, "limit": limit}, inputs=cards)
    return table


def _check_lexicon(lexicon: Lexicon, task: Task, src: str, tgt: str) -> None:
    """Refuse a lexicon that cannot be what is asked."""
    if task.name != "bli":
        raise InputError(f"lexicon= is only for the task bli; say where the data of {task.name} are with folder=")
    if (lexicon.src, lexicon.tgt) != (src, tgt):
        swapped = "; lexicon.reverse() swaps its languages" if (lexicon.tgt, lexicon.src) == (src, tgt) else ""
        raise InputError(f"the lexicon is {lexicon.src}-{lexicon.tgt}, the pair is {src}-{tgt}{swapped}")
    if not len(lexicon):
        raise InputError(f"the {src}-{tgt} lexicon has no words; leave out lexicon= for the core lexicon")


def _known_bridges(bridges: Sequence[Bridge], combine_by: str) -> list[Bridge]:
    """The bridges by their codes, tuples of them checked."""
    known: list[Bridge] = []
    for bridge in bridges:
        if isinstance(bridge, tuple):
            names = check_bridges(bridge)
            bridge = tuple(None if name == ZERO_SHOT else name for name in names)
            if bridge in known:
                raise InputError(f"{bridge} is given twice among the bridges")
        known.append(bridge if bridge is None or isinstance(bridge, tuple) else language(bridge).code)
    check_way(combine_by)
    if combine_by != "vote" and not any(isinstance(bridge, tuple) for bridge in known):
        raise InputError(f"combine_by={combine_by!r} needs several bridges at once: a tuple of them, such as ('en', 'fr')")
    return known


def _asked(bridges: Sequence[Bridge]) -> list[str | None]:
    """The bridges that are asked through: those of tuples too, each once."""
    alone = [bridge for bridge in bridges if not isinstance(bridge, tuple)]
    parts = dict.fromkeys(part for bridge in bridges if isinstance(bridge, tuple) for part in bridge)
    return [*alone, *(part for part in parts if part not in alone)]


def _with_combined(items: pd.DataFrame, bridges: Sequence[Bridge], combine_by: str) -> pd.DataFrame:
    """The rows of the bridges that are wanted alone or combined, pair by pair in the order of `bridges`."""
    combined = [bridge for bridge in bridges if isinstance(bridge, tuple)]
    if not combined:
        return items
    parts = [
        combine(items, bridge, combine_by) if isinstance(bridge, tuple) else items[items.bridge == (bridge or ZERO_SHOT)]
        for bridge in bridges
    ]
    together = pd.concat([part.drop(columns="route", errors="ignore") for part in parts if len(part)])
    pairs = list(dict.fromkeys(zip(items.src, items.tgt, strict=True)))
    order = [pairs.index(pair) for pair in zip(together.src, together.tgt, strict=True)]
    together = together.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
    card = items.attrs["card"]
    named = {"combined": [[part or ZERO_SHOT for part in bridge] for bridge in combined], "combine_by": combine_by}
    together.attrs["card"] = run_card("answers", card, options=card["options"] | named)
    return together


def _all_items(task: Task, folder: str | Path | None, lexicon: Lexicon | None = None) -> Load:
    """What loads all items of a pair, for examples; those of the pair that is asked are a lexicon's, where it is given."""

    def load(src, tgt):
        if lexicon is not None and (src, tgt) == (lexicon.src, lexicon.tgt):
            return lexicon
        return task_items(task, src, tgt, folder=folder)

    return load


def _grid_plan(task: Task, pairs, bridges, folder, limit, options) -> Plan:
    pairs = [(language(src).code, language(tgt).code) for src, tgt in pairs]
    if not pairs:
        raise InputError("pairs: give at least one language pair, such as [('sw', 'tl')]")
    available = [pair for pair in pairs if task.languages is None or {*pair} <= {*task.languages}]
    if not available:
        raise InputError(f"{task.name}: its data have none of the pairs; they have {' '.join(task.languages)}")
    if len(available) < len(pairs):
        left_out = ", ".join(f"{src}-{tgt}" for src, tgt in pairs if (src, tgt) not in available)
        warnings.warn(f"{task.name} has no data for {left_out}: left out", stacklevel=3)
    for bridge in bridges:
        if isinstance(bridge, tuple) and all(set(bridge) & set(pair) for pair in available):
            raise InputError(f"one of {', '.join(map(str, bridge))} is the source or the target of every pair of {task.name}")
    data = [task_items(task, src, tgt, folder=folder, limit=limit) for src, tgt in available]
    return make_plan(task, data, _asked(bridges), options, _all_items(task, folder))


def _scores(task: Task, items: pd.DataFrame) -> pd.DataFrame:
    return accuracy(items) if task.metric == "accuracy" else translation_scores(items)


def _card(function: str, table: pd.DataFrame, items: pd.DataFrame, limit: int | None) -> RunCard:
    """The card of the answers under the name of the function, with what is added: the limit, and how they were scored."""
    source = items.attrs["card"]
    scores = {key: table.attrs["card"][key] for key in ("function", "options")}
    return run_card(function, source, options=source["options"] | {"limit": limit}, inputs={"scores": scores})
