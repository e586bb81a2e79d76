"""Word translation, zero-shot and through bridges, on the bundled model."""

import math

import pandas as pd
import pytest

import bridgex_nb as bx


@pytest.fixture(scope="module")
def few():
    """Twelve words of Swahili-Tagalog."""
    lexicon = bx.core_lexicon("sw", "tl")
    return lexicon.keep(list(lexicon.entries)[:12])


@pytest.fixture(scope="module")
def items(mini, few):
    return bx.answers(mini, "bli", few, [None, "en", "es"])


def test_a_row_an_item_and_bridge_with_its_output_kept(items, few):
    assert items.groupby("bridge").word.apply(list).to_dict() == {
        bridge: list(few.entries) for bridge in ("zero-shot", "en", "es")
    }
    assert items.output.str.len().gt(0).all()
    assert items.bridge_word.isna().equals(items.bridge == "zero-shot")


def test_in_one_batch_as_one_prompt_at_a_time(mini, items, few):
    """The published scripts ask one prompt at a time, each step by hand."""
    autonym = {code: bx.language(code).autonym for code in bx.LANGUAGES}
    for row in items.itertuples():
        head = f'{autonym["sw"]}:"{row.word}"→'
        if row.bridge == "zero-shot":
            prompt = f"{head}{autonym['tl']}:"
        else:
            middle = bx.complete(mini, [f"{head}{autonym[row.bridge]}:"])[0].strip().strip('"')
            assert middle == row.bridge_word
            prompt = f'{head}{autonym[row.bridge]}:"{middle}"→{autonym["tl"]}:'
        assert bx.complete(mini, [prompt]) == [row.output]


def test_correct_means_one_of_the_accepted_translations(items, few):
    for row in items.itertuples():
        assert row.correct == (row.answer in [word.lower() for word in few.entries[row.word]])


def test_a_grid_asks_what_single_evaluations_ask(mini):
    pairs, bridges = [("ar", "he"), ("en", "sw")], ["en", "fr"]
    grid = bx.evaluate_grid(mini, ["bli"], pairs, bridges).drop(columns="task")
    single = [
        bx.evaluate(mini, "bli", src, tgt, [None, *(bridge for bridge in bridges if bridge not in (src, tgt))])
        for src, tgt in pairs
    ]
    pd.testing.assert_frame_equal(grid, pd.concat(single, ignore_index=True))


def test_a_grid_of_several_tasks_has_one_bar(mini, shared_data, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    pairs = [("sw", "tl"), ("sw", "fr")]
    with pytest.warns(UserWarning, match="nli has no data for sw-tl: left out"):
        grid = bx.evaluate_grid(mini, ["bli", "topic", "nli"], pairs, ["en", "fr"], folder=shared_data, limit=3)
    assert capfd.readouterr().err.count("answering:   0%") == 1
    assert grid.groupby("task", sort=False).size().to_dict() == {"bli": 5, "topic": 5, "nli": 2}
    assert (grid.n == 3).all()
    assert {task: card["scoring"] for task, card in grid.attrs["card"].items()} == {
        "bli": "generation",
        "topic": "letters",
        "nli": "letters",
    }
    with pytest.raises(bx.InputError, match="causal: no pair of languages that its data have, it zh id sw"):
        bx.evaluate_grid(mini, ["causal"], pairs, ["en"], folder=shared_data)


def test_accuracy_has_wilson_intervals():
    items = pd.DataFrame({"src": "sw", "tgt": "tl", "bridge": "en", "correct": [True] * 45 + [False] * 5})
    row = bx.accuracy(items).iloc[0]
    # Wilson 1927, written out for z = 1.96.
    n, p, z = 50, 0.9, 1.959963984540054
    centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (row.n, row.correct, row.accuracy) == (50, 45, 0.9)
    assert row.low == pytest.approx((centre - spread) / (1 + z * z / n))
    assert row.high == pytest.approx((centre + spread) / (1 + z * z / n))


def test_known_words_are_those_that_the_model_translates_right(mini, few):
    known = bx.known_words(mini, few)
    right = bx.answers(mini, "bli", few).set_index("word").correct
    assert list(known.entries) == [word for word in few.entries if right[word]]


def test_a_model_that_knows_nothing_is_told_so(mini):
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["xyz"], "maji": ["zyx"]})
    with pytest.raises(bx.InputError, match="sw-tl: the model translates 0 of 2 words right"):
        bx.known_words(mini, lexicon)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("qa", "sw", "tl"), "unknown task 'qa'"),
        (("bli", "sw", "xx"), "unknown language 'xx'"),
        (("bli", "sw", "tl", ["tl"]), "'tl' cannot be the bridge"),
        (("bli", "sw", "tl", ["yy"]), "unknown language 'yy'"),
    ],
)
def test_bad_input_is_named(mini, arguments, message):
    with pytest.raises(bx.InputError, match=message):
        bx.evaluate(mini, *arguments)
