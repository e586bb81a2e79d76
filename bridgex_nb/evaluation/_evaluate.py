"""Does the bridge help? Scores of tasks on language pairs, zero-shot and through bridges."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..datasets._languages import BRIDGES, PAIRS, language
from ..datasets._lexicon import Lexicon
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ._metrics import accuracy, translation_scores
from ._shots import example_language
from ._tasks import Task, find_task, task_items
from ._xicl import answering_bar, answers, carry_out, make_plan


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
    **options,
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
        Words and accepted translations for the task bli; the core lexicon by default.
    folder, limit
        Where the data set of any other task is, and how many of its items are taken, as in `task_items`.
    **options
        As in `answers`, which keeps every output. Examples are drawn from all items.

    Returns
    -------
    pandas.DataFrame
        A row a bridge: src, tgt, bridge, n, correct, accuracy, low, high (95 % Wilson interval); for the task translation as
        `translation_scores`.

    Raises
    ------
    InputError
        If a bridge is source or target, and as `task_items` and `answers`.

    Examples
    --------
    >>> evaluate(load_model(), "bli", "sw", "tl", [None, "en"]).bridge.tolist()
    ['zero-shot', 'en']
    """
    ends = [bridge for bridge in bridges if bridge in (src, tgt)]
    if ends:
        raise InputError(f"{ends[0]!r} cannot be the bridge between {src} and {tgt}")
    data = lexicon or task_items(task, src, tgt, folder=folder, limit=limit)
    if options.get("shots") and options.get("examples") is None:
        options["examples"] = _pool(task, [(src, tgt)], bridges, options.get("shots_in", "src"), folder)
    return _scores(task, answers(model, task, data, bridges, **options))


def _pool(task, pairs, bridges, shots_in, folder) -> list[pd.DataFrame]:
    """All items that examples may be drawn from."""
    wanted = dict.fromkeys(
        (example_language(shots_in, src, tgt, bridge), tgt)
        for src, tgt in pairs
        for bridge in bridges
        if bridge not in (src, tgt)
    )
    return [task_items(task, code, tgt, folder=folder) for code, tgt in wanted if code is not None]


def evaluate_grid(
    model: NeuronModel,
    tasks: Sequence[str | Task],
    pairs: Sequence[tuple[str, str]] = PAIRS,
    bridges: Sequence[str] = BRIDGES,
    *,
    folder: str | Path | None = None,
    limit: int | None = None,
    **options,
) -> pd.DataFrame:
    """Accuracy of tasks over language pairs, zero-shot and through every bridge.

    Parameters
    ----------
    model : NeuronModel
    tasks : sequence of str or Task
    pairs : sequence of (str, str)
        Those that a task has no data for are left out there, with a warning.
    bridges : sequence of str
        Those that are a pair's source or target are left out for that pair.
    folder, limit
        As in `evaluate`.
    **options
        As in `answers`, which keeps every output.

    Returns
    -------
    pandas.DataFrame
        A row a task, pair and bridge: task, src, tgt, bridge, n, and the columns of `accuracy` or `translation_scores`. The
        run card of each task is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a task has no data for any pair.
    """
    run = {name: options.pop(name) for name in ("max_new_tokens", "token_budget", "store") if name in options}
    plans = [_grid_plan(task, pairs, [None, *bridges], folder, limit, options) for task in tasks]
    with answering_bar(plans) as bar:
        tables = [_scores(plan.task, carry_out(model, plan, bar, **run)).assign(task=plan.task.name) for plan in plans]
    table = pd.concat(tables, ignore_index=True)
    table = table[["task", *table.columns.drop("task")]]
    table.attrs["card"] = {plan.task.name: one.attrs["card"] for plan, one in zip(plans, tables, strict=True)}
    return table


def _grid_plan(task, pairs, bridges, folder, limit, options):
    task = find_task(task)
    there = [pair for pair in pairs if all(language(code).code in task.languages for code in pair)]
    if not there:
        raise InputError(f"{task.name}: no pair of languages that its data have, {' '.join(task.languages)}")
    if len(there) < len(pairs):
        left_out = ", ".join(f"{src}-{tgt}" for src, tgt in pairs if (src, tgt) not in there)
        warnings.warn(f"{task.name} has no data for {left_out}: left out", stacklevel=3)
    data = [task_items(task, src, tgt, folder=folder, limit=limit) for src, tgt in there]
    if options.get("shots") and options.get("examples") is None:
        options = options | {"examples": _pool(task, there, bridges, options.get("shots_in", "src"), folder)}
    return make_plan(task, data, bridges, **options)


def _scores(task: str | Task, items: pd.DataFrame) -> pd.DataFrame:
    return accuracy(items) if find_task(task).metric == "accuracy" else translation_scores(items)
