"""The state of one neuron, and what its view makes of it."""

import re

import pytest
from pandas.testing import assert_frame_equal

import bridgex_nb as bx
from bridgex_nb.similarity._core_evidence import core_evidence
from bridgex_nb.widgets._neuron_explorer import NeuronState, coloured

TEXTS = {code: texts[:5] for code, texts in bx.core_sentences().items()}


@pytest.fixture(scope="module")
def neuron(mini):
    state = NeuronState(mini, TEXTS, 3, 267)
    state.wait()
    return state


def test_a_neuron_shows_what_counts_and_token_values_give(mini, neuron):
    counts = core_evidence(mini).counts
    assert neuron.probability["sw"] == counts.active[counts.languages.index("sw"), 3, 267] / counts.tokens[-1]
    assert_frame_equal(neuron.tokens, bx.token_values(mini, TEXTS, 3, 267))
    strongest = neuron.tokens.loc[neuron.tokens.value.idxmax()]
    code, text, rows = neuron.strongest_texts()[0]
    assert (code, text) == (strongest.language, TEXTS[strongest.language][strongest.text])
    assert rows.value.max() == strongest.value
    means = neuron.tokens.groupby(["language", "token"]).value.mean()
    assert neuron.strongest_tokens().value.tolist() == sorted(means, reverse=True)[:10]


def test_a_neuron_that_does_not_exist_is_reported_in_words(mini):
    state = NeuronState(mini, TEXTS, 6, 0)
    state.wait()
    assert state.error.startswith("no neuron 0 in layer 6")


def test_colouring_keeps_the_text_and_shades_by_value(neuron):
    top = neuron.tokens.value.max()
    for _, text, rows in neuron.strongest_texts():
        assert re.sub("<[^>]*>", "", coloured(text, rows, top)) == text
    _, text, rows = neuron.strongest_texts()[0]
    shades = [int(share) for share in re.findall(r"#e69f00 (\d+)%", coloured(text, rows, top))]
    assert max(shades) == 100
    quiet = rows.assign(value=-1.0)
    assert "<span" not in coloured(text, quiet, top)
    assert coloured("a<b", quiet.iloc[:0], top) == "a&lt;b"


@pytest.mark.parametrize("texts", [{}, {"en": []}])
def test_no_texts_are_refused(mini, texts):
    with pytest.raises(bx.InputError, match="texts is empty"):
        bx.NeuronExplorer(mini, texts=texts)
