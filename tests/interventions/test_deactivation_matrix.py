"""The deactivation matrix against perplexities computed one set at a time, and what it shows on bridgex-mini."""

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx

TEXTS = {
    "en": ["The sun is hot.", "I drink water every day.", "Fire!"],
    "sw": ["Jua ni kali leo.", "Maji ni mazuri."],
    "tl": ["Mainit ang araw.", "Umiinom ako ng tubig araw-araw."],
}
#: Nine languages of bridgex-mini for which LAPE finds enough neurons.
LANGUAGES = ("en", "de", "fr", "zh", "ja", "ar", "he", "tl", "sw")


def test_the_matrix_is_the_change_of_log_perplexity():
    model = tiny.load()
    sets = {
        code: tiny.neuron_set(seed) for seed, code in enumerate(("tl", "en", "sw"))
    }  # texts are taken in the order of the sets
    result = bx.deactivation_matrix(model, sets, TEXTS, draws=2, resamples=50, seed=5)
    before = bx.perplexity(model, TEXTS).set_index("language").perplexity

    def change(neuron_set):
        with bx.deactivate(model, neuron_set):
            return np.log(bx.perplexity(model, TEXTS).set_index("language").perplexity / before)[list(sets)]

    frequency = bx.count_active(model, TEXTS).probability.mean(dim=0)
    for k, (code, neuron_set) in enumerate(sets.items()):
        assert result.change.loc[code].tolist() == pytest.approx(change(neuron_set).tolist(), rel=1e-4, abs=1e-6)
        random = [change(bx.random_like(neuron_set, 5 + 2 * k + draw, frequency=frequency)) for draw in range(2)]
        assert result.random.loc[code].tolist() == pytest.approx((sum(random) / 2).tolist(), rel=1e-4, abs=1e-6)
    for name, matrix in (("change", result.change), ("random", result.random)):
        lead = [matrix.loc[c, c] - np.mean([matrix.loc[c, other] for other in sets if other != c]) for c in sets]
        assert result.dominance[name][0] == pytest.approx(np.mean(lead))
    row = result.dominance.iloc[0]
    assert row.low <= row.change <= row.high
    assert row.beyond_low <= row.beyond <= row.beyond_high
    assert row.beyond == pytest.approx(row.change - row.random)
    assert row.hurt_most == np.mean([result.change.loc[c].idxmax() == c for c in sets])
    assert row.random_sets == 6
    options = result.card["options"]
    assert options["sets"]["sizes"] == {code: int(neuron_set.sum()) for code, neuron_set in sets.items()}
    assert (result.card["function"], options["draws"], options["seed"]) == ("deactivation_matrix", 2, 5)
    assert result.card["data"]["texts"] == {code: len(TEXTS[code]) for code in sets}


def test_on_bridgex_mini_the_neurons_of_a_language_hurt_that_language_most(mini, counts):
    sets = bx.lape(counts, 0.1)
    texts = bx.core_sentences()  # other sentences than those that the neurons were computed from
    result = bx.deactivation_matrix(
        mini, {code: sets[code] for code in LANGUAGES}, {code: texts[code][100:106] for code in LANGUAGES}, draws=4
    )
    row = result.dominance.iloc[0]
    assert row.p < 0.01
    assert row.beyond_low > 0
    assert row.random_high < row.low
    assert row.hurt_most > 2 * row.random_hurt_most


def test_bad_input_is_refused():
    model, neuron_set = tiny.load(), tiny.neuron_set(0)
    nothing = torch.zeros_like(neuron_set)
    for sets, texts, options, message in [
        ({"en": neuron_set}, {"en": TEXTS["en"]}, {}, "two or more"),
        ({"en": neuron_set, "sw": neuron_set}, TEXTS, {}, "same languages"),
        ({"en": neuron_set, "sw": nothing, "tl": nothing}, TEXTS, {}, "no neurons in the sets of sw, tl"),
        ({"en": neuron_set, "sw": neuron_set[:, :5], "tl": neuron_set}, TEXTS, {}, r"neuron set is \[3, 5\]"),
        ({"en": neuron_set, "sw": neuron_set, "tl": neuron_set}, TEXTS, {"draws": 1}, "draws=1"),
    ]:
        with pytest.raises(bx.InputError, match=message):
            bx.deactivation_matrix(model, sets, texts, **options)
