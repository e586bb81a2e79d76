"""Runs a plan: translations into the bridges, answers, and what they score."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from ..inference._chat import chat_card
from ..inference._generation import complete_scored
from ..inference._option_logprobs import option_logprobs
from ..inference._processes import processes
from ..models._neuron_model import NeuronModel
from ..utils._progress import progress_bar
from ..utils._run_card import run_card
from ._metrics import sentence_chrf
from ._options import AnswerOptions
from ._plan import ZERO_SHOT, Plan
from ._task import LETTERS, full_answer, full_prompt


def answering_progress(plans: Sequence[Plan]) -> tqdm:
    """One progress bar for all prompts of several plans."""
    passes = [1 + plan.options["gold_logprobs"] for plan in plans]
    total = sum(len(plan.hop1_prompts) + times * len(plan.rows) for plan, times in zip(plans, passes, strict=True))
    return progress_bar(total=total, desc="answering", unit="prompt", disable=processes()[0] > 0)


def run_plan(model: NeuronModel, plan: Plan, options: AnswerOptions, progress: tqdm) -> pd.DataFrame:
    """The table of `answers`."""
    task, rows = plan.task, plan.rows
    bridge_texts, bridge_confidences = translate_texts(model, plan, options, progress)
    prompts = answer_prompts(plan, bridge_texts)
    outputs, confidences, logprobs, found = _answer(model, plan, prompts, options, progress)
    golds = [list(task.gold(row.item, row.tgt)) for row in rows]
    scores, correct = judge(task, found, golds)
    table = pd.DataFrame(
        {
            "src": [row.src for row in rows],
            "tgt": [row.tgt for row in rows],
            "bridge": [row.bridge or ZERO_SHOT for row in rows],
            "item": [row.item["item"] for row in rows],
            "bridge_text": bridge_texts,
            "bridge_confidence": bridge_confidences,
            "confidence": confidences,
            "output": outputs,
            "logprobs": logprobs,
            "answer": found,
            "gold": ["|".join(gold) for gold in golds],
            "score": scores,
            "correct": correct,
            "copy": copy_scores(task, rows, golds),
        }
    )
    if options.gold_logprobs:
        table["gold_logprob"] = _gold_logprobs(model, plan, prompts, golds, options, progress)
    asked = plan.options | chat_card(model, options.chat)
    table.attrs["card"] = run_card("answers", model.card, data=plan.data, options=asked)
    return table


def answer_prompts(plan: Plan, bridge_texts: Sequence[str | None]) -> list[str]:
    """The prompt of each row, with what its text became in its bridge."""
    prompts = []
    for row, bridge_text in zip(plan.rows, bridge_texts, strict=True):
        text = plan.task.with_bridge(row.src, row.item["text"], row.bridge, bridge_text)
        prompts.append(row.head + full_prompt(plan.task, plan.scoring, text, row.item, row.tgt))
    return prompts


def translate_texts(model, plan, options, progress) -> tuple[list[str | None], list[float]]:
    """What each row's text becomes in its bridge, and the model's confidence.

    Without a bridge they are None and NaN; a bridge text that is given comes as it is, without confidence.
    """
    completions = complete_scored(
        model,
        plan.hop1_prompts,
        max_new_tokens=options.max_new_tokens or plan.task.text_tokens,
        **common_options(options, progress),
    )
    written = dict(zip(plan.hop1_prompts, completions, strict=True))
    texts, confidences = [], []
    for row in plan.rows:
        completion = None if row.hop1_prompt is None else written[row.hop1_prompt]
        texts.append(row.given if completion is None else plan.task.read_text(completion.text, row.bridge))
        confidences.append(float("nan") if completion is None else completion.confidence)
    return texts, confidences


def common_options(options, progress) -> dict[str, Any]:
    """What the three ways of asking share."""
    return {"chat": options.chat, "token_budget": options.token_budget, "progress": progress, "store": options.store}


def _answer(model, plan, prompts, options, progress) -> tuple[list, list[float], list, list[str]]:
    """What the model wrote or None, its confidence in that or NaN, log-probabilities of the choices or None, and the answer."""
    task, rows = plan.task, plan.rows
    choices = [list(task.choices(row.item, row.tgt)) if task.choices else None for row in rows]
    common = common_options(options, progress)
    nothing = [None] * len(rows)
    if plan.scoring == "generation":
        written = complete_scored(model, prompts, max_new_tokens=options.max_new_tokens or task.new_tokens, **common)
        outputs = [completion.text for completion in written]
        found = [task.read(output, row.tgt) for output, row in zip(outputs, rows, strict=True)]
        if task.choices:
            found = [
                dict(zip(LETTERS, texts, strict=False)).get(letter, "") for letter, texts in zip(found, choices, strict=True)
            ]
        return outputs, [completion.confidence for completion in written], nothing, found
    named = choices if plan.scoring == "texts" else [LETTERS[: len(texts)] for texts in choices]
    logprobs = option_logprobs(model, prompts, [[task.shown.format(name) for name in names] for names in named], **common)
    found = [texts[scores.index(max(scores))] for texts, scores in zip(choices, logprobs, strict=True)]
    return nothing, [float("nan")] * len(rows), logprobs, found


def judge(task, found, golds) -> tuple[list[float], Any]:
    """Score and correctness of each answer; correctness is missing where the metric is chrF."""
    if task.metric == "chrf":
        scores = [sentence_chrf(answer, gold[0]) / 100 for answer, gold in zip(found, golds, strict=True)]
        return scores, pd.array([pd.NA] * len(found), dtype="boolean")
    correct = [task.same(answer) in {task.same(form) for form in gold} for answer, gold in zip(found, golds, strict=True)]
    return [float(right) for right in correct], correct


def copy_scores(task, rows, golds) -> list[float]:
    """What writing an item's text as the answer would score; NaN where the answer is one of several choices."""
    if task.choices:
        return [float("nan")] * len(rows)
    scored = {}  # items are asked through several bridges
    for row, gold in zip(rows, golds, strict=True):
        key = row.src, row.tgt, row.item["item"]
        if key not in scored:
            scored[key] = judge(task, [task.read(row.item["text"], row.tgt)], [gold])[0][0]
    return [scored[row.src, row.tgt, row.item["item"]] for row in rows]


def _gold_logprobs(model, plan, prompts, golds, options, progress) -> list[float]:
    """log P of the likeliest accepted answer, as it is written behind each prompt."""
    written = [
        [full_answer(plan.task, plan.scoring, form, row.item, row.tgt) for form in gold]
        for row, gold in zip(plan.rows, golds, strict=True)
    ]
    common = common_options(options, progress)
    return [max(logprobs) for logprobs in option_logprobs(model, prompts, written, **common)]
