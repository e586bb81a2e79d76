"""Worked examples in front of a prompt, drawn so that nothing of what is asked stands in them."""

import random
from collections.abc import Mapping, Sequence

import pandas as pd

from ..exceptions import InputError
from ._tasks import Task, chain, full_answer, full_prompt

Pair = tuple[str, str]


def example_language(shots_in: str, src: str, tgt: str, bridge: str | None) -> str | None:
    """The language that the text of an example is in; None where it would be a bridge's and there is none.

    Raises
    ------
    InputError
        If `shots_in` is none of "src", "bridge" and "tgt".
    """
    languages = {"src": src, "bridge": bridge, "tgt": tgt}
    if shots_in not in languages:
        raise InputError(f"shots_in is {shots_in!r}; examples are in one of {', '.join(languages)}")
    return languages[shots_in]


def with_examples(
    task: Task,
    scoring: str,
    items: Mapping[Pair, pd.DataFrame],
    bridges: Sequence[str | None],
    pool: Mapping[Pair, pd.DataFrame],
    *,
    shots: int,
    shots_in: str,
    seed: int,
) -> tuple[dict[Pair, pd.DataFrame], dict[tuple[str, str, str | None], str]]:
    """Items without those that the examples give away, and the examples in front of the prompts of each pair and bridge.

    An example is an item of the pair (X, tgt), where X is the language `shots_in` names; it has no bridge of its own. All
    prompts of a pair and bridge have the same ones. Left out for all bridges of a pair are the items that are examples for one
    of them, those with the same text as such an item, and, where answers are not chosen from a list, those that accept an
    answer of an example.

    Parameters
    ----------
    task : Task
    scoring : str
        One of `tasks.SCORINGS`.
    items : mapping of (src, tgt) to pandas.DataFrame
        What will be asked.
    bridges : sequence of str or None
        Where there is no bridge and examples are in the bridge language, there are none.
    pool : mapping of (src, tgt) to pandas.DataFrame
        What examples are drawn from.
    shots : int
        Examples in front of each prompt.
    shots_in : {"src", "bridge", "tgt"}
    seed : int
        Of the draw.

    Returns
    -------
    items : dict of (src, tgt) to pandas.DataFrame
    heads : dict of (src, tgt, bridge) to str
        What stands in front of the prompts; nothing where there is no entry.

    Raises
    ------
    InputError
        If `shots_in` is none of the three, the pool lacks a pair or has too few items, or no item is left.
    """
    left, heads = {}, {}
    for (src, tgt), asked in items.items():
        examples = []
        for bridge in (one for one in bridges if one not in (src, tgt)):
            code = example_language(shots_in, src, tgt, bridge)
            if code is None:
                continue
            drawn = _draw(pool, code, tgt, shots, seed)
            heads[src, tgt, bridge] = "".join(_shown(task, scoring, code, tgt, one) for one in drawn)
            examples += drawn
        left[src, tgt] = asked[[not gone for gone in _given_away(task, asked, examples, tgt)]]
        if left[src, tgt].empty:
            raise InputError(f"{src}-{tgt}: no item is left beside the {shots} examples")
    return left, heads


def _draw(pool, src, tgt, shots, seed) -> list[dict]:
    if (src, tgt) not in pool:
        raise InputError(f"no items of {src}-{tgt} to draw examples from; give them as examples=")
    there = {str(one["item"]): one for one in pool[src, tgt].to_dict("records")}
    if len(there) <= shots:
        raise InputError(f"{src}-{tgt}: {len(there)} items are too few to draw {shots} examples from")
    # The same items for every language where items have the same names.
    return [there[name] for name in random.Random(f"{seed} {tgt}").sample(sorted(there), shots)]


def _shown(task, scoring, src, tgt, item) -> str:
    prompt = full_prompt(task, scoring, chain(src, item["text"]), item, tgt)
    return prompt + full_answer(task, scoring, task.gold(item, tgt)[0], item, tgt) + "\n\n"


def _given_away(task, asked, examples, tgt) -> list[bool]:
    """Which items the examples give away."""
    names = {one["item"] for one in examples}
    texts = {one["text"] for one in examples} | set(asked.text[asked.item.isin(names)])
    free = task.choices is None
    answers = {task.same(gold) for one in examples for gold in task.gold(one, tgt)} if free else set()
    return [
        one["item"] in names
        or one["text"] in texts
        or (free and not answers.isdisjoint(task.same(gold) for gold in task.gold(one, tgt)))
        for one in asked.to_dict("records")
    ]
