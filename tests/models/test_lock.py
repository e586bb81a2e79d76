"""A notebook and the threads of widgets on one model: they take turns, and do not see each other's interventions."""

import subprocess
import sys
import threading

import pytest
import torch
from pandas.testing import assert_frame_equal

import bridgex_nb as bx


@pytest.fixture
def model():
    """A new model, on which nothing has been measured."""
    return bx.load_model()


def test_a_call_while_an_explorer_computes(model):
    explorer = bx.BridgeExplorer(model)
    beside = bx.evaluate(model, "bli", "sw", "tl", [None, "en"])
    explorer.state.wait()
    assert explorer.state.error == ""
    assert_frame_equal(beside, bx.evaluate(model, "bli", "sw", "tl", [None, "en"]))


def test_an_explorer_does_not_see_deactivated_neurons(model, mini):
    explorer = bx.BridgeExplorer(model)
    with bx.deactivate(model, torch.ones(model.num_layers, model.num_neurons, dtype=torch.bool)):
        with pytest.raises(bx.InputError, match="the explorers show the unchanged model"):
            explorer.state.figure()  # it would wait for the lock, which this thread holds
        bx.perplexity(model, {"en": ["The sun is hot."]})
    explorer.state.wait()
    expected = bx.BridgeExplorer(mini).state
    expected.wait()
    assert_frame_equal(explorer.state.ranking.table, expected.ranking.table)
    assert "interventions" not in explorer.state.ranking.card


def test_an_explorer_is_not_opened_on_a_changed_model(model):
    off = torch.ones(model.num_layers, model.num_neurons, dtype=torch.bool)
    with bx.deactivate(model, off), pytest.raises(bx.InputError, match="open them outside the block"):
        bx.BridgeExplorer(model)


def test_threads_get_the_results_of_one_thread(model):
    texts = {"en": bx.core_sentences()["en"][:20]}
    alone, together = bx.count_active(model, texts), []

    def count():
        together.append(bx.count_active(model, texts, token_budget=256))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.active.equal(alone.active) for one in together] == [True] * 3


@pytest.mark.slow
def test_python_exits_cleanly_while_an_explorer_computes():
    script = "import bridgex_nb as bx; bx.BridgeExplorer(); print('end')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
