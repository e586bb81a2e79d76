"""Worked examples at the beginning of a prompt, drawn so that they give away nothing that is asked."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from ..exceptions import InputError
from ._task import Task, full_answer, full_prompt

Pair = tuple[str, str]

#: What `shots_in` may be.
SHOT_LANGUAGES = ("src", "bridge", "tgt")

#: What `shots_for` may be.
SHOT_STEPS = ("answer", "hops")


class Heads(NamedTuple):
    """How prompts begin: those for the answer, and those for the translation into the bridge."""

    answer: str = ""
    bridge: str = ""


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
) -> tuple[dict[Pair, pd.DataFrame], dict[tuple[str, str, str | None], Heads]]:
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
    heads : dict of (src, tgt, bridge) to Heads
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
            shown = "".join(_shown(task, scoring, code, tgt, example) for example in drawn)
            heads[src, tgt, bridge] = Heads(answer=shown)
            examples += drawn
        gone = _given_away(task, asked, examples, tgt)
        left[src, tgt] = _left(asked, gone, src, tgt, shots)
    return left, heads


def with_hop_examples(
    task: Task,
    scoring: str,
    items: Mapping[Pair, pd.DataFrame],
    bridges: Sequence[str | None],
    pool: Mapping[Pair, pd.DataFrame],
    *,
    shots: int,
    seed: int,
) -> tuple[dict[Pair, pd.DataFrame], dict[tuple[str, str, str | None], Heads]]:
    """Items without those that the examples give away, and examples of both hops: translation into the bridge, and answer.

    An example is an item that the pool has from the source language into the target language and into every bridge of the
    pair: the same items stand before the zero-shot question, where they have no bridge, before the request for a translation,
    and before the question through the bridge. Left out are also items whose accepted translation into a bridge is shown.

    Parameters
    ----------
    task, scoring, items, bridges, shots, seed
        As in `with_examples`.
    pool : mapping of (src, tgt) to pandas.DataFrame
        What examples are drawn from: items of the pair, and of the source language and every bridge.

    Returns
    -------
    items, heads
        As `with_examples`.

    Raises
    ------
    InputError
        If the pool lacks a pair, has too few items in common, or no item is left.
    """
    left, heads = {}, {}
    for (src, tgt), asked in items.items():
        used = [bridge for bridge in bridges if bridge is not None and bridge not in (src, tgt)]
        into = {code: _by_name(pool, src, code) for code in (tgt, *used)}
        common = {name: item for name, item in into[tgt].items() if all(name in known for known in into.values())}
        examples = _sample(common, src, tgt, shots, seed)
        names = [str(example["item"]) for example in examples]
        gone = _given_away(task, asked, examples, tgt)
        for bridge in bridges:
            if bridge in (src, tgt):
                continue
            heads[src, tgt, bridge] = Heads("".join(_shown(task, scoring, src, tgt, example) for example in examples))
            if bridge is None:
                continue
            words = [translations(task, into[bridge][name], bridge)[0] for name in names]
            shown = list(zip(examples, words, strict=True))
            heads[src, tgt, bridge] = Heads(
                "".join(_shown(task, scoring, src, tgt, example, bridge, word) for example, word in shown),
                "".join(
                    f"{task.text_prompt(src, bridge, example['text'])}{task.text_shown.format(word)}\n\n"
                    for example, word in shown
                ),
            )
            accepted = {task.same(form) for name in names for form in translations(task, into[bridge][name], bridge)}
            for number, name in enumerate(asked.item.astype(str)):
                known = translations(task, into[bridge][name], bridge) if name in into[bridge] else []
                gone[number] |= not accepted.isdisjoint(map(task.same, known))
        left[src, tgt] = _left(asked, gone, src, tgt, shots)
    return left, heads


def translations(task: Task, item: dict, bridge: str) -> list[str]:
    """What the text of an item of the pair (src, bridge) is in the bridge language, the preferred form first."""
    return [item["translated"]] if "translated" in item else list(task.gold(item, bridge))


def _left(asked, gone, src, tgt, shots) -> pd.DataFrame:
    left = asked[[not one for one in gone]]
    if left.empty:
        raise InputError(f"{src}-{tgt}: no item is left beside the {shots} examples")
    return left


def _draw(pool, src, tgt, shots, seed) -> list[dict]:
    return _sample(_by_name(pool, src, tgt), src, tgt, shots, seed)


def _by_name(pool, src, tgt) -> dict[str, dict]:
    if (src, tgt) not in pool:
        raise InputError(f"there are no items of {src}-{tgt} to draw examples from; pass them as examples=")
    return {str(item["item"]): item for item in pool[src, tgt].to_dict("records")}


def _sample(by_name, src, tgt, shots, seed) -> list[dict]:
    if len(by_name) <= shots:
        raise InputError(f"{src}-{tgt}: {len(by_name)} items are too few to draw {shots} examples from")
    # Where items have the same names in every language, these are the same items.
    return [by_name[name] for name in random.Random(f"{seed} {tgt}").sample(sorted(by_name), shots)]


def _shown(task, scoring, src, tgt, item, bridge=None, word=None) -> str:
    prompt = full_prompt(task, scoring, task.with_bridge(src, item["text"], bridge, word), item, tgt)
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
