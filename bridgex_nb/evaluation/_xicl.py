"""What a model answers: zero-shot, through a bridge that it translates into itself, and behind worked examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tqdm.auto import tqdm

from ..datasets._languages import language
from ..datasets._lexicon import Lexicon, word_prompt
from ..exceptions import InputError
from ..inference._generation import complete, complete_scored
from ..inference._option_logprobs import option_logprobs
from ..inference._processes import processes
from ..models._neuron_model import NeuronModel
from ..utils._progress import progress_bar
from ._metrics import sentence_chrf
from ._shots import with_examples
from ._tasks import LETTERS, SCORINGS, Task, chain, find_task, full_prompt, lexicon_items

#: How a row without a bridge is named in results.
ZERO_SHOT = "zero-shot"

Data = Lexicon | pd.DataFrame | Sequence[Lexicon | pd.DataFrame]


def answers(
    model: NeuronModel,
    task: str | Task,
    data: Data,
    bridges: Sequence[str | None] = (None,),
    *,
    scoring: str | None = None,
    shots: int = 0,
    shots_in: str = "src",
    examples: Data | None = None,
    seed: int = 0,
    max_new_tokens: int | None = None,
    token_budget: int = 8192,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """What the model answers to each item, zero-shot and through bridges.

    A bridge enters in two steps. The text of an item (word, passage, premise …) is translated: ``{Src}:"{text}"→{Bridge}:``
    gives b. Then the item is asked with ``{Src}:"{text}"→{Bridge}:"{b}"`` in the place of ``{Src}:"{text}"``; the model sees
    its own b, right or wrong. A translation that several targets need is asked for once.

    Parameters
    ----------
    model : NeuronModel
    task : str or Task
        As in `task_items`.
    data : Lexicon, DataFrame or sequence of them
        What is asked: items as `task_items` gives them; for bli lexicons too.
    bridges : sequence of str or None
        Bridge languages; None is zero-shot. A bridge that is a pair's source or target is left out for that pair.
    scoring : {"letters", "texts", "generation"}, optional
        How an answer to a task with choices is found. "letters" (default there) lists them as A, B, … and takes the letter of
        the highest log-likelihood; "texts" does not list them and takes the choice of the highest log-likelihood, the sum over
        its tokens; "generation" lists them and reads the letter out of what the model writes. All other tasks are read out of
        what the model writes.
    shots : int
        Worked examples in front of each prompt. They are drawn from `examples`, and what they give away is not asked.
    shots_in : {"src", "bridge", "tgt"}
        The language that the text of the examples is in. Zero-shot rows have no examples in a bridge language.
    examples : Lexicon, DataFrame or sequence of them, optional
        Items of the pairs (that language, tgt); `data` by default, which is enough for "src".
    seed : int
        Of the draw of the examples.
    max_new_tokens : int, optional
        What the model may write; by default what the task says (bli 30, the number of the released code).
    token_budget : int
        Tokens of one padded batch. Where the memory does not hold so many, it is halved until it does.
    store : str or Path, optional
        A folder of results. Every batch is written there at once; the same call goes on where it was interrupted.

    Returns
    -------
    pandas.DataFrame
        A row an item and bridge: src, tgt, bridge ("zero-shot" for None), item, bridge_text (what the model translated the text
        into), bridge_confidence (the mean log-probability of its tokens), output (or logprobs, one a choice), answer, gold, and
        correct; for the task translation chrf (of the sentence) in its place. In the task bli, item and bridge_text are called
        word and bridge_word. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        Unknown task, language or option; data or examples that do not fit the task.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078): prompts and answer reading of bli, and passage and question of mrc in two
    languages, as in its released code; the prompts of the other tasks are this project's. In math the answer is a number, so
    the target language has a part only where examples are in it. Under ``torchrun --nproc-per-node P`` the same call shares the
    prompts among P processes; each of them gets the whole table.
    """
    plan = make_plan(task, data, bridges, scoring=scoring, shots=shots, shots_in=shots_in, examples=examples, seed=seed)
    with answering_bar([plan]) as bar:
        return carry_out(model, plan, bar, max_new_tokens=max_new_tokens, token_budget=token_budget, store=store)


class Row(NamedTuple):
    """One prompt to be: an item of a pair, the bridge, and the examples in front."""

    src: str
    tgt: str
    bridge: str | None
    item: dict
    head: str

    @property
    def first(self) -> str:
        """What asks for the translation of the text into the bridge."""
        return word_prompt(self.src, self.bridge, self.item["text"])


class Plan(NamedTuple):
    """What will be asked, known before the model runs; `firsts` are the translations into bridges, each once."""

    task: Task
    scoring: str
    rows: list[Row]
    firsts: list[str]
    card: dict


def answering_bar(plans: Sequence[Plan]) -> tqdm:
    """One progress bar for all prompts of some plans."""
    total = sum(len(plan.firsts) + len(plan.rows) for plan in plans)
    return progress_bar(total=total, desc="answering", unit="prompt", disable=processes()[0] > 0)


def make_plan(
    task: str | Task,
    data: Data,
    bridges: Sequence[str | None],
    *,
    scoring: str | None = None,
    shots: int = 0,
    shots_in: str = "src",
    examples: Data | None = None,
    seed: int = 0,
) -> Plan:
    """The prompts of `answers`, with everything checked that can be before the model runs."""
    task = find_task(task)
    scoring = scoring or ("letters" if task.choices else "generation")
    if scoring not in SCORINGS:
        raise InputError(f"unknown scoring {scoring!r}; there are {', '.join(SCORINGS)}")
    if scoring != "generation" and not task.choices:
        raise InputError(f"{task.name} has no choices to score; its answers are read out of what the model writes")
    for bridge in bridges:
        if bridge is not None:
            language(bridge)
    items, heads = _by_pair(task, data), {}
    card = {"task": task.name, "scoring": scoring, "shots": shots}
    if shots:
        pool = items if examples is None else _by_pair(task, examples)
        how = {"shots": shots, "shots_in": shots_in, "seed": seed}
        items, heads = with_examples(task, scoring, items, bridges, pool, **how)
        card |= how
    rows = [
        Row(src, tgt, bridge, item, heads.get((src, tgt, bridge), ""))
        for (src, tgt), asked in items.items()
        for bridge in bridges
        if bridge not in (src, tgt)
        for item in asked.to_dict("records")
    ]
    if not rows:
        raise InputError(f"{task.name}: there is nothing to ask, each bridge is its pair's source or target")
    if task.choices and scoring != "texts":
        most = max(len(task.choices(row.item, row.tgt)) for row in rows)
        if most > len(LETTERS):
            raise InputError(f"{task.name} has {most} choices, letters are {LETTERS}; score them with scoring='texts'")
    return Plan(task, scoring, rows, list(dict.fromkeys(row.first for row in rows if row.bridge)), card)


def _by_pair(task: Task, data: Data) -> dict[tuple[str, str], pd.DataFrame]:
    """(src, tgt) -> items."""
    parts = [data] if isinstance(data, Lexicon | pd.DataFrame) else list(data)
    if task.name != "bli" and any(isinstance(part, Lexicon) for part in parts):
        raise InputError(f"a lexicon holds no items of {task.name}; task_items gives them")
    frames = [lexicon_items(part) if isinstance(part, Lexicon) else part for part in parts]
    for frame in frames:
        missing = {"src", "tgt", "item", "text"} - set(frame.columns)
        if missing:
            raise InputError(f"not items as task_items gives them: no column {', '.join(sorted(missing))}")
    together = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["src", "tgt"])
    if together.empty:
        raise InputError(f"{task.name}: there are no items to ask")
    return {pair: items for pair, items in together.groupby(["src", "tgt"], sort=False)}


def carry_out(
    model: NeuronModel,
    plan: Plan,
    bar: tqdm,
    *,
    max_new_tokens: int | None = None,
    token_budget: int = 8192,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """The table of `answers`."""
    task, rows = plan.task, plan.rows
    common = {"token_budget": token_budget, "progress": bar, "store": store}
    firsts = complete_scored(model, plan.firsts, max_new_tokens=max_new_tokens or task.text_tokens, **common)
    written = dict(zip(plan.firsts, firsts, strict=True))
    between = [written[row.first] if row.bridge else None for row in rows]
    middles = [one and task.read_text(one.text, row.bridge) for row, one in zip(rows, between, strict=True)]
    texts = [chain(row.src, row.item["text"], row.bridge, middle) for row, middle in zip(rows, middles, strict=True)]
    prompts = [
        row.head + full_prompt(task, plan.scoring, text, row.item, row.tgt) for row, text in zip(rows, texts, strict=True)
    ]
    choices = [list(task.choices(row.item, row.tgt)) if task.choices else None for row in rows]
    if plan.scoring == "generation":
        outputs = complete(model, prompts, max_new_tokens=max_new_tokens or task.new_tokens, **common)
        found = [task.read(output, row.tgt) for output, row in zip(outputs, rows, strict=True)]
        if task.choices:
            found = [dict(zip(LETTERS, some, strict=False)).get(one, "") for one, some in zip(found, choices, strict=True)]
    else:
        named = choices if plan.scoring == "texts" else [LETTERS[: len(some)] for some in choices]
        outputs = option_logprobs(model, prompts, [[task.shown.format(one) for one in some] for some in named], **common)
        found = [some[logprobs.index(max(logprobs))] for some, logprobs in zip(choices, outputs, strict=True)]
    golds = [task.gold(row.item, row.tgt) for row in rows]
    table = pd.DataFrame(
        {
            "src": [row.src for row in rows],
            "tgt": [row.tgt for row in rows],
            "bridge": [row.bridge or ZERO_SHOT for row in rows],
            "item": [row.item["item"] for row in rows],
            "bridge_text": middles,
            "bridge_confidence": [float("nan") if one is None else one.confidence for one in between],
            "output" if plan.scoring == "generation" else "logprobs": outputs,
            "answer": found,
            "gold": ["|".join(some) for some in golds],
        }
    )
    if task.metric == "chrf":
        table["chrf"] = [sentence_chrf(one, some[0]) for one, some in zip(found, golds, strict=True)]
    else:
        table["correct"] = [
            task.same(one) in {task.same(gold) for gold in some} for one, some in zip(found, golds, strict=True)
        ]
    table.attrs["card"] = model.card | plan.card
    return table.rename(columns={"item": "word", "bridge_text": "bridge_word"}) if task.name == "bli" else table


def known_words(model: NeuronModel, lexicon: Lexicon, **options) -> Lexicon:
    """The part of a lexicon that the model itself translates right, zero-shot: the words BridgeX-ICL probes with.

    Parameters
    ----------
    model : NeuronModel
    lexicon : Lexicon
    **options
        As in `answers`.

    Raises
    ------
    InputError
        If the model knows fewer than two of the words.
    """
    items = answers(model, "bli", lexicon, **options)
    known = lexicon.keep(items.word[items.correct])
    if len(known) < 2:
        raise InputError(
            f"{lexicon.src}-{lexicon.tgt}: the model translates {len(known)} of {len(lexicon)} words right; a probe needs two. "
            f"(Do the words of the lexicon stand in this order, {lexicon.src} first?)"
        )
    return known
