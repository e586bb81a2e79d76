"""What will be asked of a model, known and checked before it runs: the rows of the table of answers, and their prompts."""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from ..datasets._languages import language
from ..datasets._lexicon import Lexicon, core_lexicon
from ..exceptions import InputError
from ..utils._run_card import data_card
from ._answer_table import MODEL
from ._options import AnswerOptions, Data
from ._shots import Heads, Pair, example_language, with_examples, with_hop_examples
from ._task import LETTERS, Task, fitting_reading, fitting_scoring
from ._tasks import find_task, lexicon_items

#: ``load(src, tgt)`` -> all items of a pair, for examples.
Load = Callable[[str, str], Lexicon | pd.DataFrame]

#: What `bridge` is in rows that have none.
ZERO_SHOT = "zero-shot"


class Row(NamedTuple):
    """One row of the table to be: an item of a pair, the bridge, and how its prompts begin.

    `head` is the examples before the question; `hop1_prompt` asks for the translation of the text into the bridge, with its own
    examples, and is None where there is no bridge or the bridge text is `given`, by a `control` of that name.
    """

    src: str
    tgt: str
    bridge: str | None
    item: dict
    head: str = ""
    hop1_prompt: str | None = None
    control: str = ""
    given: str | None = None


class Plan(NamedTuple):
    """What will be asked, known before the model runs.

    `hop1_prompts` ask for the translations into bridges, each once; `data` and `options` are those parts of the run card.
    """

    task: Task
    scoring: str
    rows: list[Row]
    hop1_prompts: list[str]
    data: dict
    options: dict


def make_plan(
    task: str | Task, data: Data, bridges: Sequence[str | None], options: AnswerOptions, load: Load | None = None
) -> Plan:
    """The prompts of `answers`, with everything checked that can be checked before the model runs.

    `load` is where examples come from that the options do not name.
    """
    task = fitting_reading(find_task(task), options.reading)
    scoring = fitting_scoring(task, options.scoring)
    if not len(bridges):
        raise InputError("no bridges are given; bridges=[None] is zero-shot")
    if several := [bridge for bridge in bridges if isinstance(bridge, tuple)]:
        raise InputError(f"answers go through one bridge at a time; combine(items, {list(several[0])}) makes one of several")
    bridges = [None if bridge is None else language(bridge).code for bridge in bridges]
    for bridge in bridges:
        if list(bridges).count(bridge) > 1:
            raise InputError(f"{bridge!r} is given twice among the bridges")
    items, heads = items_by_pair(task, data), {}
    for (src, tgt), asked in items.items():
        if not asked.item.is_unique:
            raise InputError(f"{src}-{tgt}: item {asked.item[asked.item.duplicated()].iloc[0]!r} is given twice")
    card = {"task": task.name, "bridges": [bridge or ZERO_SHOT for bridge in bridges], "scoring": scoring}
    card |= {"reading": options.reading, "shots": options.shots, "max_new_tokens": options.max_new_tokens}
    card["gold_logprobs"] = options.gold_logprobs
    if options.shots:
        pool = _pool(task, items, bridges, options, load)
        draw = {"shots": options.shots, "seed": options.seed}
        if options.shots_for == "hops":
            items, heads = with_hop_examples(task, scoring, items, bridges, pool, **draw)
        else:
            items, heads = with_examples(task, scoring, items, bridges, pool, shots_in=options.shots_in, **draw)
        shown = [text for head in heads.values() for text in head if text]
        card |= draw | {"shots_in": options.shots_in, "shots_for": options.shots_for}
        card |= {"examples_sha256": data_card({"heads": shown})["sha256"]}
    rows = [
        _row(task, src, tgt, bridge, item, heads.get((src, tgt, bridge), Heads()))
        for (src, tgt), asked in items.items()
        for bridge in bridges
        if bridge not in (src, tgt)
        for item in asked.to_dict("records")
    ]
    if not rows:
        raise InputError(f"{task.name}: there is nothing to ask, every bridge is its pair's source or target")
    if task.choices and scoring != "texts":
        most = max(len(task.choices(row.item, row.tgt)) for row in rows)
        if most > len(LETTERS):
            raise InputError(f"{task.name} has {most} choices, but letters are {LETTERS}; score them with scoring='texts'")
    if task.metric == "chrf":
        for row in rows:
            count = len(task.gold(row.item, row.tgt))
            if count != 1:
                raise InputError(f"{task.name}: item {row.item['item']!r} has {count} accepted answers; chrF compares with one")
    hop1_prompts = list(dict.fromkeys(row.hop1_prompt for row in rows if row.hop1_prompt is not None))
    return Plan(task, scoring, rows, hop1_prompts, {"kind": "items", **_item_hash(items)}, card)


def _pool(
    task: Task, items: dict[Pair, pd.DataFrame], bridges: Sequence[str | None], options: AnswerOptions, load: Load | None
) -> dict[Pair, pd.DataFrame]:
    """What examples are drawn from: what was given or can be loaded; for both hops of words the core lexicon; or the items."""
    if options.examples is not None:
        return items_by_pair(task, options.examples)
    if load is None and (options.shots_for != "hops" or task.name != "bli"):
        return items
    if options.shots_for == "hops":
        needed = [(src, code) for src, tgt in items for code in (tgt, *bridges) if code != src]
    else:
        asked = [(src, tgt, bridge) for src, tgt in items for bridge in bridges if bridge not in (src, tgt)]
        needed = [(example_language(options.shots_in, src, tgt, bridge), tgt) for src, tgt, bridge in asked]
    pairs = [(code, into) for code, into in dict.fromkeys(needed) if code is not None and into is not None]
    if load is not None:
        # There are no pairs if examples are in a bridge language and there is no bridge; then none are drawn.
        return items_by_pair(task, [load(*pair) for pair in pairs]) if pairs else {}
    try:
        return items_by_pair(task, [core_lexicon(*pair) for pair in pairs])
    except InputError as error:
        names = ", ".join("-".join(pair) for pair in pairs)
        raise InputError(f"{error}; pass lexicons to draw the examples from: examples=[{names}]") from error


def _row(task: Task, src: str, tgt: str, bridge: str | None, item: dict, heads: Heads) -> Row:
    if bridge is None:
        return Row(src, tgt, None, item, heads.answer)
    return Row(src, tgt, bridge, item, heads.answer, heads.bridge + task.text_prompt(src, bridge, item["text"]), MODEL)


def items_by_pair(task: Task, data: Data) -> dict[tuple[str, str], pd.DataFrame]:
    """(src, tgt) -> items."""
    parts = [data] if isinstance(data, Lexicon | pd.DataFrame) else list(data)
    if task.name != "bli" and any(isinstance(part, Lexicon) for part in parts):
        raise InputError(f"a lexicon has no items of {task.name}; task_items returns them")
    for part in parts:
        if isinstance(part, Lexicon) and not len(part):
            raise InputError(f"the {part.src}-{part.tgt} lexicon has no words; there are no items to ask")
    frames = [lexicon_items(part) if isinstance(part, Lexicon) else part for part in parts]
    for frame in frames:
        missing = {"src", "tgt", "item", "text"} - set(frame.columns)
        if missing:
            raise InputError(f"these are not items as task_items returns them: no column {', '.join(sorted(missing))}")
    together = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["src", "tgt"])
    if together.empty:
        raise InputError(f"{task.name}: there are no items to ask")
    return {pair: items for pair, items in together.groupby(["src", "tgt"], sort=False)}


def _item_hash(items: dict[tuple[str, str], pd.DataFrame]) -> dict:
    """Number and hash of the items, with all that the task's functions look at."""
    records = {f"{src}-{tgt}": frame.to_dict("records") for (src, tgt), frame in items.items()}
    return data_card(
        {pair: [json.dumps(item, ensure_ascii=False, default=str) for item in some] for pair, some in records.items()}
    )
