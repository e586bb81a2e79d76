"""Worked examples at the beginning of a prompt, drawn so that they give away nothing that is asked."""

import random
from collections.abc import Mapping, Sequence

import pandas as pd

from ..exceptions import InputError
from ._task import Task, chain, full_answer, full_prompt

Pair = tuple[str, str]

#: What `shots_in` may be.
SHOT_LANGUAGES = ("src", "bridge", "tgt")


def example_language(shots_in: str, src: str, tgt: str, bridge: str | None) -> str | None:
    """The language of an example's text; None if it is a bridge's and there is no bridge."""
    return dict(zip(SHOT_LANGUAGES, (src, bridge, tgt), strict=True))[shots_in]


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
    """Items without those that the examples give away, and the examples of each pair and bridge.

    An example is an item of the pair (X, tgt), where X is the language that `shots_in` names; it has no bridge of its own. All
    prompts of a pair and bridge begin with the same ones. Left out for all bridges of a pair are the items that are examples
    for one of them, those with the same text as such an item, and, where answers are not chosen from a list, those that accept
    an answer of an example.

    Parameters
    ----------
    task : Task
    scoring : str
        One of `SCORINGS`.
    items : mapping of (src, tgt) to pandas.DataFrame
        What will be asked.
    bridges : sequence of str or None
        Without a bridge there are no examples in the bridge language.
    pool : mapping of (src, tgt) to pandas.DataFrame
        What examples are drawn from.
    shots : int
        Examples per prompt.
    shots_in : {"src", "bridge", "tgt"}
    seed : int
        Of the draw.

    Returns
    -------
    items : dict of (src, tgt) to pandas.DataFrame
    heads : dict of (src, tgt, bridge) to str
        How the prompts begin; with nothing where there is no entry.

    Raises
    ------
    InputError
        If the pool lacks a pair or has too few items, or no item is left.
    """
    left, heads = {}, {}
    for (src, tgt), asked in items.items():
        examples = []
        for bridge in bridges:
            code = example_language(shots_in, src, tgt, bridge)
            if bridge in (src, tgt) or code is None:
                continue
            drawn = _draw(pool, code, tgt, shots, seed)
            heads[src, tgt, bridge] = "".join(_shown(task, scoring, code, tgt, example) for example in drawn)
            examples += drawn
        given_away = _given_away(task, asked, examples, tgt)
        left[src, tgt] = asked[[not gone for gone in given_away]]
        if left[src, tgt].empty:
            raise InputError(f"{src}-{tgt}: no item is left beside the {shots} examples")
    return left, heads


def _draw(pool, src, tgt, shots, seed) -> list[dict]:
    if (src, tgt) not in pool:
        raise InputError(f"there are no items of {src}-{tgt} to draw examples from; pass them as examples=")
    by_name = {str(item["item"]): item for item in pool[src, tgt].to_dict("records")}
    if len(by_name) <= shots:
        raise InputError(f"{src}-{tgt}: {len(by_name)} items are too few to draw {shots} examples from")
    # Where items have the same names in every language, these are the same items.
    return [by_name[name] for name in random.Random(f"{seed} {tgt}").sample(sorted(by_name), shots)]


def _shown(task, scoring, src, tgt, item) -> str:
    prompt = full_prompt(task, scoring, chain(src, item["text"]), item, tgt)
    return prompt + full_answer(task, scoring, task.gold(item, tgt)[0], item, tgt) + "\n\n"


def _given_away(task, asked, examples, tgt) -> list[bool]:
    """Which items the examples give away."""
    names = {example["item"] for example in examples}
    texts = {example["text"] for example in examples} | set(asked.text[asked.item.isin(names)])
    free = task.choices is None
    answers = {task.same(gold) for example in examples for gold in task.gold(example, tgt)} if free else set()
    return [
        item["item"] in names
        or item["text"] in texts
        or (free and not answers.isdisjoint(task.same(gold) for gold in task.gold(item, tgt)))
        for item in asked.to_dict("records")
    ]
