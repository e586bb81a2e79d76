"""What a model answers, zero-shot and through bridges: one table for every task, on real data with real models."""

import dataclasses
import math

import pandas as pd
import pytest
import tiny
import torch
from sacrebleu.metrics import CHRF

import bridgex_nb as bx

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
CHOICE = [name for name in TASKS if bx.TASKS[name].choices]
COLUMNS = ["src", "tgt", "bridge", "item", "bridge_text", "bridge_confidence", "confidence"]
COLUMNS += ["output", "logprobs", "answer", "gold", "score", "correct", "copy"]
MRC = {"text": "Maji ni baridi.", "question": "Wie ist das Wasser?", "choices": ["heiß", "kalt", "rot", "alt"], "answer": 1}


@pytest.fixture(scope="module")
def few():
    """Twelve words of Swahili-Tagalog."""
    lexicon = bx.core_lexicon("sw", "tl")
    return lexicon.keep(list(lexicon.entries)[:12])


@pytest.fixture(scope="module")
def items(mini, few):
    return bx.answers(mini, "bli", few, [None, "en", "es"])


def test_one_row_per_item_and_bridge_with_its_output(items, few):
    asked = {bridge: rows["item"].tolist() for bridge, rows in items.groupby("bridge")}
    assert asked == {bridge: list(few.entries) for bridge in ("zero-shot", "en", "es")}
    assert items.output.str.len().gt(0).all()
    assert items.bridge_text.isna().equals(items.bridge == "zero-shot")


def test_batches_answer_as_one_prompt_at_a_time(mini, items, few):
    """The published scripts ask one prompt at a time, each step by hand."""
    autonym = {code: bx.language(code).autonym for code in bx.LANGUAGES}
    for row in items.itertuples():
        head = f'{autonym["sw"]}:"{row.item}"→'
        if row.bridge == "zero-shot":
            prompt = f"{head}{autonym['tl']}:"
        else:
            bridge_text = bx.complete(mini, [f"{head}{autonym[row.bridge]}:"])[0].strip().strip('"')
            assert bridge_text == row.bridge_text
            prompt = f'{head}{autonym[row.bridge]}:"{bridge_text}"→{autonym["tl"]}:'
        assert bx.complete(mini, [prompt]) == [row.output]


def test_correct_means_one_of_the_accepted_translations(items, few):
    for row in items.itertuples():
        assert row.correct == (row.answer in [word.lower() for word in few.entries[row.item]])


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
@pytest.mark.parametrize("kind", ["mini", "qwen3"])
@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_the_same_columns(task, kind, mini, shared_data):
    model, (src, tgt, bridge) = mini if kind == "mini" else tiny.load(kind), TASKS[task]
    items = bx.task_items(task, src, tgt, folder=None if task == "bli" else shared_data, limit=3)
    table = bx.answers(model, task, items, [None, bridge])
    assert table.columns.tolist() == COLUMNS
    assert table["item"].tolist() == items["item"].tolist() * 2
    assert table.bridge_text.isna().tolist() == [True] * 3 + [False] * 3
    assert table.score.between(0, 1).all()
    written = task not in CHOICE or task == "mrc"
    assert table.output.notna().all() == written == table.logprobs.isna().all()
    assert table["copy"].isna().all() == (task in CHOICE)
    if task == "translation":
        assert table.correct.isna().all()
    else:
        assert table.correct.dtype == bool
        assert table.score.tolist() == table.correct.astype(float).tolist()


def test_tables_of_several_tasks_can_be_joined(mini, items, shared_data):
    sentences = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=2)
    joined = pd.concat([items, bx.answers(mini, "translation", sentences, max_new_tokens=4)])
    assert joined.columns.tolist() == COLUMNS
    assert joined.correct.isna().sum() == 2


def test_the_card_says_what_was_asked_and_how(mini, few, items):
    card = items.attrs["card"]
    assert (card["function"], card["model"]) == ("answers", mini.card["model"])
    assert card["data"]["texts"] == {"sw-tl": 12}
    assert card["options"] == {
        "task": "bli",
        "bridges": ["zero-shot", "en", "es"],
        "scoring": "generation",
        "reading": None,
        "shots": 0,
        "max_new_tokens": None,
        "gold_logprobs": False,
    }

    def data_of(lexicon, **options):
        return bx.answers(mini, "bli", lexicon, **options).attrs["card"]

    assert data_of(few)["data"] == card["data"]
    other = bx.Lexicon("sw", "tl", few.entries | {"jua": ["buwan"]})
    assert data_of(other)["data"]["sha256"] != card["data"]["sha256"]
    shot = data_of(few, shots=2, seed=1, max_new_tokens=9)["options"]
    assert (shot["shots"], shot["shots_in"], shot["seed"], shot["max_new_tokens"]) == (2, "src", 1, 9)
    assert shot["examples_sha256"] != data_of(few, shots=2, seed=2)["options"]["examples_sha256"]


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
@pytest.mark.parametrize("scoring", ["letters", "texts"])
@pytest.mark.parametrize("task", CHOICE)
def test_the_likeliest_choice_is_the_answer(task, scoring, mini, shared_data):
    src, tgt, _ = TASKS[task]
    items = bx.task_items(task, src, tgt, folder=shared_data, limit=3)
    if (task, scoring) == ("mrc", "texts"):
        with pytest.raises(bx.InputError, match="mrc cannot be scored by 'texts', its prompt asks for a letter"):
            bx.answers(mini, task, items, scoring=scoring)
        return
    table = bx.answers(mini, task, items, scoring=scoring)
    for row, item in zip(table.itertuples(), items.to_dict("records"), strict=True):
        choices = list(bx.TASKS[task].choices(item, tgt))
        assert len(row.logprobs) == len(choices)
        assert row.answer == choices[row.logprobs.index(max(row.logprobs))]
        assert row.correct == (row.answer == row.gold)


def test_more_choices_than_letters_are_refused(mini):
    items = pd.DataFrame([{"src": "sw", "tgt": "de", "item": 0, **MRC, "choices": list("klmnopqrst")}])
    with pytest.raises(bx.InputError, match="mrc_chained has 10 choices, but letters are ABCDEFG"):
        bx.answers(mini, "mrc_chained", items)
    assert len(bx.answers(mini, "mrc_chained", items, scoring="texts").logprobs[0]) == 10


@pytest.mark.parametrize(("letter", "answer"), [("B", "kalt"), ("D", "alt"), ("E", ""), ("", "")])
def test_a_letter_that_is_read_names_a_choice(mini, letter, answer):
    task = dataclasses.replace(bx.TASKS["mrc"], read=lambda output, tgt: letter)
    items = pd.DataFrame([{"src": "sw", "tgt": "de", "item": 0, **MRC}])
    (row,) = bx.answers(mini, task, items, scoring="generation", max_new_tokens=1).itertuples()
    assert row.answer == answer
    assert row.correct == (answer == "kalt")
    assert row.logprobs is None


def test_your_own_task(mini):
    """Antonyms would be the same: a prompt, what is accepted, how it is read."""
    task = bx.Task(
        "spelling",
        items=lambda src, tgt, folder: None,
        prompt=lambda text, item, tgt: f"{text}→{bx.language(tgt).autonym}:",
        gold=lambda item, tgt: item["gold"],
        read=bx.TASKS["bli"].read,
    )
    items = bx.task_items("bli", "sw", "en", limit=10)
    own, bli = bx.answers(mini, task, items), bx.answers(mini, "bli", items)
    assert own.output.tolist() == bli.output.tolist()
    assert own.columns.tolist() == COLUMNS


def test_chrf_compares_with_one_accepted_answer():
    task = dataclasses.replace(bx.TASKS["bli"], name="gloss", metric="chrf")
    items = pd.DataFrame([{"src": "sw", "tgt": "en", "item": "moto", "text": "moto", "gold": ["fire", "heat"]}])
    with pytest.raises(bx.InputError, match="gloss: item 'moto' has 2 accepted answers; chrF compares with one"):
        bx.answers(None, task, items)


def test_known_words_are_those_that_the_model_translates_right(mini, few):
    known = bx.known_words(mini, few)
    right = bx.answers(mini, "bli", few).set_index("item").correct
    assert list(known.entries) == [word for word in few.entries if right[word]]


def test_a_model_that_knows_nothing_is_reported(mini):
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["xyz"], "maji": ["zyx"]})
    with pytest.raises(bx.InputError, match="sw-tl: the model translates 0 of 2 words right"):
        bx.known_words(mini, lexicon)


def test_a_bridge_confidence_is_there_where_a_bridge_is(items):
    for row in items.itertuples():
        assert math.isnan(row.bridge_confidence) == (row.bridge == "zero-shot")


def test_the_confidence_of_an_answer_is_the_mean_log_probability_of_its_tokens(mini, items, few):
    """By hand: a plain forward over the prompt and the tokens that were written, down to the one that ends the answer."""
    autonym = {code: bx.language(code).autonym for code in bx.LANGUAGES}
    for row in items.groupby("bridge").head(3).itertuples():
        link = "" if row.bridge == "zero-shot" else f'→{autonym[row.bridge]}:"{row.bridge_text}"'
        prompt = f'{autonym["sw"]}:"{row.item}"{link}→{autonym["tl"]}:'
        (written,) = bx.complete_scored(mini, [prompt])
        assert written.text == row.output
        head = mini.tokenizer(prompt)["input_ids"]
        with torch.inference_mode():
            logits = mini.hf_model(torch.tensor([[*head, *written.ids]])).logits[0].double()
        logprobs = logits.log_softmax(dim=-1)[len(head) - 1 : -1]
        by_hand = logprobs.gather(1, torch.tensor(written.ids)[:, None]).mean()
        assert row.confidence == pytest.approx(float(by_hand), abs=1e-4)


def test_scored_choices_have_no_confidence(mini):
    items = pd.DataFrame([{"src": "sw", "tgt": "de", "item": "1", **MRC}])
    asked = {scoring: bx.answers(mini, "mrc", items, scoring=scoring) for scoring in ("letters", "generation")}
    assert math.isnan(asked["letters"].confidence[0])
    assert asked["generation"].confidence[0] < 0


LEXICON = bx.core_lexicon("sw", "tl")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ("bli", LEXICON),
            {"scoring": "letters"},
            "bli has no choices to score.*from the generated text",
        ),
        (("mrc", LEXICON), {}, "a lexicon has no items of mrc"),
        (("bli", []), {}, "there are no items to ask"),
        (("bli", [LEXICON, bx.Lexicon("sw", "fi", {})]), {}, "the sw-fi lexicon has no words"),
        (("bli", [LEXICON, LEXICON]), {}, "sw-tl: item 'jua' is given twice"),
        (("bli", LEXICON, ["en", "en"]), {}, "'en' is given twice among the bridges"),
        (("bli", LEXICON, []), {}, r"no bridges are given; bridges=\[None\] is zero-shot"),
        (("bli", LEXICON), {"scoring": "best"}, "unknown scoring 'best'; choose from letters"),
        (("bli", LEXICON), {"shots": 2, "shots_in": "en"}, "unknown shots_in 'en'; choose from src, bridge, tgt"),
        (("bli", LEXICON), {"shots": 2, "shots_in": "tgt"}, "no items of tl-tl to draw examples from"),
        (("bli", LEXICON), {"shots": 9999}, "items are too few to draw 9999 examples from"),
    ],
)
def test_bad_input_is_named(mini, arguments, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.answers(mini, *arguments, **options)


def test_log_p_of_the_gold_answer_is_that_of_the_likeliest_accepted_one(mini):
    """By hand: `loglikelihood` of every accepted answer, in quotes, behind the prompt that was asked."""
    lexicon = bx.Lexicon("sw", "en", {"moto": ["hot", "fire"], "maji": ["water"]})
    table = bx.answers(mini, "bli", lexicon, [None, "fr"], gold_logprobs=True)
    for row in table.itertuples():
        link = "" if row.bridge == "zero-shot" else f'→Français:"{row.bridge_text}"'
        prompt = f'kiswahili:"{row.item}"{link}→English:'
        golds = [f'"{form}"' for form in lexicon.entries[row.item]]
        expected = bx.loglikelihood(mini, golds, [prompt] * len(golds)).logprob.max()
        assert row.gold_logprob == pytest.approx(expected, abs=1e-4)
    assert bx.accuracy(table).gold_logprob.tolist() == pytest.approx(
        table.groupby("bridge", sort=False).gold_logprob.mean().tolist()
    )


def test_what_copying_the_word_would_score(mini):
    lexicon = bx.Lexicon("de", "en", {"Radio": ["radio", "wireless"], "Hand": ["hand"], "Feuer": ["fire"]})
    table = bx.answers(mini, "bli", lexicon, [None, "fr"])
    assert table["copy"].tolist() == [1, 1, 0] * 2
    assert bx.accuracy(table)["copy"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert bx.evaluate(mini, "bli", "de", "en", lexicon=lexicon)["copy"].tolist() == pytest.approx([2 / 3])
    assert bx.evaluate(mini, "bli", "sw", "tl", limit=5)["copy"].tolist() == [0]


def test_what_copying_a_sentence_would_score(mini, shared_data):
    sentences = bx.task_items("translation", "en", "de", folder=shared_data, limit=3)
    table = bx.answers(mini, "translation", sentences, max_new_tokens=2)
    by_hand = [
        CHRF().sentence_score(text, [gold]).score for text, gold in zip(sentences.text, sentences.translated, strict=True)
    ]
    assert (100 * table["copy"]).tolist() == pytest.approx(by_hand)
    assert bx.translation_scores(table)["copy"][0] == pytest.approx(sum(by_hand) / 3)
