"""Prompts of every task written out by hand, and every task on real data with real models."""

import dataclasses
import json
import math
from collections import Counter

import pandas as pd
import pytest
import tiny
from sacrebleu.metrics import CHRF

import bridgex_nb as bx
from bridgex_nb.evaluation._metrics import sentence_chrf
from bridgex_nb.evaluation._tasks import TOPICS, chain, full_answer, full_prompt

#: Task -> a pair and a bridge that its data in ../shared/data have.
TASKS = {
    "bli": ("sw", "tl", "en"),
    "mrc": ("de", "en", "fr"),
    "topic": ("sw", "tl", "en"),
    "translation": ("sw", "tl", "en"),
    "nli": ("sw", "fr", "en"),
    "math": ("sw", "ja", "en"),
    "causal": ("sw", "it", "en"),
}
CHOICE = [name for name in TASKS if bx.TASKS[name].choices]

MRC = {"text": "Maji ni baridi.", "question": "Wie ist das Wasser?", "choices": ["heiß", "kalt", "rot", "alt"], "answer": 1}


def test_a_prompt_with_choices():
    prompt = full_prompt(bx.TASKS["mrc"], "letters", chain("sw", MRC["text"], "en", "Water is cold."), MRC, "de")
    assert prompt == (
        'Passage: kiswahili:"Maji ni baridi."→English:"Water is cold."\n'
        "Question: Wie ist das Wasser?\nA. heiß\nB. kalt\nC. rot\nD. alt\nAnswer:"
    )
    assert full_answer(bx.TASKS["mrc"], "letters", "kalt", MRC, "de") == " B"


def test_a_prompt_with_choices_that_are_scored_themselves():
    prompt = full_prompt(bx.TASKS["mrc"], "texts", chain("sw", MRC["text"]), MRC, "de")
    assert prompt == 'Passage: kiswahili:"Maji ni baridi."\nQuestion: Wie ist das Wasser?\nAnswer:'
    assert full_answer(bx.TASKS["mrc"], "texts", "kalt", MRC, "de") == " kalt"


@pytest.mark.parametrize(
    ("task", "item", "tgt", "prompt", "answer"),
    [
        ("bli", {"gold": ["apoy", "sunog"]}, "tl", "{}→Tagalog:", '"apoy"'),
        ("translation", {"translated": "Mainit ang araw."}, "tl", "{}→Tagalog:", '"Mainit ang araw."'),
        ("math", {"answer": "2,125"}, "ja", "Question: {}\nAnswer:", " 2,125"),
        (
            "nli",
            {"hypothesis": "Il fait froid.", "label": "contradiction"},
            "fr",
            "Premise: {}\nHypothesis: Il fait froid.\nQuestion: How does the hypothesis relate to the premise?\n"
            "A. entailment\nB. neutral\nC. contradiction\nAnswer:",
            " C",
        ),
        (
            "causal",
            {"question": "cause", "choices": ["Era fragile.", "Era piccolo."], "answer": 0},
            "it",
            "Premise: {}\nQuestion: What was its cause?\nA. Era fragile.\nB. Era piccolo.\nAnswer:",
            " A",
        ),
        (
            "topic",
            {"category": "health"},
            "tl",
            "Text: {}\nQuestion: What is the text about?\nA. agham/teknolohiya\nB. paglalakbay\nC. pulitika\nD. palakasan\n"
            "E. kalusugan\nF. libangan\nG. heograpiya\nAnswer:",
            " E",
        ),
    ],
)
def test_prompts_and_answers_of_every_task(task, item, tgt, prompt, answer):
    task = bx.TASKS[task]
    scoring = "letters" if task.choices else "generation"
    text = chain("sw", "moto", "en", "fire")
    assert full_prompt(task, scoring, text, item, tgt) == prompt.format('kiswahili:"moto"→English:"fire"')
    assert full_answer(task, scoring, task.gold(item, tgt)[0], item, tgt) == answer


@pytest.mark.parametrize("code", bx.LANGUAGES)
def test_seven_topics_in_every_language(code, in_script):
    topics = TOPICS[code].split()
    assert len(set(topics)) == 7
    assert all(in_script(topic, code) for topic in topics)


@pytest.mark.parametrize("task", TASKS)
def test_items_have_the_text_in_one_language_and_the_rest_in_the_other(task, shared_data):
    src, tgt, _ = TASKS[task]
    there = bx.task_items(task, src, tgt, folder=shared_data)
    back = bx.task_items(task, tgt, src, folder=shared_data)
    assert (there.src == src).all()
    assert (there.tgt == tgt).all()
    assert there.item.is_unique
    assert there.text.str.len().gt(0).all()
    if task != "bli":
        assert there.item.tolist() == back.item.tolist()
        assert there.translated.tolist() == back.text.tolist()
    few = bx.task_items(task, src, tgt, folder=shared_data, limit=7)
    assert few.item.tolist() == [item for item in there.item if item in set(few.item)]
    assert len(few) == 7
    assert few.item.tolist() != there.item[:7].tolist()


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
@pytest.mark.parametrize("kind", ["mini", "qwen3"])
@pytest.mark.parametrize("task", TASKS)
def test_every_task_on_real_data(task, kind, mini, shared_data):
    model, (src, tgt, bridge) = mini if kind == "mini" else tiny.load(kind), TASKS[task]
    items = bx.task_items(task, src, tgt, folder=shared_data, limit=3)
    table = bx.answers(model, task, items, [None, bridge])
    names = ["word", "bridge_word"] if task == "bli" else ["item", "bridge_text"]
    assert table[names[0]].tolist() == items.item.tolist() * 2
    assert table[names[1]].isna().tolist() == [True] * 3 + [False] * 3
    card = table.attrs["card"]
    assert (card["task"], card["model"]) == (task, model.card["model"])


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
@pytest.mark.parametrize("task", ["topic", "math", "translation"])
def test_evaluate_counts_what_answers_holds(task, mini, shared_data):
    src, tgt, bridge = TASKS[task]
    table = bx.evaluate(mini, task, src, tgt, [None, bridge], folder=shared_data, limit=5)
    items = bx.answers(mini, task, bx.task_items(task, src, tgt, folder=shared_data, limit=5), [None, bridge])
    assert table.n.tolist() == [5, 5]
    if task == "translation":
        assert set(table.attrs["card"]["metrics"]) == {"chrf", "bleu tl"}
    else:
        assert table.correct.tolist() == items.groupby("bridge", sort=False).correct.sum().tolist()


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
@pytest.mark.parametrize("scoring", ["letters", "texts"])
@pytest.mark.parametrize("task", CHOICE)
def test_the_likeliest_choice_is_the_answer(task, scoring, mini, shared_data):
    src, tgt, _ = TASKS[task]
    items = bx.task_items(task, src, tgt, folder=shared_data, limit=3)
    table = bx.answers(mini, task, items, scoring=scoring)
    for row, item in zip(table.itertuples(), items.to_dict("records"), strict=True):
        choices = list(bx.TASKS[task].choices(item, tgt))
        assert len(row.logprobs) == len(choices)
        assert row.answer == choices[row.logprobs.index(max(row.logprobs))]
        assert row.correct == (row.answer == row.gold)


def test_more_choices_than_letters_are_named(mini):
    items = pd.DataFrame([{"src": "sw", "tgt": "de", "item": 0, **MRC, "choices": list("klmnopqrst")}])
    with pytest.raises(bx.InputError, match="mrc has 10 choices, letters are ABCDEFG"):
        bx.answers(mini, "mrc", items)
    assert len(bx.answers(mini, "mrc", items, scoring="texts").logprobs[0]) == 10


@pytest.mark.parametrize(("letter", "answer"), [("B", "kalt"), ("D", "alt"), ("E", ""), ("", "")])
def test_a_letter_that_is_read_names_a_choice(mini, letter, answer):
    task = dataclasses.replace(bx.TASKS["mrc"], read=lambda output, tgt: letter)
    items = pd.DataFrame([{"src": "sw", "tgt": "de", "item": 0, **MRC}])
    (row,) = bx.answers(mini, task, items, scoring="generation", max_new_tokens=1).itertuples()
    assert row.answer == answer
    assert row.correct == (answer == "kalt")


def test_a_task_of_one_s_own(mini):
    """Antonyms would be the same: a prompt, what is accepted, how it is read."""
    task = bx.Task(
        "spelling",
        items=lambda src, tgt, folder: None,
        prompt=lambda text, item, tgt: f"{text}→{bx.language(tgt).autonym}:",
        gold=lambda item, tgt: item["gold"],
        read=bx.TASKS["bli"].read,
    )
    items = bx.task_items("bli", "sw", "en", limit=10)
    own = bx.answers(mini, task, items)
    bli = bx.answers(mini, "bli", items)
    assert own.output.tolist() == bli.output.tolist()
    assert own.columns.tolist() == [
        "src",
        "tgt",
        "bridge",
        "item",
        "bridge_text",
        "bridge_confidence",
        "output",
        "answer",
        "gold",
        "correct",
    ]


def chrf_by_formula(output: str, gold: str) -> float:
    """chrF2 as Popović 2015 has it: F of mean precision and recall over the orders of character n-grams, spaces left out."""
    precisions, recalls = [], []
    for order in range(1, 7):
        grams = [
            Counter(text[i : i + order] for i in range(len(text) - order + 1))
            for text in (output.replace(" ", ""), gold.replace(" ", ""))
        ]
        if all(grams):
            both = (grams[0] & grams[1]).total()
            precisions.append(both / grams[0].total())
            recalls.append(both / grams[1].total())
    precision, recall = math.fsum(precisions) / len(precisions), math.fsum(recalls) / len(recalls)
    return 100 * 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


def test_chrf_is_the_published_formula(shared_data):
    items = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=20)
    for text, gold in zip(items.text, items.translated, strict=True):
        assert sentence_chrf(text, gold) == pytest.approx(chrf_by_formula(text, gold), abs=1e-6)


def test_translation_scores_hold_intervals_and_signatures(shared_data):
    items = bx.task_items("translation", "en", "de", folder=shared_data, limit=40)
    half = [" ".join(text.split()[: len(text.split()) // 2]) for text in items.translated]
    table = items.assign(answer=half, gold=items.translated, bridge="zero-shot")
    (row,) = bx.translation_scores(table).itertuples()
    assert row.low < row.chrf < row.high
    # sacrebleu's own bootstrap, mean ± half the width, with its own draws.
    score = CHRF().corpus_score(half, [table.gold.tolist()], n_bootstrap=2000)
    half_width = json.loads(score.format(is_json=True, signature="a:b"))["confidence_var"]
    assert (row.high - row.low) / 2 == pytest.approx(half_width, rel=0.15)
    # Some draws without a character right.
    poor = bx.translation_scores(table.assign(answer=["", *["q"] * 38, "die"]))
    assert poor.low[0] == 0 < poor.chrf[0] < poor.high[0]
    perfect = bx.translation_scores(table.assign(answer=table.gold))
    assert perfect.chrf[0] == pytest.approx(100)
    assert perfect.bleu[0] == pytest.approx(100)
    signature = perfect.attrs["card"]["metrics"]["bleu de"]
    assert "tok:13a" in signature
    assert "version:" in signature


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("bli", bx.core_lexicon("sw", "tl")), {"scoring": "letters"}, "bli has no choices to score"),
        (("mrc", bx.core_lexicon("sw", "tl")), {}, "a lexicon holds no items of mrc"),
        (("bli", []), {}, "there are no items to ask"),
        (("bli", bx.core_lexicon("sw", "tl")), {"scoring": "best"}, "unknown scoring 'best'"),
        (("bli", bx.core_lexicon("sw", "tl")), {"shots": 2, "shots_in": "en"}, "shots_in is 'en'"),
        (("bli", bx.core_lexicon("sw", "tl")), {"shots": 2, "shots_in": "tgt"}, "no items of tl-tl to draw examples from"),
        (("bli", bx.core_lexicon("sw", "tl")), {"shots": 9999}, "items are too few to draw 9999 examples from"),
    ],
)
def test_bad_input_is_named(mini, arguments, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.answers(mini, *arguments, **options)
