"""MaxEns over bridges: the prompts that are asked, and that its rows go where answers go."""

import math

import pandas as pd
import pytest

import bridgex_nb as bx
from bridgex_nb.inference import complete_together


@pytest.fixture(scope="module")
def words():
    return [bx.core_lexicon(*pair).sample(10) for pair in (("sw", "tl"), ("en", "sw"), ("ar", "he"))]


@pytest.fixture(scope="module")
def table(mini, words):
    return bx.max_ensemble(mini, "bli", words, [None, "en", "fr"])


def test_what_is_asked_by_hand(mini, table):
    """Each hop one item at a time: the model's own translations, then all prompts of the item together."""
    names = {code: bx.language(code).autonym for code in bx.LANGUAGES}
    assert table[["src", "tgt"]].drop_duplicates().values.tolist() == [["sw", "tl"], ["ar", "he"]]
    for row in table.itertuples():
        head = f'{names[row.src]}:"{row.item}"'
        middle = [bx.evaluation.read_word(bx.complete(mini, [f"{head}→{names[code]}:"])[0], code) for code in ("en", "fr")]
        assert row.bridge_text == "|".join(middle)
        links = ["", *(f'→{names[code]}:"{word}"' for code, word in zip(("en", "fr"), middle, strict=True))]
        (written,) = complete_together(mini, [[f"{head}{link}→{names[row.tgt]}:" for link in links]])
        assert (row.output, row.confidence) == (written.text, pytest.approx(written.confidence, abs=1e-4))
        assert row.answer == bx.evaluation.read_answer(written.text, row.tgt)
        assert row.correct == (row.answer in {bx.evaluation.fold(gold) for gold in row.gold.split("|")})
        assert math.isnan(row.bridge_confidence)


def test_its_rows_go_where_answers_go(mini, table, words):
    items = bx.answers(mini, "bli", [words[0], words[2]], [None, "en", "fr"])
    assert list(table) == list(items)
    both = pd.concat([items, table])
    name = "zero-shot+en+fr by MaxEns"
    assert bx.compare(both, resamples=20).bridge.tolist().count(name) == 2
    board = bx.routing_regret(items, combined=[table], resamples=20).set_index("strategy")
    assert board.score[name] == pytest.approx(table.groupby("src").score.mean().mean())


def test_examples_and_the_card(mini, words):
    table = bx.max_ensemble(mini, "bli", words[0], ["en", "fr"], shots=2, shots_for="hops", seed=3)
    card = table.attrs["card"]
    assert (card["function"], card["options"]["bridges"]) == ("max_ensemble", ["en", "fr"])
    assert (card["options"]["shots"], card["options"]["seed"], card["options"]["shots_for"]) == (2, 3, "hops")


@pytest.mark.parametrize(
    ("task", "bridges", "message"),
    [
        ("bli", ["en"], "two bridges or more"),
        ("bli", ["en", "xx"], "unknown language 'xx'"),
        ("bli", ["sw", "en"], "no pair is left"),
    ],
)
def test_what_cannot_be_asked_is_refused(words, task, bridges, message):
    with pytest.raises(bx.InputError, match=message):
        bx.max_ensemble(None, task, words[0], bridges)


def test_choices_are_refused(shared_data):
    items = bx.task_items("topic", "sw", "tl", folder=shared_data, limit=2)
    with pytest.raises(bx.InputError, match="topic has choices, and MaxEns writes answers"):
        bx.max_ensemble(None, "topic", items, ["en", "fr"])
