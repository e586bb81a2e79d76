"""Prompts of every task written out by hand, and its items on real data."""

import pytest

import bridgex_nb as bx
from bridgex_nb.evaluation._task import chain, full_answer, full_prompt
from bridgex_nb.evaluation._tasks import TOPICS

#: Task -> a pair and a bridge that its reference data have.
TASKS = {
    "bli": ("sw", "tl", "en"),
    "mrc": ("de", "en", "fr"),
    "mrc_chained": ("de", "en", "fr"),
    "topic": ("sw", "tl", "en"),
    "translation": ("sw", "tl", "en"),
    "nli": ("sw", "fr", "en"),
    "math": ("sw", "ja", "en"),
    "causal": ("sw", "it", "en"),
}

MRC = {"text": "Maji ni baridi.", "question": "Wie ist das Wasser?", "choices": ["heiß", "kalt", "rot", "alt"], "answer": 1}


RELEASED = (
    "Answer the following question based on the passage. Respond with A, B, C, or D.\n"
    "Passage: {}\nQuestion: Wie ist das Wasser?\nChoices:\nA: heiß\nB: kalt\nC: rot\nD: alt\nAnswer:"
)


def test_the_prompts_of_the_released_reading_comprehension():
    task = bx.TASKS["mrc"]
    assert task.text_prompt("sw", "en", MRC["text"]) == (
        "Translate the following text from swh_Latn to eng_Latn:\nMaji ni baridi.\nTranslation: "
    )
    zero_shot = full_prompt(task, "generation", task.with_bridge("sw", MRC["text"], None, None), MRC, "de")
    bridged = full_prompt(task, "generation", task.with_bridge("sw", MRC["text"], "en", "Water is cold."), MRC, "de")
    assert zero_shot == RELEASED.format("Maji ni baridi.")
    assert bridged == RELEASED.format("Water is cold.")
    assert full_answer(task, "generation", "kalt", MRC, "de") == " B"
    assert (task.text_tokens, task.new_tokens) == (512, 10)


def test_a_prompt_with_choices():
    prompt = full_prompt(bx.TASKS["mrc_chained"], "letters", chain("sw", MRC["text"], "en", "Water is cold."), MRC, "de")
    assert prompt == (
        'Passage: kiswahili:"Maji ni baridi."→English:"Water is cold."\n'
        "Question: Wie ist das Wasser?\nA. heiß\nB. kalt\nC. rot\nD. alt\nAnswer:"
    )
    assert full_answer(bx.TASKS["mrc_chained"], "letters", "kalt", MRC, "de") == " B"


def test_a_prompt_for_scoring_the_texts_of_the_choices_does_not_list_them():
    prompt = full_prompt(bx.TASKS["mrc_chained"], "texts", chain("sw", MRC["text"]), MRC, "de")
    assert prompt == 'Passage: kiswahili:"Maji ni baridi."\nQuestion: Wie ist das Wasser?\nAnswer:'
    assert full_answer(bx.TASKS["mrc_chained"], "texts", "kalt", MRC, "de") == " kalt"


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
    folder = None if task == "bli" else shared_data
    items = bx.task_items(task, src, tgt, folder=folder)
    back = bx.task_items(task, tgt, src, folder=folder)
    assert (items.src == src).all()
    assert (items.tgt == tgt).all()
    assert items.item.is_unique
    assert items.text.str.len().gt(0).all()
    if task != "bli":
        assert items.item.tolist() == back.item.tolist()
        assert items.translated.tolist() == back.text.tolist()
    few = bx.task_items(task, src, tgt, folder=folder, limit=7)
    assert few.item.tolist() == [item for item in items.item if item in set(few.item)]
    assert len(few) == 7
    assert few.item.tolist() != items.item[:7].tolist()


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(bx.InputError, match=f"limit is {limit}; it must be 1 or more"):
        bx.task_items("bli", "sw", "tl", limit=limit)


def test_words_take_no_folder(tmp_path):
    with pytest.raises(bx.InputError, match="bli takes no folder: pass a lexicon"):
        bx.task_items("bli", "sw", "tl", folder=tmp_path)
