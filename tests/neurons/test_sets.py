"""Language neurons, overlaps and bridge-specific neurons, against hand-made counts and Python's own sets."""

import inspect
import itertools

import pandas as pd
import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.neurons import RATE

CODES = ("en", "sw", "tl", "fr")


def counts_of(active):
    """Counts over 1000 tokens per language, from active [K, L, N]."""
    active = torch.as_tensor(active)
    return bx.ActivationCounts(active, torch.full((len(active),), 1000), CODES[: len(active)], {})


def members(neuron_set):
    """A neuron set as a Python set of (layer, neuron)."""
    return {tuple(index) for index in neuron_set.nonzero().tolist()}


@pytest.fixture
def sets():
    """Random sets of four languages, of different sizes, in 3 layers of 40 neurons."""
    generator = torch.Generator().manual_seed(0)
    return {
        code: torch.rand(3, 40, generator=generator) < share for code, share in zip(CODES, (0.3, 0.4, 0.5, 0.2), strict=True)
    }


@pytest.fixture
def probe():
    """A probe with means of both signs."""
    values = torch.randn(3, 40, 5, generator=torch.Generator().manual_seed(1))
    return bx.ProbeActivations(values, tuple("abcde"), "sw", "tl", None, {})


# Top neurons


def test_top_neurons_are_the_most_active_over_all_layers():
    active = [[[1, 2, 3, 4, 5], [10, 9, 8, 7, 6]]]
    top = bx.top_neurons(counts_of(active), rate=0.2)
    # 20 % of ten neurons are two; the threshold is the value at rank round(0.8 * 10) = 8 from below, which is included.
    assert members(top["en"]) == {(1, 0), (1, 1), (1, 2)}


def test_neurons_tied_with_the_threshold_are_kept():
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


def test_neurons_with_equal_activity_are_all_kept():
    assert bx.top_neurons(counts_of(torch.full((1, 2, 5), 3)), rate=0.01)["en"].all()


def test_each_language_has_its_own_threshold():
    # A language with higher counts must not crowd out another.
    active = torch.tensor([[[900, 800, 700, 600]], [[1, 2, 3, 4]]])
    top = bx.top_neurons(counts_of(active), rate=0.25)
    assert members(top["en"]) == {(0, 0), (0, 1)}
    assert members(top["sw"]) == {(0, 2), (0, 3)}


def test_probabilities_decide_and_not_counts():
    counts = bx.ActivationCounts(torch.tensor([[[5, 4, 3, 2]]]), torch.tensor([10]), ("en",), {})
    assert torch.equal(bx.top_neurons(counts, rate=0.5)["en"], torch.tensor([[True, True, True, False]]))


def test_size_of_a_set_in_llama_3_8b():
    # 32 layers of 14,336 neurons, one percent: 4,589 as the paper counts, not 4,587 (floor) or 4,588 (round).
    order = torch.randperm(32 * 14336, generator=torch.Generator().manual_seed(0)).view(1, 32, 14336)
    counts = bx.ActivationCounts(order, torch.tensor([32 * 14336]), ("en",), {})
    top = bx.top_neurons(counts, rate=0.01)["en"]
    assert int(top.sum()) == 4589
    assert order[0][top].min() > order[0][~top].max()


def test_every_method_has_the_same_default_rate():
    for function in (bx.top_neurons, bx.lape, bx.lape_lambda, bx.contrast_neurons, bx.Evidence, bx.emergence):
        assert inspect.signature(function).parameters["rate"].default == RATE == 0.05


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan")])
def test_a_rate_that_is_not_a_share_is_refused(rate):
    with pytest.raises(bx.InputError, match="rate"):
        bx.top_neurons(counts_of([[[1, 2]]]), rate=rate)


# Overlap


def test_overlap_against_python_sets(sets):
    count, jaccard, lift = (bx.overlap_matrix(sets, kind) for kind in ("count", "jaccard", "lift"))
    for row, column in itertools.product(CODES, repeat=2):
        a, b = members(sets[row]), members(sets[column])
        assert count.loc[row, column] == len(a & b)
        assert jaccard.loc[row, column] == pytest.approx(len(a & b) / len(a | b))
        assert lift.loc[row, column] == pytest.approx(len(a & b) * 120 / (len(a) * len(b)))


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
    for a, b in itertools.combinations(CODES, 2):
        assert lift.loc[a, b] == pytest.approx(1, abs=0.2)
    # A set overlaps with itself 1 / share times as much as by chance.
    assert lift.loc["en", "en"] == pytest.approx(50, rel=0.1)


def test_the_run_card_of_an_overlap_names_kind_and_sets(sets):
    card = bx.overlap_matrix(sets, "lift").attrs["card"]
    assert card["function"] == "overlap_matrix"
    assert card["options"]["kind"] == "lift"
    assert card["options"]["sets"]["sizes"] == {code: len(members(sets[code])) for code in CODES}
    other = bx.overlap_matrix(sets | {"en": ~sets["en"]}, "lift").attrs["card"]
    assert other["options"]["sets"]["sha256"] != card["options"]["sets"]["sha256"]


@pytest.mark.parametrize("kind", ["count", "jaccard", "lift"])
def test_an_empty_set_overlaps_with_nothing(kind):
    sets = {"en": torch.zeros(2, 4, dtype=torch.bool), "sw": torch.ones(2, 4, dtype=torch.bool)}
    table = bx.overlap_matrix(sets, kind)
    assert table.loc["en", "sw"] == table.loc["en", "en"] == 0


def test_an_unknown_kind_of_overlap_is_refused(sets):
    with pytest.raises(bx.InputError, match="cosine"):
        bx.overlap_matrix(sets, "cosine")


def test_overlap_of_no_sets_is_refused():
    with pytest.raises(bx.InputError, match="overlap_matrix needs the neuron set of one language or more"):
        bx.overlap_matrix({})


def test_overlap_of_sets_of_two_models_is_refused(sets):
    with pytest.raises(bx.InputError, match=r"these differ: en \[3, 40\], sw \[3, 39\]"):
        bx.overlap_matrix({"en": sets["en"], "sw": sets["sw"][:, :-1]})


# Bridge-specific neurons


def test_exclusive_rule(sets):
    chosen = bx.bridge_neurons(sets, "sw", "tl", "en", rule="exclusive")
    assert members(chosen) == members(sets["en"]) - (members(sets["sw"]) | members(sets["tl"]))
    assert members(chosen)


def test_minus_overlap_rule(sets):
    chosen = bx.bridge_neurons(sets, "sw", "tl", "en", rule="minus_overlap")
    assert members(chosen) == members(sets["en"]) - (members(sets["sw"]) & members(sets["tl"]))


def test_active_rule(sets, probe):
    chosen = bx.bridge_neurons(sets, "sw", "tl", "en", rule="active", probe=probe)
    on = {(layer, neuron) for layer in range(3) for neuron in range(40) if sum(probe.values[layer, neuron].tolist()) > 0}
    exclusive = members(bx.bridge_neurons(sets, "sw", "tl", "en", rule="exclusive"))
    assert members(chosen) == exclusive & on
    assert members(chosen) < exclusive


def test_active_rule_with_a_probe_that_kept_only_some_neurons(sets, probe):
    keep = sets["en"]
    kept = bx.ProbeActivations(probe.values[keep], probe.words, "sw", "tl", keep, {})
    of_kept, of_all = (bx.bridge_neurons(sets, "sw", "tl", "en", rule="active", probe=p) for p in (kept, probe))
    assert torch.equal(of_kept, of_all)


@pytest.mark.parametrize("rule", ["active", "fully_activated"])
def test_a_rule_of_active_neurons_needs_a_probe(sets, rule):
    with pytest.raises(bx.InputError, match=r"needs a probe.*rule='exclusive'"):
        bx.bridge_neurons(sets, "sw", "tl", "en", rule=rule)


def test_fully_activated_rule_is_the_default_on_both_sides(sets, probe):
    on = {(layer, neuron) for layer in range(3) for neuron in range(40) if sum(probe.values[layer, neuron].tolist()) > 0}
    bridge, shared = bx.bridge_neurons(sets, "sw", "tl", "en", probe=probe), bx.shared_neurons(sets, "sw", "tl", probe=probe)
    assert members(bridge) == members(sets["en"]) & on
    assert members(shared) == members(sets["sw"]) & members(sets["tl"]) & on
    assert members(shared) < members(sets["sw"]) & members(sets["tl"])
    assert members(shared) & members(bridge)  # they match themselves, as the docstring says


@pytest.mark.parametrize("rule", ["exclusive", "active", "minus_overlap"])
def test_other_rules_take_all_shared_neurons(sets, probe, rule):
    assert torch.equal(bx.shared_neurons(sets, "sw", "tl", rule, probe), sets["sw"] & sets["tl"])


def test_activations_that_are_not_finite_are_not_taken_for_silent(sets, probe):
    probe.values[1, int((sets["sw"] & sets["tl"])[1].nonzero()[0]), 0] = float("nan")
    with pytest.raises(bx.InputError, match="layer 1: activations are not finite"):
        bx.shared_neurons(sets, "sw", "tl", probe=probe)


def test_rules_do_not_change_the_sets(sets, probe):
    before = {code: neuron_set.clone() for code, neuron_set in sets.items()}
    for rule in bx.neurons.RULES:
        bx.bridge_neurons(sets, "sw", "tl", "en", rule=rule, probe=probe)
    assert all(torch.equal(sets[code], before[code]) for code in sets)


def test_an_unknown_rule_is_refused(sets):
    with pytest.raises(bx.InputError, match="inclusive"):
        bx.bridge_neurons(sets, "sw", "tl", "en", rule="inclusive")


@pytest.mark.parametrize("languages", [("fi", "tl", "en"), ("sw", "fi", "en"), ("sw", "tl", "fi")])
def test_a_language_without_a_set_is_refused(sets, languages):
    with pytest.raises(bx.InputError, match=r"\bfi\b.*sw"):
        bx.bridge_neurons(sets, *languages)
