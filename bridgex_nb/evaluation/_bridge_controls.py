"""Controls for X-ICL: other words in the place of the bridge word, so that content and format can be told apart."""

import random
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from ..datasets._lexicon import core_lexicon
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card
from ._options import AnswerOptions, Data
from ._plan import Plan, Row, items_by_pair, make_plan
from ._run_plan import answering_progress, run_plan
from ._shots import translations as accepted_forms
from ._task import Task
from ._tasks import find_task

#: What stands in the place of the bridge word: the accepted one, another word of the bridge language, the source word again,
#: letters of the bridge language that are no word.
CONTROLS = ("gold", "wrong", "source", "nonsense")

#: Draws of a nonsense word before it is said that there is none.
TRIES = 100

#: (src, bridge) -> item name -> accepted translations of its text.
Known = dict[tuple[str, str], dict[str, list[str]]]


def bridge_controls(
    model: NeuronModel,
    task: str | Task,
    data: Data,
    bridges: Sequence[str],
    *,
    controls: Sequence[str] = CONTROLS,
    translations: Data | None = None,
    scoring: str | None = None,
    reading: str | None = None,
    shots: int = 0,
    shots_for: str = "answer",
    examples: Data | None = None,
    seed: int = 0,
    chat: bool = False,
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """The answers to each item zero-shot, through bridges, and with other words in the place of the bridge word.

    A bridge may help because of what it says or because of how the prompt looks. Beside the model's own translation, the same
    prompt is asked with

    - ``gold``: the accepted translation, what a perfect first hop would give;
    - ``wrong``: the accepted translation of another item, a real word with the wrong meaning;
    - ``source``: the source word again, the format without any new content;
    - ``nonsense``: as many letters as the accepted translation has, each drawn from those that follow the one before it in the
      bridge language's translations: the look of the language without a word.

    Parameters
    ----------
    model : NeuronModel
    task, data
        As in `answers`.
    bridges : sequence of str
        Bridge languages. Zero-shot is always asked.
    controls : sequence of str
        Of `CONTROLS`.
    translations : Lexicon, DataFrame or sequence of them, optional
        Items, or lexicons, from each source language into each bridge language: what is accepted as the bridge word. By
        default the core lexicon for bli; for other tasks ``task_items(task, src, bridge)``. Items without a translation into
        every bridge of their pair are left out, with a warning.
    scoring, reading, shots, shots_for, examples, chat, max_new_tokens, token_budget, store
        As in `answers`.
    seed : int
        Of the draw of wrong and nonsense words, and of the examples.

    Returns
    -------
    pandas.DataFrame
        The columns of `answers`, with gold_logprob, and `control` behind bridge: "" zero-shot, "model" where the bridge text is
        the model's own translation, otherwise the name of the control. bridge_confidence is missing for controls. `compare`,
        `side_by_side`, `regret` and `leaderboard` refuse the rows of controls; `control_gains` compares them. The run card is
        in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a control is unknown or given twice, translations are missing for a task other than bli or for all items, there is
        no wrong or nonsense word to draw, and as `answers`.

    Notes
    -----
    This project. In mrc, where the translation takes the place of the passage, ``source`` is the zero-shot prompt again.

    Examples
    --------
    >>> words = core_lexicon("sw", "tl").keep(["moto", "maji", "jua"])
    >>> table = bridge_controls(load_model(), "bli", words, ["en"], controls=["gold", "source"])
    >>> table[table["item"] == "moto"][["control", "bridge_text"]].values.tolist()[1:]
    [['model', 'fire'], ['gold', 'fire'], ['source', 'moto']]
    """
    options = AnswerOptions(
        scoring, reading, shots, "src", shots_for, examples, seed, True, chat, max_new_tokens, token_budget, store
    )
    _check_controls(controls, bridges)
    task = find_task(task)
    items = items_by_pair(task, data)
    known = _known(task, items, bridges, translations)
    plan = make_plan(task, list(_with_translations(items, bridges, known)), [None, *bridges], options)
    if not any(row.bridge for row in plan.rows):
        raise InputError(f"no bridge is left: {', '.join(bridges)} is the source or the target of every pair")
    rows = [*plan.rows, *(row for control in controls for row in _control_rows(plan, control, known, seed))]
    forms = {f"{src}-{bridge}": ["|".join(words) for words in by_item.values()] for (src, bridge), by_item in known.items()}
    added = {"controls": list(controls), "seed": seed, "translations_sha256": data_card(forms)["sha256"]}
    plan = plan._replace(rows=rows, options=plan.options | added)
    with answering_progress([plan]) as progress:
        table = run_plan(model, plan, options, progress)
    table.insert(list(table).index("bridge") + 1, "control", [row.control for row in rows])
    table.attrs["card"] = run_card("bridge_controls", model.card, data=plan.data, options=table.attrs["card"]["options"])
    return table


def _check_controls(controls: Sequence[str], bridges: Sequence[str]) -> None:
    if isinstance(controls, str) or not len(controls):
        raise InputError(f"controls needs a list of names from {', '.join(CONTROLS)}")
    for control in controls:
        if control not in CONTROLS:
            raise InputError(f"unknown control {control!r}; choose from {', '.join(CONTROLS)}")
        if list(controls).count(control) > 1:
            raise InputError(f"{control!r} is given twice among the controls")
    if isinstance(bridges, str) or not len(bridges) or None in bridges:
        raise InputError("bridge_controls needs bridge languages, without None: zero-shot is always asked")


def _known(task: Task, items: dict, bridges: Sequence[str], translations: Data | None) -> Known:
    """The accepted bridge words of every source language and bridge that is needed."""
    wanted = dict.fromkeys((src, bridge) for src, tgt in items for bridge in bridges if bridge not in (src, tgt))
    if translations is None:
        if task.name != "bli":
            raise InputError(
                f"{task.name}: say what the texts are in the bridges: "
                f"translations=[task_items({task.name!r}, src, bridge), …] for every source language and bridge"
            )
        translations = [core_lexicon(*pair) for pair in wanted]
    given = items_by_pair(task, translations) if wanted else {}
    for src, bridge in wanted:
        if (src, bridge) not in given:
            raise InputError(f"translations has no items of {src}-{bridge}")
    return {
        pair: {str(item["item"]): accepted_forms(task, item, pair[1]) for item in given[pair].to_dict("records")}
        for pair in wanted
    }


def _with_translations(items: dict, bridges: Sequence[str], known: Known) -> Iterator[pd.DataFrame]:
    """The items of each pair that have a translation into every bridge of it."""
    for (src, tgt), asked in items.items():
        used = [bridge for bridge in bridges if bridge not in (src, tgt)]
        has = asked.item.astype(str).map(lambda name, used=used, src=src: all(known[src, code].get(name) for code in used))
        if not has.any():
            raise InputError(
                f"{src}-{tgt}: no item has a translation into {', '.join(used)}; pass translations= that have the items"
            )
        if not has.all():
            message = f"{src}-{tgt}: {int((~has).sum())} of {len(asked)} items have no translation into {', '.join(used)}"
            warnings.warn(f"{message}: left out", stacklevel=3)
        yield asked[has]


def _control_rows(plan: Plan, control: str, known: Known, seed: int) -> Iterator[Row]:
    """The rows with a bridge, each with the control's word instead of the model's."""
    golds, followers = {}, {}
    for row in plan.rows:
        if row.bridge is None:
            golds.setdefault((row.src, row.tgt), {})[str(row.item["item"])] = set(map(plan.task.same, _gold(plan, row)))
    for pair, by_item in known.items():
        followers[pair] = _followers([words[0] for words in by_item.values() if words])
    for row in plan.rows:
        if row.bridge is None:
            continue
        name, words = str(row.item["item"]), known[row.src, row.bridge]
        rng = random.Random(f"{seed} {control} {row.src} {row.tgt} {row.bridge} {name}")
        if control == "gold":
            word = words[name][0]
        elif control == "source":
            word = row.item["text"]
        elif control == "wrong":
            word = _wrong(plan, row, words, golds[row.src, row.tgt], rng)
        else:
            word = _nonsense(words[name][0], words, followers[row.src, row.bridge], rng)
        yield row._replace(hop1_prompt=None, control=control, given=word)


def _gold(plan: Plan, row: Row) -> Sequence[str]:
    """What must not be among a wrong item's answers; choices are texts of the item alone, a translation is one sentence."""
    return () if plan.task.choices else plan.task.gold(row.item, row.tgt)


def _wrong(plan: Plan, row: Row, words: dict[str, list[str]], golds: dict[str, set[str]], rng: random.Random) -> str:
    """A bridge word of another item: not accepted for this one, nor of an item that accepts one of its answers."""
    name, same = str(row.item["item"]), plan.task.same
    own, text = {*map(same, words[name])}, same(row.item["text"])
    others = [other for other in words if other != name and words[other]]
    rng.shuffle(others)
    for other in others:
        word = words[other][0]
        meant = golds.get(other, set()) & golds[name]
        if not meant and own.isdisjoint(map(same, words[other])) and same(word) != text:
            return word
    raise InputError(f"{row.src}-{row.bridge}: there is no wrong word for {name!r} among {len(words)} translations; add more")


def _followers(words: Sequence[str]) -> dict[str, list[str]]:
    """Letter -> those that follow it in the words, as often as they do; "" -> first letters."""
    following = {}
    for word in words:
        for before, after in zip(["", *word], word, strict=False):
            following.setdefault(before, []).append(after)
    return following


def _nonsense(gold: str, words: dict[str, list[str]], following: dict[str, list[str]], rng: random.Random) -> str:
    """Letters in a likely order, as many as `gold` has and at least two, that are none of the words."""
    taken = {form.casefold() for forms in words.values() for form in forms}
    length = max(2, len(gold))
    for _ in range(TRIES):
        letters = [rng.choice(following[""])]
        while len(letters) < length:
            letters.append(rng.choice(following.get(letters[-1], following[""])))
        made = " ".join("".join(letters).split())
        if made.casefold() not in taken:
            return made
    raise InputError(f"{len(words)} translations are too few to make a nonsense word like {gold!r}; add more")
