"""The linguistic spectrum on hand-made activations and sets, against direct loops over Gram matrices."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import f_oneway

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
    spectrum = bx.spectrum(probe, {code: sets[code] for code in ("en", "fr", "sw")}, estimator="biased")
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
    assert (card["options"]["estimator"], card["options"]["languages"]) == ("normalized", None)
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
    assert bx.spectrum(probe, chosen, estimator="biased").loc["en", "it"] == pytest.approx(sum(scores) / 2, rel=1e-5)


# Prompts of several languages

PROMPTS = ["sw"] * 20 + ["tl"] * 20 + ["zh"] * 10


def test_within_languages_is_the_spectrum_of_centred_values(probe, sets):
    values = probe.values.double()
    for code in ("sw", "tl", "zh"):
        columns = [i for i, other in enumerate(PROMPTS) if other == code]
        values[:, :, columns] -= values[:, :, columns].mean(dim=2, keepdim=True)
    spectrum = bx.spectrum(probe, sets, languages=PROMPTS)
    assert np.allclose(spectrum, bx.spectrum(probe_of(values.float()), sets), equal_nan=True, rtol=1e-4)
    assert spectrum.attrs["card"]["options"]["languages"] == {"sw": 20, "tl": 20, "zh": 10}
    moved = probe_of(probe.values + 5 * torch.tensor([PROMPTS.index(code) for code in PROMPTS]))
    assert np.allclose(spectrum, bx.spectrum(moved, sets, languages=PROMPTS), equal_nan=True, atol=1e-3)


def test_neurons_that_only_tell_languages_apart_depend_on_each_other_only_when_pooled():
    """Within a language they are noise, so pairs of languages should score no more than noise does."""
    generator = torch.Generator().manual_seed(0)
    prompts = [code for code in "abcde" for _ in range(40)]
    mean = torch.randn(8, 40, 5, generator=generator).repeat_interleave(40, dim=2)
    noise = torch.randn(8, 40, 200, generator=generator)
    sets = {"a": torch.zeros(8, 40, dtype=torch.bool), "b": torch.zeros(8, 40, dtype=torch.bool)}
    sets["a"][:, :20], sets["b"][:, 20:] = True, True
    probe = probe_of(mean + noise)
    pooled = bx.spectrum(probe, sets).loc["a", "b"]
    within = bx.spectrum(probe, sets, languages=prompts).loc["a", "b"]
    chance = bx.spectrum(probe_of(noise), sets).loc["a", "b"]
    assert pooled > 5 * chance
    assert within == pytest.approx(chance, rel=0.2)
    table = bx.variance_between_languages(probe, prompts)
    assert table.share.between(0.35, 0.6).all()  # half of the variance, by construction


def test_share_of_variance_between_languages(probe, sets):
    values = probe.values.clone()
    values[2, 0] = 0.5  # a constant neuron has no variance to share out
    table = bx.variance_between_languages(probe_of(values), PROMPTS).set_index("layer")
    assert table.index.tolist() == list(range(LAYERS))
    assert table.neurons.tolist() == [NEURONS - (layer == 2) for layer in range(LAYERS)]
    for layer in range(LAYERS):
        shares = []
        for row in values[layer].double().numpy():
            if np.ptp(row):
                f = f_oneway(row[:20], row[20:40], row[40:]).statistic
                shares.append(2 * f / (2 * f + 47))  # eta squared from F with 2 and 47 degrees of freedom
        assert table.share[layer] == pytest.approx(np.mean(shares), rel=1e-6)
    assert (table.chance == 2 / 49).all()
    # The causes behind these values know nothing of languages.
    assert table.share.mean() == pytest.approx(2 / 49, abs=0.02)
    chosen = {code: sets[code] for code in ("sw", "zh")}
    of_sets = bx.variance_between_languages(probe_of(values), PROMPTS, chosen)
    either = sets["sw"] | sets["zh"]
    assert of_sets.neurons.sum() == int(either.sum()) - int(either[2, 0])


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (PROMPTS[:-1], "each of the 50 prompts; given: 49"),
        ("sw", "given: one string"),
        ([*PROMPTS[:-1], "he"], "at least two prompts; one only: he"),
    ],
)
def test_languages_that_do_not_fit_the_prompts_are_refused(probe, sets, languages, message):
    for call in (bx.spectrum, lambda *args, languages: bx.variance_between_languages(args[0], languages)):
        with pytest.raises(bx.InputError, match=message):
            call(probe, sets, languages=languages)


def test_neurons_that_are_constant_within_every_language_are_warned_of(probe, sets):
    neuron = int(sets["en"][4].nonzero()[0])
    probe.values[4, neuron] = torch.tensor([0.1 * PROMPTS.index(code) for code in PROMPTS])
    with pytest.warns(UserWarning, match="en: Layer 4: 1 neuron is constant"):
        bx.spectrum(probe, {"en": sets["en"], "zh": sets["zh"] & ~sets["en"]}, languages=PROMPTS)


def test_spectrum_of_bridgex_mini_pooled_and_within_languages(mini):
    """Sentences that have nothing but their language in common: pooled they give a score, within languages only noise."""
    sentences = {
        code: texts[:60] for code, texts in bx.core_sentences().items() if code in ("en", "de", "es", "sw", "zh", "ar")
    }
    languages = [code for code, texts in sentences.items() for _ in texts]
    sets = bx.top_neurons(bx.count_active(mini, sentences), 0.05)
    either = torch.stack(list(sets.values())).sum(dim=0)
    sets = {code: some & (either == 1) for code, some in sets.items()}  # a neuron is not to be compared with itself
    x = bx.probe(mini, [text for texts in sentences.values() for text in texts]).values
    assert bx.variance_between_languages(probe_of(x), languages, sets).share.mean() > 0.3
    # The neurons of every second language see other sentences of the same languages.
    generator = torch.Generator().manual_seed(0)
    shuffled = torch.cat([part[..., torch.randperm(60, generator=generator)] for part in x.split(60, dim=2)], dim=2)
    anywhere = x[..., torch.randperm(x.shape[2], generator=generator)]
    scores = {}
    for name, other in (("same", x), ("same language", shuffled), ("any", anywhere)):
        both = torch.cat([x, other], dim=1)  # the neurons once more, with other sentences
        nothing = torch.zeros_like(sets["en"])
        first, second = torch.cat([sets["de"], nothing], dim=1), torch.cat([nothing, sets["sw"]], dim=1)
        for groups in (None, languages):
            scores[name, groups is None] = bx.spectrum(probe_of(both), {"de": first, "sw": second}, languages=groups).loc[
                "de", "sw"
            ]
    print({key: round(value, 4) for key, value in scores.items()})
    assert scores["same language", True] > 5 * scores["any", True]  # pooled: identity
    assert scores["same language", False] < 1.5 * scores["any", False]  # within: noise
    assert scores["same", False] > 2 * scores["any", False]
