"""Shared and exclusive neurons, and the score of abstract thought, by hand."""

import math

import pandas as pd
import pytest
import torch

import bridgex_nb as bx

CODES = ("en", "sw", "tl", "fr")


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


def test_shared_and_exclusive_neurons_add_up_to_the_sets(sets):
    shared, exclusive = bx.shared_exclusive(sets)
    assert members(shared) == set.intersection(*map(members, sets.values()))
    assert members(shared)
    for code, neuron_set in exclusive.items():
        assert members(neuron_set) == members(sets[code]) - members(shared)
        assert torch.equal(neuron_set | shared, sets[code])


def test_a_single_set_is_refused(sets):
    with pytest.raises(bx.InputError, match=r"two or more languages; given: en"):
        bx.shared_exclusive({"en": sets["en"]})


def test_importance_ratio_by_hand():
    sets = {
        "en": torch.tensor([[True, True, True, False, False, False]]),
        "sw": torch.tensor([[True, True, False, True, True, False]]),
    }
    # Neurons 0 and 1 are shared; English has one exclusive neuron, Swahili two.
    ratios = bx.importance_ratio(sets, {"en": 6.0, "sw": 2.0}, {"en": 1.0, "sw": 4.0})
    assert ratios.to_dict() == {"en": 3.0, "sw": 0.5}
    assert bx.language_agnostic_score(ratios) == pytest.approx(math.log(1 + 1.75))


def test_the_score_of_shared_neurons_without_effect_is_0(sets):
    ratios = bx.importance_ratio(sets, dict.fromkeys(CODES, 0.0), dict.fromkeys(CODES, 2.0))
    assert bx.language_agnostic_score(ratios) == 0


def test_undefined_ratios_are_refused(sets):
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
