"""Neuron sets against hand-made counts and Python's own sets."""

import itertools
import math

import pandas as pd
import pytest
import torch

import bridgex_nb as bx

CODES = ("en", "sw", "tl", "fr")


def counts_of(active):
    """Counts over 1000 tokens a language, from active [K, L, N]."""
    active = torch.as_tensor(active)
    return bx.ActivationCounts(active, torch.full((len(active),), 1000), CODES[: len(active)], {})


def members(mask):
    """A neuron set as a Python set of (layer, neuron)."""
    return {tuple(place) for place in mask.nonzero().tolist()}


@pytest.fixture
def sets():
    """Random sets of four languages, of different sizes, over 3 layers of 40 neurons."""
    generator = torch.Generator().manual_seed(0)
    return {
        code: torch.rand(3, 40, generator=generator) < share for code, share in zip(CODES, (0.3, 0.4, 0.5, 0.2), strict=True)
    }


@pytest.fixture
def probe():
    """A probe whose means are of either sign."""
    values = torch.randn(3, 40, 5, generator=torch.Generator().manual_seed(1))
    return bx.ProbeActivations(values, tuple("abcde"), "sw", "tl", None, {})


# Top neurons


def test_top_neurons_are_the_most_active_of_all_layers_together():
    active = [[[1, 2, 3, 4, 5], [10, 9, 8, 7, 6]]]
    top = bx.top_neurons(counts_of(active), rate=0.2)
    # 20 % of ten neurons are two; the bar is the value at rank round(0.8 * 10) = 8 from below, and it is in.
    assert members(top["en"]) == {(1, 0), (1, 1), (1, 2)}


def test_ties_with_the_bar_are_kept():
    active = [[[7, 7, 7, 7, 5], [10, 9, 7, 7, 6]]]
    assert members(bx.top_neurons(counts_of(active), rate=0.2)["en"]) == {
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 0),
        (1, 1),
        (1, 2),
        (1, 3),
    }


def test_neurons_that_are_all_alike_are_all_kept():
    assert bx.top_neurons(counts_of(torch.full((1, 2, 5), 3)), rate=0.01)["en"].all()


def test_each_language_has_its_own_bar():
    # More tokens of one language must not crowd out another.
    active = torch.tensor([[[900, 800, 700, 600]], [[1, 2, 3, 4]]])
    top = bx.top_neurons(counts_of(active), rate=0.25)
    assert members(top["en"]) == {(0, 0), (0, 1)}
    assert members(top["sw"]) == {(0, 2), (0, 3)}


def test_probability_decides_not_the_count():
    counts = bx.ActivationCounts(torch.tensor([[[5, 4, 3, 2]]]), torch.tensor([10]), ("en",), {})
    assert torch.equal(bx.top_neurons(counts, rate=0.5)["en"], torch.tensor([[True, True, True, False]]))


def test_size_of_a_set_of_llama_3_8b():
    # 32 layers of 14,336 neurons, one percent: 4,589 as the paper counts, not 4,587 (floor) or 4,588 (round).
    order = torch.randperm(32 * 14336, generator=torch.Generator().manual_seed(0)).view(1, 32, 14336)
    counts = bx.ActivationCounts(order, torch.tensor([32 * 14336]), ("en",), {})
    top = bx.top_neurons(counts, rate=0.01)["en"]
    assert int(top.sum()) == 4589
    assert order[0][top].min() > order[0][~top].max()


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan")])
def test_rate_that_is_no_share(rate):
    with pytest.raises(bx.InputError, match="rate"):
        bx.top_neurons(counts_of([[[1, 2]]]), rate=rate)


# Overlap


def test_overlap_against_python_sets(sets):
    count, jaccard, lift = (bx.overlap_matrix(sets, kind) for kind in ("count", "jaccard", "lift"))
    for one, other in itertools.product(CODES, repeat=2):
        a, b = members(sets[one]), members(sets[other])
        assert count.loc[one, other] == len(a & b)
        assert jaccard.loc[one, other] == pytest.approx(len(a & b) / len(a | b))
        assert lift.loc[one, other] == pytest.approx(len(a & b) * 120 / (len(a) * len(b)))


def test_overlap_is_a_labelled_symmetric_table(sets):
    table = bx.overlap_matrix(sets)
    assert list(table.index) == list(table.columns) == list(CODES)
    assert all(dtype.kind == "i" for dtype in table.dtypes)
    pd.testing.assert_frame_equal(table, table.T)


def test_lift_of_independent_sets_is_about_one():
    generator = torch.Generator().manual_seed(2)
    sets = {
        code: torch.rand(32, 4096, generator=generator) < share
        for code, share in zip(CODES, (0.02, 0.05, 0.1, 0.2), strict=True)
    }
    lift = bx.overlap_matrix(sets, "lift")
    for one, other in itertools.combinations(CODES, 2):
        assert lift.loc[one, other] == pytest.approx(1, abs=0.2)
    # With itself a set overlaps 1 / share times as much as by chance.
    assert lift.loc["en", "en"] == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize("kind", ["count", "jaccard", "lift"])
def test_empty_set_overlaps_with_nothing(kind):
    sets = {"en": torch.zeros(2, 4, dtype=torch.bool), "sw": torch.ones(2, 4, dtype=torch.bool)}
    table = bx.overlap_matrix(sets, kind)
    assert table.loc["en", "sw"] == table.loc["en", "en"] == 0


def test_unknown_kind_of_overlap(sets):
    with pytest.raises(bx.InputError, match="cosine"):
        bx.overlap_matrix(sets, "cosine")


# Neurons of a bridge


def test_exclusive_rule(sets):
    chosen = bx.bridge_neurons(sets, "sw", "tl", "en")
    assert members(chosen) == members(sets["en"]) - (members(sets["sw"]) | members(sets["tl"]))
    assert members(chosen)


def test_minus_overlap_rule(sets):
    chosen = bx.bridge_neurons(sets, "sw", "tl", "en", rule="minus_overlap")
    assert members(chosen) == members(sets["en"]) - (members(sets["sw"]) & members(sets["tl"]))


def test_active_rule(sets, probe):
    chosen = bx.bridge_neurons(sets, "sw", "tl", "en", rule="active", probe=probe)
    on = {(layer, neuron) for layer in range(3) for neuron in range(40) if sum(probe.values[layer, neuron].tolist()) > 0}
    exclusive = members(bx.bridge_neurons(sets, "sw", "tl", "en"))
    assert members(chosen) == exclusive & on
    assert members(chosen) < exclusive


def test_active_rule_with_a_probe_that_kept_only_some_neurons(sets, probe):
    keep = sets["en"]
    kept = bx.ProbeActivations(probe.values[keep], probe.words, "sw", "tl", keep, {})
    one, other = (bx.bridge_neurons(sets, "sw", "tl", "en", rule="active", probe=p) for p in (kept, probe))
    assert torch.equal(one, other)


def test_active_rule_needs_a_probe(sets):
    with pytest.raises(bx.InputError, match="probe"):
        bx.bridge_neurons(sets, "sw", "tl", "en", rule="active")


def test_rules_leave_the_sets_as_they_are(sets, probe):
    before = {code: mask.clone() for code, mask in sets.items()}
    for rule in ("exclusive", "active", "minus_overlap"):
        bx.bridge_neurons(sets, "sw", "tl", "en", rule=rule, probe=probe)
    assert all(torch.equal(sets[code], before[code]) for code in sets)


def test_unknown_rule(sets):
    with pytest.raises(bx.InputError, match="inclusive"):
        bx.bridge_neurons(sets, "sw", "tl", "en", rule="inclusive")


@pytest.mark.parametrize("languages", [("fi", "tl", "en"), ("sw", "fi", "en"), ("sw", "tl", "fi")])
def test_language_without_a_set(sets, languages):
    with pytest.raises(bx.InputError, match=r"\bfi\b.*sw"):
        bx.bridge_neurons(sets, *languages)


# Shared and exclusive neurons


def test_shared_and_exclusive_are_the_sets_again(sets):
    shared, exclusive = bx.shared_exclusive(sets)
    assert members(shared) == set.intersection(*map(members, sets.values()))
    assert members(shared)
    for code, mask in exclusive.items():
        assert members(mask) == members(sets[code]) - members(shared)
        assert torch.equal(mask | shared, sets[code])


def test_one_set_is_shared_with_nobody(sets):
    with pytest.raises(bx.InputError, match=r"two or more.*en"):
        bx.shared_exclusive({"en": sets["en"]})


def test_importance_ratio_by_hand():
    sets = {
        "en": torch.tensor([[True, True, True, False, False, False]]),
        "sw": torch.tensor([[True, True, False, True, True, False]]),
    }
    # Shared are 0 and 1; English has one of its own, Swahili two.
    ratios = bx.importance_ratio(sets, {"en": 6.0, "sw": 2.0}, {"en": 1.0, "sw": 4.0})
    assert ratios.to_dict() == {"en": 3.0, "sw": 0.5}
    assert bx.language_agnostic_score(ratios) == pytest.approx(math.log(1 + 1.75))


def test_shared_neurons_that_do_nothing_score_0(sets):
    ratios = bx.importance_ratio(sets, dict.fromkeys(CODES, 0.0), dict.fromkeys(CODES, 2.0))
    assert bx.language_agnostic_score(ratios) == 0


def test_ratios_that_are_not_defined(sets):
    changes = dict.fromkeys(CODES, 1.0)
    with pytest.raises(bx.InputError, match="no finite perplexity change for fr"):
        bx.importance_ratio(sets, changes, {code: 1.0 for code in CODES if code != "fr"})
    with pytest.raises(bx.InputError, match="no finite perplexity change for sw"):
        bx.importance_ratio(sets, changes | {"sw": math.inf}, changes)
    with pytest.raises(bx.InputError, match="perplexity of tl"):
        bx.importance_ratio(sets, changes, changes | {"tl": 0.0})
    with pytest.raises(bx.InputError, match="exclusive neurons in: en sw"):
        bx.importance_ratio({"en": sets["en"], "sw": sets["en"]}, changes, changes)
    with pytest.raises(bx.InputError, match="all sets"):
        bx.importance_ratio({"en": sets["en"], "sw": ~sets["en"]}, changes, changes)
    with pytest.raises(bx.InputError, match="-2"):
        bx.language_agnostic_score(pd.Series({"en": -3.0, "sw": -1.0}))


# Sharing types

TYPES = ["all_shared", "partial_shared", "specific", "non_activated"]


def test_sharing_types_by_hand():
    # One layer of five neurons, one item: active in all, in two, in one, in none, and in all above 0.3.
    values = [[0.2, 0.2, -1, 0, 0.9], [0.4, 0.4, 0.4, -1, 0.8], [0.1, -0.2, 0, -2, 0.7]]
    activations = {code: torch.tensor(some).view(1, 5, 1) for code, some in zip(CODES, values, strict=False)}
    table = bx.sharing_types(activations, thresholds=[0, 0.3])
    assert table.columns.tolist() == ["threshold", "layer", *TYPES]
    assert table[["threshold", "layer"]].to_numpy().tolist() == [[0, 0], [0.3, 0]]
    assert table[TYPES].to_numpy().tolist() == [[0.4, 0.2, 0.2, 0.2], [0.2, 0, 0.6, 0.2]]


def test_sharing_types_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    # Tenths, so that many values lie on a threshold.
    activations = {code: torch.randint(-5, 8, (3, 30, 6), generator=generator) / 10 for code in CODES}
    table = bx.sharing_types(activations)
    assert len(table) == 6 * 3
    for row in table.itertuples():
        number = dict.fromkeys(TYPES, 0)
        for neuron, item in itertools.product(range(30), range(6)):
            # As float32, in which 0.3 is another number than Python's.
            active = sum(bool(one[row.layer, neuron, item] > row.threshold) for one in activations.values())
            number[{4: TYPES[0], 1: TYPES[2], 0: TYPES[3]}.get(active, TYPES[1])] += 1
        for name in TYPES:
            assert getattr(row, name) == pytest.approx(number[name] / 180)


def test_a_language_against_itself_shares_all_that_is_active(mini):
    texts = bx.core_sentences()
    en, sw = (bx.probe(mini, texts[code][:20], statistic="last").values for code in ("en", "sw"))
    alike = bx.sharing_types({"en": en, "also en": en}, [0])
    assert (alike.partial_shared == 0).all()
    assert (alike.specific == 0).all()
    assert alike.all_shared.tolist() == pytest.approx((en > 0).double().mean(dim=(1, 2)).tolist())
    both = bx.sharing_types({"en": en, "sw": sw}, [0, 0.5])
    assert both[TYPES].sum(axis=1).tolist() == pytest.approx([1] * 12)
    assert (both.all_shared[both.threshold == 0] < alike.all_shared).all()


@pytest.mark.parametrize("shapes", [[(2, 4, 3)], [(2, 4, 3), (2, 4, 2)], [(2, 4), (2, 4)], [(2, 4, 0), (2, 4, 0)], []])
def test_activations_that_cannot_be_compared(shapes):
    with pytest.raises(bx.InputError, match=r"\[L, N, I\]"):
        bx.sharing_types({code: torch.zeros(shape) for code, shape in zip(CODES, shapes, strict=False)})


def test_sharing_without_a_threshold():
    with pytest.raises(bx.InputError, match="threshold"):
        bx.sharing_types({"en": torch.ones(2, 3, 4), "sw": torch.ones(2, 3, 4)}, [])


def test_activations_that_are_not_finite():
    with pytest.raises(bx.InputError, match=r"finite.*sw"):
        bx.sharing_types({"en": torch.zeros(2, 3, 4), "sw": torch.full((2, 3, 4), float("nan"))})
