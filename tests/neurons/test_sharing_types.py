"""Sharing types by hand, against a loop, and on the bundled model."""

import dataclasses
import itertools
import math
import random

import numpy as np
import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.neurons._sharing_types import _mismatched

CODES = ("en", "sw", "tl", "fr")
TYPES = ["all_shared", "partial_shared", "specific", "non_activated"]


def test_sharing_types_by_hand():
    # One layer of five neurons, one item: active in all languages, in two, in one, in none, and in all even above 0.3.
    values = [[0.2, 0.2, -1, 0, 0.9], [0.4, 0.4, 0.4, -1, 0.8], [0.1, -0.2, 0, -2, 0.7]]
    activations = {code: torch.tensor(row).view(1, 5, 1) for code, row in zip(CODES, values, strict=False)}
    table = bx.sharing_types(activations, thresholds=[0, 0.3], permutations=0)
    assert table.columns.tolist() == ["threshold", "layer", *TYPES]
    assert table[["threshold", "layer"]].to_numpy().tolist() == [[0, 0], [0.3, 0]]
    assert table[TYPES].to_numpy().tolist() == [[0.4, 0.2, 0.2, 0.2], [0.2, 0, 0.6, 0.2]]


def test_sharing_types_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    # Multiples of 0.1, so that many values equal a threshold.
    activations = {code: torch.randint(-5, 8, (3, 30, 6), generator=generator) / 10 for code in CODES}
    table = bx.sharing_types(activations)
    assert len(table) == 6 * 3
    for row in table.itertuples():
        number = dict.fromkeys(TYPES, 0)
        for neuron, item in itertools.product(range(30), range(6)):
            # Compared as float32, where 0.3 differs from Python's.
            active = sum(bool(values[row.layer, neuron, item] > row.threshold) for values in activations.values())
            number[{4: TYPES[0], 1: TYPES[2], 0: TYPES[3]}.get(active, TYPES[1])] += 1
        for name in TYPES:
            assert getattr(row, name) == pytest.approx(number[name] / 180)


def test_a_language_shares_all_its_active_neurons_with_itself(mini):
    texts = bx.core_sentences()
    en, sw = (bx.probe(mini, texts[code][:20], statistic="last").values for code in ("en", "sw"))
    same = bx.sharing_types({"en": en, "also en": en}, [0])
    assert (same.partial_shared == 0).all()
    assert (same.specific == 0).all()
    assert same.all_shared.tolist() == pytest.approx((en > 0).double().mean(dim=(1, 2)).tolist())
    both = bx.sharing_types({"en": en, "sw": sw}, [0, 0.5])
    assert both[TYPES].sum(axis=1).tolist() == pytest.approx([1] * 12)
    assert (both.all_shared[both.threshold == 0] < same.all_shared).all()


@pytest.mark.parametrize("shapes", [[(2, 4, 3)], [(2, 4, 3), (2, 4, 2)], [(2, 4), (2, 4)], [(2, 4, 0), (2, 4, 0)], []])
def test_activations_that_cannot_be_compared_are_refused(shapes):
    with pytest.raises(bx.InputError, match=r"\[L, N, I\]"):
        bx.sharing_types({code: torch.zeros(shape) for code, shape in zip(CODES, shapes, strict=False)}, permutations=0)


def test_sharing_types_need_a_threshold():
    with pytest.raises(bx.InputError, match="threshold"):
        bx.sharing_types({"en": torch.ones(2, 3, 4), "sw": torch.ones(2, 3, 4)}, [])


def test_activations_that_are_not_finite_are_refused():
    with pytest.raises(bx.InputError, match=r"finite.*sw"):
        bx.sharing_types({"en": torch.zeros(2, 3, 4), "sw": torch.full((2, 3, 4), float("nan"))})


def test_the_control_gives_every_language_another_item():
    rng = random.Random(0)
    for _ in range(50):
        orders = _mismatched(7, 5, rng)
        assert all(sorted(order) == list(range(7)) for order in orders)
        assert all(len(set(at_once)) == 5 for at_once in zip(*orders, strict=True))
    assert len({tuple(map(tuple, _mismatched(7, 5, rng))) for _ in range(50)}) > 45


def test_neurons_that_ignore_the_item_have_no_excess():
    """Each neuron is active with a probability of its own, whatever the item: a third is shared, none of it beyond chance."""
    rng = np.random.default_rng(0)
    share = torch.from_numpy(rng.uniform(size=(2, 400, 1)))
    activations = {code: torch.from_numpy(rng.uniform(size=(2, 400, 60))) < share for code in CODES[:2]}
    table = bx.sharing_types({code: active.double() for code, active in activations.items()}, [0.5])
    assert table.all_shared.tolist() == pytest.approx([1 / 3] * 2, abs=0.05)
    assert table.all_shared_excess.abs().max() < 0.005
    assert table.all_shared_z.abs().max() < 4
    mismatched = table[[f"{name}_mismatched" for name in TYPES]]
    assert mismatched.sum(axis=1).tolist() == pytest.approx([1] * 2)


def test_neurons_that_answer_to_the_item_are_above_the_control_of_the_formula():
    """All languages alike: with K items drawn without replacement, C(m, K) / C(I, K) are active in all by chance."""
    items, generator = 12, torch.Generator().manual_seed(0)
    same = (torch.rand(1, 200, items, generator=generator) < torch.rand(1, 200, 1, generator=generator)).double()
    table = bx.sharing_types(dict.fromkeys(CODES, same), [0.5], permutations=400)
    chance = np.mean([math.comb(int(active), 4) / math.comb(items, 4) for active in same[0].sum(dim=1)])
    assert table.all_shared[0] == pytest.approx(float(same.mean()))
    assert table.all_shared_mismatched[0] == pytest.approx(chance, rel=0.01)
    assert table.all_shared_excess[0] == pytest.approx(float(same.mean()) - chance, abs=0.01 * chance)
    assert table.all_shared_z[0] > 10


def test_most_of_what_the_last_layer_shares_is_shared_by_different_words(mini):
    """On the bundled model a share of shared neurons is mostly about which neurons are active often."""
    words = {code: texts[:50] for code, texts in bx.core_words().items()}
    table = bx.sharing_types({code: bx.probe(mini, texts, statistic="last") for code, texts in words.items()}, [0])
    last = table.iloc[-1]
    assert 0.6 < last.all_shared_mismatched / last.all_shared < 0.95
    assert (table.all_shared_excess > 0).all()


def test_the_run_card_names_model_items_and_control(mini):
    texts = bx.core_words()
    probes = {code: bx.probe(mini, texts[code][:5], statistic="last") for code in ("en", "sw")}
    table = bx.sharing_types(probes, [0], permutations=3, seed=5)
    card = table.attrs["card"]
    assert card["function"] == "sharing_types"
    assert card["weights_sha256"] == mini.card["weights_sha256"]
    assert card["options"] == {"thresholds": [0], "permutations": 3, "seed": 5}
    assert card["inputs"]["probe sw"]["data"] == probes["sw"].card["data"]
    assert table.equals(bx.sharing_types({code: probe.values for code, probe in probes.items()}, [0], permutations=3, seed=5))
    plain = [
        bx.sharing_types({"en": torch.ones(1, 2, 2), "sw": values}).attrs["card"]["data"] for values in torch.rand(2, 1, 2, 2)
    ]
    assert plain[0]["sha256"]["en"] == plain[1]["sha256"]["en"]
    assert plain[0]["sha256"]["sw"] != plain[1]["sha256"]["sw"]


def test_probes_of_two_models_are_refused(mini):
    probe = bx.probe(mini, ["fire", "sun"], statistic="last")
    other = dataclasses.replace(probe, card=probe.card | {"weights_sha256": "another"})
    with pytest.raises(bx.InputError, match="activations of sw are of another model"):
        bx.sharing_types({"en": probe, "sw": other})


@pytest.mark.parametrize(("permutations", "message"), [(1, "at least 2"), (-1, "at least 2"), (20, "cannot be mismatched")])
def test_a_control_that_cannot_be_is_refused(permutations, message):
    with pytest.raises(bx.InputError, match=message):
        bx.sharing_types(dict.fromkeys(CODES, torch.ones(1, 3, 3)), permutations=permutations)


def test_a_bare_threshold_is_refused():
    with pytest.raises(bx.InputError, match="a list of one threshold or more"):
        bx.sharing_types({code: torch.ones(2, 4, 3) for code in ("en", "sw")}, 0.5)
