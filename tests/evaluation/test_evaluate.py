"""Scores of a task on a pair: what is asked, what is counted, and what is refused before the model runs."""

import pandas as pd
import pytest

import bridgex_nb as bx


@pytest.fixture(scope="module")
def few():
    """Twelve words of Swahili-Tagalog."""
    lexicon = bx.core_lexicon("sw", "tl")
    return lexicon.keep(list(lexicon.entries)[:12])


@pytest.mark.slow
def test_a_grid_asks_what_single_evaluations_ask(mini):
    pairs, bridges = [("ar", "he"), ("en", "sw")], ["en", "fr"]
    grid = bx.evaluate_grid(mini, ["bli"], pairs, bridges).drop(columns="task")
    single = [
        bx.evaluate(mini, "bli", src, tgt, [None, *(bridge for bridge in bridges if bridge not in (src, tgt))])
        for src, tgt in pairs
    ]
    pd.testing.assert_frame_equal(grid, pd.concat(single, ignore_index=True))


def test_a_grid_of_several_tasks_has_one_progress_bar(mini, shared_data, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    pairs = [("sw", "tl"), ("sw", "fr")]
    with pytest.warns(UserWarning, match="nli has no data for sw-tl: left out"):
        grid = bx.evaluate_grid(mini, ["bli", "topic", "nli"], pairs, ["en", "fr"], folder=shared_data, limit=3)
    assert capfd.readouterr().err.count("answering:   0%") == 1
    assert grid.groupby("task", sort=False).size().to_dict() == {"bli": 5, "topic": 5, "nli": 2}
    assert (grid.n == 3).all()
    card = grid.attrs["card"]
    assert (card["function"], card["model"]) == ("evaluate_grid", mini.card["model"])
    assert card["options"] == {"tasks": ["bli", "topic", "nli"], "limit": 3}
    scoring = {task: task_card["options"]["scoring"] for task, task_card in card["inputs"].items()}
    assert scoring == {"bli": "generation", "topic": "letters", "nli": "letters"}
    assert {task_card["function"] for task_card in card["inputs"].values()} == {"evaluate"}
    with pytest.raises(bx.InputError, match="causal: its data have none of the pairs; they have it zh id sw"):
        bx.evaluate_grid(mini, ["causal"], pairs, ["en"], folder=shared_data)


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
@pytest.mark.parametrize(("task", "src", "tgt"), [("topic", "sw", "tl"), ("math", "sw", "ja"), ("translation", "sw", "tl")])
def test_evaluate_counts_what_answers_holds(task, src, tgt, mini, shared_data):
    table = bx.evaluate(mini, task, src, tgt, [None, "en"], folder=shared_data, limit=5)
    items = bx.answers(mini, task, bx.task_items(task, src, tgt, folder=shared_data, limit=5), [None, "en"])
    assert table.n.tolist() == [5, 5]
    card = table.attrs["card"]
    assert (card["function"], card["options"]["task"], card["options"]["limit"]) == ("evaluate", task, 5)
    assert card["data"] == items.attrs["card"]["data"]
    if task == "translation":
        assert set(card["inputs"]["scores"]["options"]["metrics"]) == {"chrf", "bleu tl"}
    else:
        assert table.correct.tolist() == items.groupby("bridge", sort=False).correct.sum().tolist()


def test_a_lexicon_is_what_is_asked(mini, few):
    (row,) = bx.evaluate(mini, "bli", "sw", "tl", lexicon=few).itertuples()
    assert (row.n, row.correct) == (12, bx.answers(mini, "bli", few).correct.sum())
    assert bx.evaluate(mini, "bli", "sw", "tl", lexicon=few, limit=5).n.tolist() == [5]


def test_examples_come_from_the_lexicon_that_is_asked(mini):
    """A lexicon of three words leaves one to ask behind two examples; the core lexicon would leave all three, or two."""
    core = bx.core_lexicon("sw", "tl")
    three = core.keep(["moto", "maji", "jua"])
    assert bx.evaluate(mini, "bli", "sw", "tl", lexicon=three, shots=2).n.tolist() == [1]


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
def test_examples_are_drawn_from_all_items(mini, shared_data):
    options = {"folder": shared_data, "limit": 4, "shots": 1, "seed": 3}
    for shots_in in ("src", "bridge", "tgt"):
        table = bx.evaluate(mini, "topic", "sw", "fi", [None, "en"], shots_in=shots_in, **options)
        assert table.n.between(3, 4).all()
        card = table.attrs["card"]["options"]
        assert (card["shots"], card["shots_in"], card["seed"]) == (1, shots_in, 3)


def test_a_translation_into_itself_is_no_example(mini, shared_data):
    with pytest.raises(bx.InputError, match="source and target are both 'tl'"):
        bx.evaluate(mini, "bli", "sw", "tl", shots=2, shots_in="tgt")
    with pytest.raises(bx.InputError, match="source and target are both 'tl'"):
        bx.evaluate(mini, "translation", "sw", "tl", shots=2, shots_in="tgt", folder=shared_data)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("qa", "sw", "tl"), {}, "unknown task 'qa'; choose from bli, mrc"),
        (("bli", "sw", "xx"), {}, "unknown language 'xx'"),
        (("bli", "sw", "tl", ["tl"]), {}, "'tl' cannot be the bridge"),
        (("bli", "sw", "tl", ["yy"]), {}, "unknown language 'yy'"),
        (("bli", "sw", "tl", ["en", None, "en"]), {}, "'en' is given twice among the bridges"),
        (("bli", "sw", "tl"), {"limit": 0}, "limit is 0; it must be 1 or more"),
        (("bli", "sw", "tl"), {"lexicon": bx.core_lexicon("sw", "fi")}, "lexicon is sw-fi, the pair is sw-tl"),
        (("bli", "sw", "tl"), {"folder": "data"}, "bli takes no folder: pass a lexicon"),
        (("bli", "sw", "tl"), {"folder": "data", "lexicon": bx.core_lexicon("sw", "tl")}, "bli takes no folder"),
        (("bli", "sw", "tl", []), {}, "no bridges are given"),
        (
            ("bli", "sw", "tl"),
            {"lexicon": bx.core_lexicon("tl", "sw")},
            r"the pair is sw-tl; lexicon\.reverse\(\) swaps",
        ),
        (("bli", "sw", "tl"), {"lexicon": bx.Lexicon("sw", "tl", {})}, "sw-tl lexicon has no words.*leave out lexicon="),
        (
            ("topic", "sw", "tl"),
            {"lexicon": bx.core_lexicon("sw", "tl")},
            "only for the task bli; .* data of topic are",
        ),
        (("topic", "sw", "tl"), {"lexicon": bx.Lexicon("sw", "tl", {})}, "lexicon= is only for the task bli"),
    ],
)
def test_bad_input_is_named(mini, arguments, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.evaluate(mini, *arguments, **options)


@pytest.mark.parametrize("task", ["bli", "topic"])
def test_a_grid_without_pairs_is_refused(task):
    with pytest.raises(bx.InputError, match="pairs: give at least one language pair"):
        bx.evaluate_grid(None, [task], [], ["en"])


def test_a_grid_asks_zero_shot_once(mini):
    grid = bx.evaluate_grid(mini, ["bli"], [("sw", "tl")], [None, "en"], limit=2)
    assert grid.bridge.tolist() == ["zero-shot", "en"]


@pytest.mark.parametrize(
    ("tasks", "options", "message"),
    [
        (["bli", bx.TASKS["bli"]], {}, "'bli' is given twice among the tasks"),
        (["bli"], {"folder": "data"}, "bli takes no folder: pass a lexicon"),
    ],
)
def test_tasks_of_a_grid_that_do_not_fit_are_refused(tasks, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.evaluate_grid(None, tasks, [("sw", "tl")], ["en"], **options)
