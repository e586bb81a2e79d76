"""Sharing types by hand, against a loop, and on the bundled model."""

import itertools

import pytest
import torch

import bridgex_nb as bx

CODES = ("en", "sw", "tl", "fr")
TYPES = ["all_shared", "partial_shared", "specific", "non_activated"]


def test_sharing_types_by_hand():
    # One layer of five neurons, one item: active in all languages, in two, in one, in none, and in all even above 0.3.
    values = [[0.2, 0.2, -1, 0, 0.9], [0.4, 0.4, 0.4, -1, 0.8], [0.1, -0.2, 0, -2, 0.7]]
    activations = {code: torch.tensor(row).view(1, 5, 1) for code, row in zip(CODES, values, strict=False)}
    table = bx.sharing_types(activations, thresholds=[0, 0.3])
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
        bx.sharing_types({code: torch.zeros(shape) for code, shape in zip(CODES, shapes, strict=False)})


def test_sharing_types_need_a_threshold():
    with pytest.raises(bx.InputError, match="threshold"):
        bx.sharing_types({"en": torch.ones(2, 3, 4), "sw": torch.ones(2, 3, 4)}, [])


def test_activations_that_are_not_finite_are_refused():
    with pytest.raises(bx.InputError, match=r"finite.*sw"):
        bx.sharing_types({"en": torch.zeros(2, 3, 4), "sw": torch.full((2, 3, 4), float("nan"))})
