"""Ranking of bridges on hand-made activations and sets, against direct loops over Gram matrices."""

import inspect
import itertools
import threading
import warnings

import numpy as np
import pytest
import tiny
import torch
from scipy.spatial.distance import pdist

import bridgex_nb as bx
from bridgex_nb.bridges._bridgex_icl import rank_without_warnings
from bridgex_nb.models._layer_window import layer_window

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


def only(*neurons):
    """The set of these neurons in every layer."""
    neuron_set = torch.zeros(LAYERS, NEURONS, dtype=torch.bool)
    neuron_set[:, list(neurons)] = True
    return neuron_set


def rank(*arguments, rule="exclusive", **options):
    """`rank_bridges` with all the neurons of the hand-made sets, active or not."""
    return bx.rank_bridges(*arguments, rule=rule, **options)


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


# The ranking


def test_every_layer_follows_the_definition(probe, sets):
    ranking = rank(probe, sets)
    expected = {}
    for layer, bridge in itertools.product(range(LAYERS), bx.BRIDGES):
        shared = sets["sw"][layer] & sets["tl"][layer]
        specific = sets[bridge][layer] & ~sets["sw"][layer] & ~sets["tl"][layer]
        expected[layer, bridge] = gram_score(probe.values[layer, shared], probe.values[layer, specific])
    assert {(row.layer, row.bridge): row.score for row in ranking.by_layer.itertuples()} == pytest.approx(expected, rel=1e-5)
    assert set(ranking.by_layer.layer[ranking.by_layer.in_window]) == set(WINDOW)


@pytest.mark.slow
def test_all_pairs_of_the_bundled_model_follow_the_definition(mini):
    counts = bx.count_active(mini, bx.core_sentences())
    sets = bx.top_neurons(counts, 0.1)  # at 0.05, Japanese and Tagalog share no neurons in the window
    for src, tgt in bx.PAIRS:
        lexicon = bx.core_lexicon(src, tgt)
        probe = bx.probe(mini, lexicon.keep(list(lexicon.entries)[:60]))
        ranking = rank(probe, sets, resamples=0)
        expected = {}
        for layer, bridge in zip(ranking.by_layer.layer, ranking.by_layer.bridge, strict=True):
            shared = sets[src][layer] & sets[tgt][layer]
            specific = sets[bridge][layer] & ~sets[src][layer] & ~sets[tgt][layer]
            expected[layer, bridge] = gram_score(probe.rows(layer, shared), probe.rows(layer, specific))
        assert {(row.layer, row.bridge): row.score for row in ranking.by_layer.itertuples()} == pytest.approx(
            expected, rel=1e-5
        )
        # Layers 2, 3 and 4 of 6 lie between 10/32 and 22/32 of the depth.
        means = {
            bridge: np.mean([score for (layer, of), score in expected.items() if of == bridge and layer in (2, 3, 4)])
            for bridge in ranking.table.bridge
        }
        assert ranking.best == max(means, key=means.get)


def test_table_is_the_mean_over_the_window(probe, sets):
    ranking = rank(probe, sets)
    table = ranking.table.set_index("bridge")
    for bridge in bx.BRIDGES:
        rows = [row for row in ranking.by_layer.itertuples() if row.bridge == bridge and row.layer in WINDOW]
        assert table.score[bridge] == pytest.approx(sum(row.score for row in rows) / 3)
        assert table.layers[bridge] == 3
        assert table.shared[bridge] == sum(int((sets["sw"] & sets["tl"])[layer].sum()) for layer in WINDOW)
        specific = bx.bridge_neurons(sets, "sw", "tl", bridge, "exclusive")
        assert table.specific[bridge] == sum(int(specific[layer].sum()) for layer in WINDOW)
        assert table.name[bridge] == bx.language(bridge).name


def test_best_is_first(probe, sets):
    ranking = rank(probe, sets)
    assert ranking.table.score.is_monotonic_decreasing
    assert ranking.best == ranking.table.bridge[0]
    assert (ranking.src, ranking.tgt, ranking.samples) == ("sw", "tl", SAMPLES)
    assert sorted(ranking.table.bridge) == sorted(bx.BRIDGES)


def test_options_reach_hsic_and_the_card(probe, sets):
    ranking = rank(probe, sets, ["en"], rule="minus_overlap", sigma=2.0, estimator="reference", window=(0, 0.5))
    row = ranking.by_layer.iloc[2]
    x = probe.values[2, sets["sw"][2] & sets["tl"][2]]
    y = probe.values[2, bx.bridge_neurons(sets, "sw", "tl", "en", rule="minus_overlap")[2]]
    assert row.score == pytest.approx(bx.hsic_score(bx.hsic(x, y, 2.0, "reference")))
    assert set(ranking.by_layer.layer[ranking.by_layer.in_window]) == {0, 1, 2, 3}
    options = {"rule": "minus_overlap", "window": [0, 0.5], "sigma": 2.0, "estimator": "reference", "resamples": 200, "seed": 0}
    sizes = {code: int(sets[code].sum()) for code in ("sw", "tl", "en")}
    card = ranking.card
    assert (card["function"], card["site"]) == ("rank_bridges", "act")
    assert card["options"]["sets"]["sizes"] == sizes
    assert {name: card["options"][name] for name in options} == options
    assert card["options"]["bridges"] == ["en"]


def test_the_card_knows_the_sets_that_were_used(probe, sets):
    cards = [rank(probe, changed, ["en"], resamples=0).card for changed in (sets, sets, {**sets, "en": ~sets["en"]})]
    first, same, other = (card["options"]["sets"]["sha256"] for card in cards)
    assert first == same != other
    without_use = rank(probe, {**sets, "zh": ~sets["zh"]}, ["en"], resamples=0).card
    assert without_use["options"]["sets"] == cards[0]["options"]["sets"]


def test_planted_bridge_wins():
    # Neurons of fr are noisy functions of those that sw and tl share; neurons of the other bridges are noise.
    sets = {"sw": only(*range(8)), "tl": only(*range(8))}
    sets |= {code: only(*range(8 + 5 * i, 13 + 5 * i)) for i, code in enumerate(bx.BRIDGES)}
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        values = torch.randn(LAYERS, NEURONS, 80, generator=generator)
        planted = (2 * values[:, :5]).tanh() + 0.3 * torch.randn(LAYERS, 5, 80, generator=generator)
        values[sets["fr"]] = planted.flatten(0, 1)
        ranking = rank(probe_of(values), sets)
        assert ranking.best == "fr"
        assert ranking.table.score[0] > 1.5 * ranking.table.score[1]


def test_layers_keep_their_numbers(probe, sets):
    whole = rank(probe, sets)
    # No shared neurons in layer 1 and in layer 4.
    sets["sw"] = sets["sw"].clone()
    sets["sw"][[1, 4]] &= ~sets["tl"][[1, 4]]
    ranking = rank(probe, sets)
    assert ranking.absent == (1, 4)
    assert sorted(set(ranking.by_layer.layer)) == [0, 2, 3, 5, 6, 7]
    # The missing layer neither shifts the window nor counts as 0.
    for bridge in bx.BRIDGES:
        scores = whole.by_layer[(whole.by_layer.bridge == bridge) & whole.by_layer.layer.isin([3, 5])].score
        row = ranking.table.set_index("bridge").loc[bridge]
        assert row.score == pytest.approx(scores.mean())
        assert row.layers == 2


@pytest.mark.parametrize(("pair", "left"), [(("en", "sw"), 5), (("sw", "de"), 5), (("fr", "it"), 4), (("sw", "tl"), 6)])
def test_source_and_target_are_not_ranked(probe, sets, pair, left):
    ranking = rank(probe_of(probe.values, *pair), sets)
    assert not set(pair) & set(ranking.table.bridge)
    assert not set(pair) & set(ranking.by_layer.bridge)
    assert len(ranking.table) == left


def test_a_bridge_named_twice_counts_once(probe, sets):
    twice, once = (rank(probe, sets, names) for names in (["en", "fr", "en"], ["en", "fr"]))
    assert twice.table.equals(once.table)
    assert twice.by_layer.equals(once.by_layer)


def test_any_language_with_a_set_can_be_a_bridge(probe, sets):
    assert rank(probe, sets, ["zh"]).best == "zh"


def test_kept_neurons_give_the_same_ranking(probe, sets):
    keep = (sets["sw"] & sets["tl"]) | sets["en"] | sets["fr"]
    kept = bx.ProbeActivations(probe.values[keep], probe.words, "sw", "tl", keep, probe.card)
    of_kept, of_all = (rank(p, sets, ["en", "fr"]) for p in (kept, probe))
    assert of_kept.table.equals(of_all.table)
    assert of_kept.by_layer.equals(of_all.by_layer)


def test_kept_neurons_of_a_real_model_give_the_same_ranking():
    model = tiny.load("qwen2")
    counts = bx.count_active(model, {code: texts[:20] for code, texts in bx.core_sentences().items()})
    sets = bx.top_neurons(counts, rate=0.3)
    lexicon = bx.core_lexicon("sw", "tl")
    lexicon = lexicon.keep(list(lexicon.entries)[:12])
    shared = sets["sw"] & sets["tl"]
    keep = (
        shared | bx.bridge_neurons(sets, "sw", "tl", "en", "exclusive") | bx.bridge_neurons(sets, "sw", "tl", "fr", "exclusive")
    )
    of_kept, of_all = (rank(bx.probe(model, lexicon, keep=k), sets, ["en", "fr"]) for k in (keep, None))
    assert of_kept.best == of_all.best
    assert of_kept.by_layer.score.tolist() == pytest.approx(of_all.by_layer.score.tolist(), rel=1e-3)
    assert of_kept.by_layer.drop(columns="score").equals(of_all.by_layer.drop(columns="score"))


def test_a_bridge_without_neurons_is_left_out_with_a_warning(probe, sets):
    sets["it"] = torch.zeros_like(sets["it"])
    with pytest.warns(UserWarning, match=r"sw-tl: Left out.*layers 3-5: Italian.*higher rate"):
        ranking = rank(probe, sets)
    (note,) = ranking.notes
    assert "Italian" in note
    assert sorted(ranking.table.bridge) == ["de", "en", "es", "fr", "pt"]


def test_constant_neurons_warn_and_do_not_spoil_the_scores(probe, sets):
    neuron = int((sets["sw"] & sets["tl"])[4].nonzero()[0])
    probe.values[4, neuron] = 0.1
    with pytest.warns(UserWarning, match=r"Layer 4: 1 neuron is constant"):
        ranking = rank(probe, sets)
    assert np.isfinite(ranking.by_layer.score).all()
    assert ranking.notes == ("Layer 4: 1 neuron is constant over the probe; its HSIC is 0.",)


def test_a_probe_without_any_change_scores_zero(sets):
    with pytest.warns(UserWarning, match="constant"):
        ranking = rank(probe_of(torch.ones(LAYERS, NEURONS, SAMPLES)), sets)
    assert (ranking.table.score == 0).all()


def test_there_are_no_warnings_or_notes_without_a_reason(probe, sets):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rank(probe, sets).notes == ()


def test_layers_without_shared_neurons_are_noted_without_a_warning(probe, sets):
    sets["sw"] = sets["sw"].clone()
    sets["sw"][[1, 4]] &= ~sets["tl"][[1, 4]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rank(probe, sets, resamples=0).notes[-1] == "No shared neurons in layers 1, 4."


def test_ranking_without_warnings_has_the_same_arguments():
    assert inspect.signature(rank_without_warnings) == inspect.signature(bx.rank_bridges)


def test_a_thread_can_rank_without_warnings(probe, sets):
    """Warning filters belong to the whole process, so a thread cannot silence its own warnings."""
    sets["it"] = torch.zeros_like(sets["it"])
    probe.values[4, int((sets["sw"] & sets["tl"])[4].nonzero()[0])] = 0.1
    rankings = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(
            target=lambda: rankings.append(rank_without_warnings(probe, sets, rule="exclusive", resamples=20))
        )
        thread.start()
        thread.join()
        assert not caught
        loud = rank(probe, sets, resamples=20)
    assert [str(warning.message) for warning in caught] == [f"sw-tl: {note}" for note in loud.notes]
    assert rankings[0].notes == loud.notes
    assert len(loud.notes) == 2
    assert rankings[0].table.equals(loud.table)


# Which neurons are compared


def test_by_default_both_sides_are_the_active_neurons(probe, sets):
    ranking = bx.rank_bridges(probe, sets, resamples=0)
    on = probe.values.mean(dim=2) > 0
    for row in ranking.by_layer.itertuples():
        x = sets["sw"][row.layer] & sets["tl"][row.layer] & on[row.layer]
        y = sets[row.bridge][row.layer] & on[row.layer]
        assert (row.shared, row.specific) == (x.sum(), y.sum())
        assert row.score == pytest.approx(gram_score(probe.values[row.layer, x], probe.values[row.layer, y]), rel=1e-5)
    assert ranking.card["options"]["rule"] == "fully_activated"


def test_a_shared_neuron_that_the_bridge_has_too_matches_itself():
    """What the docstring of `bridge_neurons` says of the default rule."""
    values = torch.randn(LAYERS, NEURONS, 80, generator=torch.Generator().manual_seed(0)) + 3
    sets = {"sw": only(*range(12)), "tl": only(*range(12)), "en": only(*range(10, 20)), "fr": only(*range(2, 12))}
    table = bx.rank_bridges(probe_of(values), sets, ["en", "fr"], resamples=0).table.set_index("bridge")
    assert table.score["fr"] > 2 * table.score["en"]  # independent neurons: ten of fr stand on both sides, two of en do


def test_tiny_sets_are_noted(probe, sets):
    few = {**sets, "sw": only(0, 1), "tl": only(0, 1), "en": only(5)}
    ranking = rank(probe, few, ["en", "fr"], resamples=0)
    assert ranking.notes == ("Few neurons in layers 3-5: 6 shared, 3 of English. Their scores mean little.",)
    assert ranking.few
    assert ranking.summary == (
        "Too few neurons to rank the bridges: source and target share 6 in the layers that decide, and 10 are the least. "
        "Take a higher rate or a wider window."
    )


def test_a_set_without_active_neurons_says_so(probe, sets):
    silent = probe_of(-probe.values.abs())
    with pytest.raises(bx.InputError, match="no neurons are shared and active on the probe in layers 3-5"):
        bx.rank_bridges(silent, sets)


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "z"}, "by='z': bridges are ranked by score or excess"),
        ({"by": "excess", "resamples": 0}, "by='excess' needs resampling"),
        ({"redraws": [{}], "resamples": 0}, "redraws needs resampling"),
        ({"redraws": [{"sw": only(1)}]}, "no neuron set for tl"),
        ({"redraws": [{"sw": only(1)[:-1]}]}, "another model"),
    ],
)
def test_options_that_do_not_fit_are_refused(probe, sets, options, message):
    with pytest.raises(bx.InputError, match=message):
        rank(probe, sets, **options)


def test_an_unknown_bridge_is_refused(probe, sets):
    with pytest.raises(bx.InputError, match=r"'xx'.*sw"):
        rank(probe, sets, ["en", "xx"])


@pytest.mark.parametrize("bridges", [[], ["sw", "tl"]])
def test_no_bridge_is_left(probe, sets, bridges):
    with pytest.raises(bx.InputError, match="every bridge given is the source or the target"):
        rank(probe, sets, bridges)


def test_a_probe_of_one_language_is_refused(probe, sets):
    with pytest.raises(bx.InputError, match="sw-sw: a bridge needs two different languages"):
        rank(probe_of(probe.values, "sw", "sw"), sets)


@pytest.mark.parametrize("code", ["sw", "tl", "en"])
def test_language_without_a_set(probe, sets, code):
    del sets[code]
    with pytest.raises(bx.InputError, match=rf"\b{code}\b"):
        rank(probe, sets)


def test_no_shared_neurons_in_the_window(probe, sets):
    sets["sw"] = sets["sw"] & ~sets["tl"]
    sets["sw"][7], sets["tl"][7] = True, True
    with pytest.raises(bx.InputError, match=r"no neurons are shared in layers 3-5.*higher rate.*window"):
        rank(probe, sets)


def test_no_bridge_has_neurons_in_the_window(probe, sets):
    # Source and target do share neurons there, and the message must not deny it.
    with pytest.raises(bx.InputError, match=r"en, fr.*layers 3-5.*higher rate"):
        rank(probe, {**sets, "en": sets["sw"], "fr": sets["tl"]}, ["en", "fr"])


def test_probe_of_plain_prompts_has_no_languages(probe, sets):
    with pytest.raises(bx.InputError, match="lexicon"):
        rank(probe_of(probe.values, None, None), sets)


def test_probe_that_did_not_keep_the_neurons(probe, sets):
    keep = sets["sw"] & sets["tl"]
    kept = bx.ProbeActivations(probe.values[keep], probe.words, "sw", "tl", keep, {})
    with pytest.raises(bx.InputError, match="keep="):
        rank(kept, sets)


def test_sets_of_another_model(probe, sets):
    narrower = {code: neuron_set[:, :-1] for code, neuron_set in sets.items()}
    shallower = {code: neuron_set[:-1] for code, neuron_set in sets.items()}
    for of_another_model in (narrower, shallower):
        with pytest.raises(bx.InputError, match="another model"):
            rank(probe, of_another_model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_activations_that_are_not_finite(probe, sets, value):
    neuron = int((sets["sw"] & sets["tl"])[4].nonzero()[0])
    probe.values[4, neuron, 7] = value
    with pytest.raises(bx.InputError, match="layer 4"):
        rank(probe, sets)


# The window


@pytest.mark.parametrize(
    ("layers", "window"),
    [(32, range(10, 22)), (8, range(3, 6)), (24, range(8, 17)), (28, range(9, 20)), (80, range(25, 55)), (3, range(1, 3))],
)
def test_window_is_that_of_the_paper_at_any_depth(layers, window):
    assert layer_window(layers) == window


def test_window_of_all_layers():
    assert layer_window(8, (0, 1)) == range(8)


@pytest.mark.parametrize("window", [(0.5, 0.5), (0.6, 0.4), (0.01, 0.1), (1, 2)])
def test_window_without_layers(window):
    with pytest.raises(bx.InputError, match="no layer of 8"):
        layer_window(8, window)
