"""The released protocol of BridgeX-ICL: how its words and letters are read, and its reading comprehension on real data."""

import pandas as pd
import pytest
import tiny

import bridgex_nb as bx
from bridgex_nb.evaluation._released_reading import read_released_bridge, read_released_letter, read_released_word


@pytest.mark.parametrize(
    ("written", "ours", "released"),
    [
        ('"fire"', "fire", "fire"),
        ('"San Francisco"', "san francisco", "san"),
        ('"to burn", "fire"', "to burn", "to"),
        ('"fire"→Deutsch:"Feuer"', "fire", "fire"),
        ('"fire (noun)"', "fire", "fire"),
        ('"word: fire"', "word: fire", "fire"),
        ("fire.", "fire", "fire"),
        ("fire?", "fire", "fire"),
        ("“fire”", "fire", "“fire”"),
        ("", "", ""),
    ],
)
def test_words_as_the_released_code_reads_them(written, ours, released):
    assert bx.TASKS["bli"].read(written, "en") == ours
    assert read_released_word(written, "en") == released


def test_released_words_of_other_scripts():
    assert read_released_word('"שֶׁמֶשׁ"', "he") == "שמש"
    assert read_released_word("「パン」", "ja") == "パン"


def test_released_bridge_words_are_not_cut_at_the_space():
    assert read_released_bridge('"to burn", "fire"→', "en") == "to burn"
    assert read_released_bridge('"Fire"', "en") == "Fire"


@pytest.mark.parametrize(
    ("written", "letter"),
    [(" B", "B"), ("(c) the third", "C"), ("It is a trap: B", "A"), ("Because", ""), ("E", ""), ("答案是B", ""), ("", "")],
)
def test_letters_as_the_released_code_reads_them(written, letter):
    assert read_released_letter(written) == letter


def test_the_released_reading_of_the_same_outputs(mini):
    """Two words, or an apostrophe, in the target language: right for us, wrong for the released code."""
    lexicon = bx.core_lexicon("en", "sw").keep(["fire", "tiger", "cow"])
    ours, released = (bx.answers(mini, "bli", lexicon, reading=reading) for reading in (None, "released"))
    assert ours.output.tolist() == released.output.tolist() == ['"moto"', '"chui milia"', '"ng\'ombe"']
    assert (ours.attrs["card"]["options"]["reading"], released.attrs["card"]["options"]["reading"]) == (None, "released")
    assert (ours.correct.tolist(), released.correct.tolist()) == ([True, True, True], [True, False, False])
    assert released.answer.tolist() == ["moto", "chui", "ngombe"]
    assert bx.evaluate(mini, "bli", "en", "sw", lexicon=lexicon, reading="released").correct[0] == 1


def test_a_reading_that_the_release_does_not_have_is_refused(mini, shared_data):
    items = bx.task_items("topic", "sw", "fi", folder=shared_data, limit=2)
    with pytest.raises(bx.InputError, match="reads no answers to topic; leave out reading="):
        bx.answers(mini, "topic", items, reading="released")
    with pytest.raises(bx.InputError, match="reads no answers to mrc_chained"):
        bx.evaluate(mini, "mrc_chained", "de", "en", reading="released", folder=shared_data, limit=2)


@pytest.fixture(scope="module")
def passages(shared_data):
    """Short passages of Belebele in German with questions in English: these models read 64 tokens."""
    if not (shared_data / "belebele").is_dir():
        pytest.skip("needs Belebele in shared/data/belebele")
    return bx.task_items("mrc", "de", "en", folder=shared_data).head(6)


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
@pytest.mark.parametrize("kind", ["mini", "llama"])
def test_reading_comprehension_as_released_on_real_questions(kind, mini, passages):
    """Every prompt by hand, one at a time: the translation takes the passage's place and the letter is what is written."""
    model = mini if kind == "mini" else tiny.load(kind)
    table = bx.answers(model, "mrc", passages, [None, "fr"])
    assert table.logprobs.isna().all()
    assert (table.attrs["card"]["options"]["scoring"], len(table)) == ("generation", 12)
    by_name = {item["item"]: item for item in passages.to_dict("records")}
    for row in table.itertuples():
        item, passage = by_name[row.item], by_name[row.item]["text"]
        if row.bridge == "fr":
            asked = f"Translate the following text from deu_Latn to fra_Latn:\n{passage}\nTranslation: "
            (written,) = bx.complete(model, [asked], max_new_tokens=512)
            passage = written.strip()
            assert row.bridge_text == passage
        listed = "\n".join(f"{letter}: {choice}" for letter, choice in zip("ABCD", item["choices"], strict=True))
        prompt = (
            "Answer the following question based on the passage. Respond with A, B, C, or D.\n"
            f"Passage: {passage}\nQuestion: {item['question']}\nChoices:\n{listed}\nAnswer:"
        )
        (output,) = bx.complete(model, [prompt], max_new_tokens=10)
        assert row.output == output
        letter = read_released_letter(output)
        assert row.answer == (item["choices"]["ABCD".index(letter)] if letter else "")
        assert row.correct == (letter == "ABCD"[item["answer"]])


def test_both_protocols_of_reading_comprehension_have_the_same_items(shared_data):
    released, chained = (bx.task_items(task, "de", "en", folder=shared_data, limit=20) for task in ("mrc", "mrc_chained"))
    pd.testing.assert_frame_equal(released, chained)
