"""The linguistic spectrum on hand-made activations and sets, against direct loops over Gram matrices."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

import bridgex_nb as bx

LAYERS, NEURONS, SAMPLES = 8, 40, 50
#: Layers 3, 4 and 5 of 8 lie between 10/32 and 22/32 of the depth.
WINDOW = (3, 4, 5)


def probe_of(values, src="sw", tgt="tl"):
    return bx.ProbeActivations(values, tuple(map(str, range(values.shape[-1]))), src, tgt, None, {"site": "act"})


@pytest.fixture
def probe():
    """Dependent neurons: nonlinear functions of random mixtures of a few hidden causes."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(LAYERS, NEURONS, 6, generator=generator)
    return probe_of((mix @ torch.randn(LAYERS, 6, SAMPLES, generator=generator)).tanh())


@pytest.fixture
def sets():
    """Random sets of source, target, the default bridges and one more language."""
    generator = torch.Generator().manual_seed(1)
    return {code: torch.rand(LAYERS, NEURONS, generator=generator) < 0.3 for code in ("sw", "tl", *bx.BRIDGES, "zh")}


def gram_score(x, y):
    """Score of a layer by its definition: tr(K H L H) / (S - 1)^2 of every pair, best of rows and columns."""
    x, y = x.double().numpy(), y.double().numpy()
    x, y = ((rows - rows.mean(1, keepdims=True)) / (rows.std(1, ddof=1, keepdims=True) + 1e-6) for rows in (x, y))
    sigma = np.median(pdist(np.concatenate([x, y])))
    centre = np.eye(x.shape[1]) - 1 / x.shape[1]

    def centred(row):
        return centre @ np.exp(-((row[:, None] - row) ** 2) / (2 * sigma**2)) @ centre

    # tr(K H L H) = <H K H, H L H>, entry by entry.
    h = np.array([centred(a).ravel() for a in x]) @ np.array([centred(b).ravel() for b in y]).T / (x.shape[1] - 1) ** 2
    return (h.max(axis=1).mean() + h.max(axis=0).mean()) / 2


def test_spectrum_of_a_pair_follows_the_definition(probe, sets):
    scores = []
    for layer in WINDOW:
        scores.append(gram_score(probe.values[layer, sets["en"][layer]], probe.values[layer, sets["fr"][layer]]))
    spectrum = bx.spectrum(probe, {code: sets[code] for code in ("en", "fr", "sw")})
    assert spectrum.loc["en", "fr"] == pytest.approx(sum(scores) / 3, rel=1e-5)


def test_spectrum_is_symmetric_without_a_diagonal(probe, sets):
    spectrum = bx.spectrum(probe, sets)
    assert list(spectrum.index) == list(spectrum.columns) == list(sets)
    values = spectrum.to_numpy()
    assert np.array_equal(np.isnan(values), np.eye(len(sets), dtype=bool))
    assert np.array_equal(values, values.T, equal_nan=True)


def test_card_of_a_spectrum(probe, sets):
    card = bx.spectrum(probe, sets, sigma=2.0, window=(0, 1)).attrs["card"]
    assert (card["function"], card["site"]) == ("spectrum", "act")
    assert (card["options"]["sigma"], card["options"]["window"]) == (2.0, [0, 1])
    assert card["options"]["sets"]["sizes"] == {code: int(neuron_set.sum()) for code, neuron_set in sets.items()}


def test_constant_neurons_of_a_spectrum_are_warned_of(probe, sets):
    neuron = int(sets["en"][4].nonzero()[0])
    probe.values[4, neuron] = 0.1
    with pytest.warns(UserWarning, match="en: Layer 4: 1 neuron is constant"):
        bx.spectrum(probe, {"en": sets["en"], "zh": sets["zh"] & ~sets["en"]})


def test_the_probe_of_a_spectrum_needs_no_languages(probe, sets):
    plain = bx.spectrum(probe_of(probe.values, None, None), sets)
    assert plain.equals(bx.spectrum(probe, sets))


def test_normalized_spectrum_of_the_same_neurons_is_one(probe, sets):
    chosen = {"en": sets["en"], "fr": sets["en"].clone(), "it": sets["it"]}
    spectrum = bx.spectrum(probe, chosen, estimator="normalized")
    assert spectrum.loc["en", "fr"] == pytest.approx(1)
    assert spectrum.loc["en", "it"] == pytest.approx(spectrum.loc["fr", "it"])
    assert 0 < spectrum.loc["en", "it"] < 1


def test_spectrum_leaves_out_layers_without_neurons(probe, sets):
    chosen = {"en": sets["en"].clone(), "it": sets["it"]}
    chosen["en"][4] = False
    scores = [gram_score(probe.values[layer, sets["en"][layer]], probe.values[layer, sets["it"][layer]]) for layer in (3, 5)]
    assert bx.spectrum(probe, chosen).loc["en", "it"] == pytest.approx(sum(scores) / 2, rel=1e-5)
