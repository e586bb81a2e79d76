"""Does the bridge help? Scores of tasks on language pairs, zero-shot and through bridges."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..datasets._languages import BRIDGES, PAIRS, language
from ..datasets._lexicon import Lexicon
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import RunCard, run_card
from ._metrics import accuracy, translation_scores
from ._options import AnswerOptions, Data
from ._plan import Load, Plan, make_plan
from ._run_plan import answering_progress, run_plan
from ._task import Task
from ._tasks import find_task, lexicon_items, limit_items, refuse_folder, task_items


def evaluate(
    model: NeuronModel,
    task: str | Task,
    src: str,
    tgt: str,
    bridges: Sequence[str | None] = (None,),
    *,
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
    bridges : sequence of str or None
        Bridge languages; None is zero-shot.
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
        One row per bridge: the columns of `accuracy`, or, for the task translation, of `translation_scores`. The run card is in
        ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a bridge is source or target, the lexicon is of another pair, empty, given for a task other than bli or together with
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
    bridges = [bridge and language(bridge).code for bridge in bridges]
    ends = [bridge for bridge in bridges if bridge in (src, tgt)]
    if ends:
        raise InputError(f"{ends[0]!r} cannot be the bridge between {src} and {tgt}")
    if lexicon is not None:
        _check_lexicon(lexicon, task, src, tgt)
        refuse_folder(folder)
        data = limit_items(lexicon_items(lexicon), limit)
    else:
        data = task_items(task, src, tgt, folder=folder, limit=limit)
    plan = make_plan(task, data, bridges, options, _all_items(task, folder, lexicon))
    with answering_progress([plan]) as progress:
        items = run_plan(model, plan, options, progress)
    table = _scores(task, items)
    table.attrs["card"] = _card("evaluate", table, items, limit)
    return table


def evaluate_grid(
    model: NeuronModel,
    tasks: Sequence[str | Task],
    pairs: Sequence[tuple[str, str]] = PAIRS,
    bridges: Sequence[str | None] = BRIDGES,
    *,
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
    bridges : sequence of str or None
        A bridge that is a pair's source or target is left out for that pair. Zero-shot is always asked, with or without None.
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
    bridges = [None, *(bridge for bridge in bridges if bridge is not None)]
    if all(name == "bli" for name in names):
        refuse_folder(folder)
    plans = [_grid_plan(task, pairs, bridges, None if task.name == "bli" else folder, limit, options) for task in tasks]
    tables, cards = [], {}
    with answering_progress(plans) as progress:
        for plan in plans:
            items = run_plan(model, plan, options, progress)
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
    data = [task_items(task, src, tgt, folder=folder, limit=limit) for src, tgt in available]
    return make_plan(task, data, bridges, options, _all_items(task, folder))


def _scores(task: Task, items: pd.DataFrame) -> pd.DataFrame:
    return accuracy(items) if task.metric == "accuracy" else translation_scores(items)


def _card(function: str, table: pd.DataFrame, items: pd.DataFrame, limit: int | None) -> RunCard:
    """The card of the answers under the name of the function, with what is added: the limit, and how they were scored."""
    source = items.attrs["card"]
    scores = {key: table.attrs["card"][key] for key in ("function", "options")}
    return run_card(function, source, options=source["options"] | {"limit": limit}, inputs={"scores": scores})
