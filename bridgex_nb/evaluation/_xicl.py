"""X-ICL: what a model answers zero-shot, through a bridge that it translates into itself, and behind worked examples."""

import json
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
from ..utils._run_card import data_card, run_card
from ._metrics import sentence_chrf
from ._options import AnswerOptions, Data
from ._shots import with_examples
from ._tasks import LETTERS, Task, chain, find_task, full_prompt, lexicon_items

#: What `bridge` is in rows that have none.
ZERO_SHOT = "zero-shot"


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

    A bridge enters in two hops. The text of an item (word, passage, premise …) is translated: ``{Src}:"{text}"→{Bridge}:``
    gives b. Then the item is asked with ``{Src}:"{text}"→{Bridge}:"{b}"`` in place of ``{Src}:"{text}"``; the model sees its
    own b, right or wrong. A translation that several targets need is asked for once.

    Parameters
    ----------
    model : NeuronModel
    task : str or Task
        As in `task_items`.
    data : Lexicon, DataFrame or sequence of them
        What is asked: items as `task_items` returns them; for bli also lexicons.
    bridges : sequence of str or None
        Bridge languages; None is zero-shot. A bridge that is a pair's source or target is left out for that pair.
    scoring : {"letters", "texts", "generation"}, optional
        How an answer to a task with choices is found. "letters" (the default there) lists them as A, B, … and takes the letter
        of the highest log-likelihood; "texts" does not list them and takes the choice of the highest log-likelihood, summed
        over its tokens; "generation" lists them and reads the letter from what the model writes. Answers to all other tasks are
        read from what the model writes.
    shots : int
        Worked examples at the beginning of each prompt. They are drawn from `examples`, and items that they give away are not
        asked.
    shots_in : {"src", "bridge", "tgt"}
        The language of the examples' text. Zero-shot rows have no examples in a bridge language.
    examples : Lexicon, DataFrame or sequence of them, optional
        Items of the pairs (that language, tgt); `data` by default, which is enough for "src".
    seed : int
        Of the draw of the examples.
    max_new_tokens : int, optional
        How much the model may write; by default what the task says (bli 30, as in the released code).
    token_budget : int
        Tokens of one padded batch. Where the memory does not hold that many, it is halved until it does.
    store : str or Path, optional
        A folder of results. Every batch is written there at once; the same call continues where it was interrupted.

    Returns
    -------
    pandas.DataFrame
        One row per item and bridge, with the same columns for every task: src, tgt, bridge ("zero-shot" for None), item (its
        name; in bli the word), bridge_text (what the model translated the text into; missing in zero-shot), bridge_confidence
        (mean log-probability of its tokens), output (what the model wrote; None if choices were scored), logprobs (list, one
        per choice; None if the model wrote), answer, gold (accepted answers, joined by ``|``), score (0 to 1: 1 for a right
        answer, 0 for a wrong one; in translation the sentence's chrF / 100) and correct (bool; missing in translation). The run
        card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        Unknown task, language or option; data or examples that do not fit the task; no bridges, a bridge or an item that is
        given twice, or several accepted answers where chrF is the metric.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078): the prompts and the reading of answers of bli, and the passage and question
    of mrc in two languages, are those of its released code; the prompts of the other tasks are this project's. In math the
    answer is a number, so the target language matters only where examples are in it. Under ``torchrun --nproc-per-node P`` the
    same call shares the prompts among P processes; each of them returns the whole table.

    Examples
    --------
    >>> table = answers(load_model(), "bli", core_lexicon("sw", "tl").keep(["moto"]), [None, "en"])
    >>> table[["bridge", "bridge_text"]].values.tolist()[1]
    ['en', 'fire']
    """
    options = AnswerOptions(scoring, shots, shots_in, examples, seed, max_new_tokens, token_budget, store)
    plan = make_plan(task, data, bridges, options)
    with answering_progress([plan]) as progress:
        return run_plan(model, plan, options, progress)


class Row(NamedTuple):
    """One row of the table to be: an item of a pair, the bridge, and the examples at the beginning of its prompt."""

    src: str
    tgt: str
    bridge: str | None
    item: dict
    head: str

    @property
    def hop1_prompt(self) -> str:
        """What asks for the translation of the text into the bridge."""
        return word_prompt(self.src, self.bridge, self.item["text"])


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


def answering_progress(plans: Sequence[Plan]) -> tqdm:
    """One progress bar for all prompts of several plans."""
    total = sum(len(plan.hop1_prompts) + len(plan.rows) for plan in plans)
    return progress_bar(total=total, desc="answering", unit="prompt", disable=processes()[0] > 0)


def make_plan(task: str | Task, data: Data, bridges: Sequence[str | None], options: AnswerOptions) -> Plan:
    """The prompts of `answers`, with everything checked that can be checked before the model runs."""
    task = find_task(task)
    scoring = options.scoring or ("letters" if task.choices else "generation")
    if scoring != "generation" and not task.choices:
        raise InputError(
            f"{task.name} has no choices to score; leave out scoring=, its answers are read from the generated text"
        )
    if not len(bridges):
        raise InputError("no bridges are given; bridges=[None] is zero-shot")
    for bridge in bridges:
        if bridge is not None:
            language(bridge)
        if list(bridges).count(bridge) > 1:
            raise InputError(f"{bridge!r} is given twice among the bridges")
    items, heads = _items_by_pair(task, data), {}
    for (src, tgt), asked in items.items():
        if not asked.item.is_unique:
            raise InputError(f"{src}-{tgt}: item {asked.item[asked.item.duplicated()].iloc[0]!r} is given twice")
    card = {"task": task.name, "bridges": [bridge or ZERO_SHOT for bridge in bridges], "scoring": scoring}
    card |= {"shots": options.shots, "max_new_tokens": options.max_new_tokens}
    if options.shots:
        pool = items if options.examples is None else _items_by_pair(task, options.examples)
        draw = {"shots": options.shots, "shots_in": options.shots_in, "seed": options.seed}
        items, heads = with_examples(task, scoring, items, bridges, pool, **draw)
        card |= draw | {"examples_sha256": data_card({"heads": list(heads.values())})["sha256"]}
    rows = [
        Row(src, tgt, bridge, item, heads.get((src, tgt, bridge), ""))
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
    hop1_prompts = list(dict.fromkeys(row.hop1_prompt for row in rows if row.bridge))
    return Plan(task, scoring, rows, hop1_prompts, {"kind": "items", **_item_hash(items)}, card)


def _items_by_pair(task: Task, data: Data) -> dict[tuple[str, str], pd.DataFrame]:
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


def run_plan(model: NeuronModel, plan: Plan, options: AnswerOptions, progress: tqdm) -> pd.DataFrame:
    """The table of `answers`."""
    task, rows = plan.task, plan.rows
    bridge_texts, confidences = _translate_texts(model, plan, options, progress)
    prompts = []
    for row, bridge_text in zip(rows, bridge_texts, strict=True):
        text = chain(row.src, row.item["text"], row.bridge, bridge_text)
        prompts.append(row.head + full_prompt(task, plan.scoring, text, row.item, row.tgt))
    outputs, logprobs, found = _answer(model, plan, prompts, options, progress)
    golds = [list(task.gold(row.item, row.tgt)) for row in rows]
    judged = list(zip(found, golds, strict=True))
    if task.metric == "chrf":
        scores = [sentence_chrf(answer, gold[0]) / 100 for answer, gold in judged]
        correct = pd.array([pd.NA] * len(rows), dtype="boolean")
    else:
        correct = [task.same(answer) in {task.same(form) for form in gold} for answer, gold in judged]
        scores = [float(right) for right in correct]
    table = pd.DataFrame(
        {
            "src": [row.src for row in rows],
            "tgt": [row.tgt for row in rows],
            "bridge": [row.bridge or ZERO_SHOT for row in rows],
            "item": [row.item["item"] for row in rows],
            "bridge_text": bridge_texts,
            "bridge_confidence": confidences,
            "output": outputs,
            "logprobs": logprobs,
            "answer": found,
            "gold": ["|".join(gold) for gold in golds],
            "score": scores,
            "correct": correct,
        }
    )
    table.attrs["card"] = run_card("answers", model.card, data=plan.data, options=plan.options)
    return table


def _translate_texts(model, plan, options, progress) -> tuple[list[str | None], list[float]]:
    """The first hop: what each row's text becomes in its bridge, and the model's confidence; None and NaN without a bridge."""
    completions = complete_scored(
        model,
        plan.hop1_prompts,
        max_new_tokens=options.max_new_tokens or plan.task.text_tokens,
        token_budget=options.token_budget,
        progress=progress,
        store=options.store,
    )
    written = dict(zip(plan.hop1_prompts, completions, strict=True))
    texts, confidences = [], []
    for row in plan.rows:
        completion = written[row.hop1_prompt] if row.bridge else None
        texts.append(None if completion is None else plan.task.read_text(completion.text, row.bridge))
        confidences.append(float("nan") if completion is None else completion.confidence)
    return texts, confidences


def _answer(model, plan, prompts, options, progress) -> tuple[list, list, list[str]]:
    """What the model wrote or None, log-probabilities of the choices or None, and the answer, of each row."""
    task, rows = plan.task, plan.rows
    choices = [list(task.choices(row.item, row.tgt)) if task.choices else None for row in rows]
    common = {"token_budget": options.token_budget, "progress": progress, "store": options.store}
    nothing = [None] * len(rows)
    if plan.scoring == "generation":
        outputs = complete(model, prompts, max_new_tokens=options.max_new_tokens or task.new_tokens, **common)
        found = [task.read(output, row.tgt) for output, row in zip(outputs, rows, strict=True)]
        if task.choices:
            found = [
                dict(zip(LETTERS, texts, strict=False)).get(letter, "") for letter, texts in zip(found, choices, strict=True)
            ]
        return outputs, nothing, found
    named = choices if plan.scoring == "texts" else [LETTERS[: len(texts)] for texts in choices]
    logprobs = option_logprobs(model, prompts, [[task.shown.format(name) for name in names] for names in named], **common)
    found = [texts[scores.index(max(scores))] for texts, scores in zip(choices, logprobs, strict=True)]
    return nothing, logprobs, found


def known_words(
    model: NeuronModel,
    lexicon: Lexicon,
    *,
    shots: int = 0,
    examples: Data | None = None,
    seed: int = 0,
    max_new_tokens: int | None = None,
    token_budget: int = 8192,
    store: str | Path | None = None,
) -> Lexicon:
    """The part of a lexicon that the model itself translates right, zero-shot: the words BridgeX-ICL probes with.

    Parameters
    ----------
    model : NeuronModel
    lexicon : Lexicon
    shots, examples, seed, max_new_tokens, token_budget, store
        As in `answers`; words that the examples give away are not known.

    Raises
    ------
    InputError
        If the model knows fewer than two of the words, and as `answers`.

    Examples
    --------
    >>> known_words(load_model(), core_lexicon("sw", "en").keep(["moto", "maji"]))
    Lexicon('sw', 'en', 2 words)
    """
    items = answers(
        model,
        "bli",
        lexicon,
        shots=shots,
        examples=examples,
        seed=seed,
        max_new_tokens=max_new_tokens,
        token_budget=token_budget,
        store=store,
    )
    known = lexicon.keep(items["item"][items.correct])
    if len(known) < 2:
        raise InputError(
            f"{lexicon.src}-{lexicon.tgt}: the model translates {len(known)} of {len(lexicon)} words right; a probe needs two. "
            f"(Are the words of the lexicon in this order, {lexicon.src} first?)"
        )
    return known
