"""Language neurons of a real model: at 1 %, most of a set are neurons that are always on, and ties inflate it."""

import warnings

import pytest

import bridgex_nb as bx

pytestmark = pytest.mark.real
CODES = ("en", "zh", "sw")


def shared(sets):
    """Share of the smaller of two languages' sets that the other one has, for every two languages."""
    pairs = [("en", "zh"), ("en", "sw"), ("zh", "sw")]
    return [float((sets[a] & sets[b]).sum() / min(sets[a].sum(), sets[b].sum())) for a, b in pairs]


@pytest.fixture(scope="module")
def counts(gemma):
    sentences = bx.core_sentences()
    return bx.count_active(gemma, {code: sentences[code] for code in CODES})


def test_at_one_percent_the_sets_hold_what_is_always_on(counts):
    with pytest.warns(UserWarning, match="Ties inflate the neuron set of zh.* are active at every one of its"):
        plain = bx.top_neurons(counts, 0.01)
    wanted = round(0.01 * counts.active[0].numel())
    assert wanted == 369
    assert all(int(neurons.sum()) > 1.2 * wanted for neurons in plain.values())
    assert min(shared(plain)) > 0.75
    assert 700 < int(bx.always_on(counts).sum()) < 1100


def test_without_them_languages_differ_and_nothing_is_tied(counts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sets = bx.top_neurons(counts, 0.01, exclude="always_on")
    assert all(int(neurons.sum()) < 1.05 * 369 for neurons in sets.values())
    assert max(shared(sets)) < 0.5
    halves = bx.half_sets(counts, 0.01, exclude="always_on")
    for code in CODES:  # a language's half is nearest to its own other half
        likeness = {
            other: float(bx.overlap_matrix({"a": halves[0][code], "b": halves[1][other]}, "jaccard").loc["a", "b"])
            for other in CODES
        }
        assert max(likeness, key=likeness.__getitem__) == code
