"""NeuronXA: `alignment` on the states of neurons, under its own name."""

import pandas as pd
import pytest
import tiny

import bridgex_nb as bx

SENTENCES = {code: texts[:8] for code, texts in bx.core_sentences().items() if code in ("en", "sw", "tl")}


@pytest.mark.parametrize("state", ["binary", "value"])
def test_neuronxa_is_the_alignment_of_neurons(state):
    model = tiny.load("llama")
    result = bx.neuronxa(model, SENTENCES, "sw", state=state, resamples=50, seed=3)
    expected = bx.alignment(model, SENTENCES, "sw", state=state, resamples=50, seed=3)
    pd.testing.assert_frame_equal(result.by_layer, expected.by_layer)
    pd.testing.assert_frame_equal(result.table, expected.table)
    assert result.card["function"] == "neuronxa"
    assert result.card["options"] == expected.card["options"]


def test_hidden_states_are_left_to_mexa(monkeypatch):
    monkeypatch.setattr("bridgex_nb.similarity._sentence_vectors.run_pass", None)
    with pytest.raises(bx.InputError, match=r"'hidden' of a neuron; choose from binary, value .*mexa"):
        bx.neuronxa(tiny.load("llama"), SENTENCES, state="hidden")
