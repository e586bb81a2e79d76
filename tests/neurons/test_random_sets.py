"""Random neuron sets: as many neurons in each layer and group of activation frequency, drawn uniformly and reproducibly."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bridgex_nb as bx
from bridgex_nb.neurons._random_sets import random_sets


def often_active(layers: int = 3, neurons: int = 400, seed: int = 0) -> torch.Tensor:
    """Activation frequencies [L, N] as uneven as those of a real model: many near 0, some near 1, a tenth exactly 0."""
    frequency = torch.from_numpy(np.random.default_rng(seed).beta(0.5, 2, (layers, neurons)))
    frequency[:, : neurons // 10] = 0
    return frequency


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(0, 10**6), st.booleans())
def test_a_random_set_has_as_many_neurons_in_each_layer(seed, share, draw, matched):
    neuron_set = torch.rand(4, 30, generator=torch.Generator().manual_seed(seed)) < share
    frequency = often_active(4, 30, seed) if matched else None
    random = bx.random_like(neuron_set, draw, frequency=frequency)
    assert random.dtype == torch.bool
    assert torch.equal(random.sum(dim=1), neuron_set.sum(dim=1))
    assert torch.equal(random, bx.random_like(neuron_set, draw, frequency=frequency))


def test_every_neuron_is_drawn_equally_often():
    neuron_set = torch.zeros(2, 20, dtype=torch.bool)
    neuron_set[0, :5] = True
    drawn = torch.stack([bx.random_like(neuron_set, seed) for seed in range(2000)]).float().mean(dim=0)
    assert torch.allclose(drawn[0], torch.tensor(0.25), atol=0.05)  # five standard errors
    assert not drawn[1].any()


def test_a_matched_set_is_about_as_often_active():
    frequency = often_active()
    neuron_set = torch.zeros(3, 400, dtype=torch.bool)
    for layer, chosen in enumerate((frequency[0].topk(30).indices, frequency[1].sort().indices[150:200], [0, 1, 2])):
        neuron_set[layer, chosen] = True

    def apart(**options):
        """Largest distance, over layers, between the mean frequency of the set and that of its random sets."""
        drawn = torch.stack([bx.random_like(neuron_set, seed, **options) for seed in range(50)])
        own = (frequency * neuron_set).sum(dim=1) / neuron_set.sum(dim=1)
        return ((frequency * drawn).sum(dim=2).mean(dim=0) / neuron_set.sum(dim=1) - own).abs().max()

    assert apart(frequency=frequency) < 0.05
    assert apart() > 0.3  # matched by layer only, active neurons are compared with silent ones


def test_neurons_are_drawn_from_their_tenth_of_the_layer():
    frequency = often_active()
    neuron_set = torch.rand(3, 400, generator=torch.Generator().manual_seed(0)) < 0.1
    drawn = torch.stack([bx.random_like(neuron_set, seed, frequency=frequency) for seed in range(400)]).double().mean(dim=0)
    for layer in range(3):
        ranks = np.array([(frequency[layer] < value).sum() for value in frequency[layer]])
        for tenth in range(10):
            group = torch.from_numpy((ranks >= 40 * tenth) & (ranks < 40 * (tenth + 1)))
            assert group.sum() == 40
            share = neuron_set[layer, group].double().mean()
            assert drawn[layer, group].mean() == pytest.approx(float(share))
            assert torch.allclose(drawn[layer, group], share, atol=0.12)  # each as likely; five standard errors


def test_a_tenth_that_a_set_takes_whole_is_drawn_whole():
    frequency = torch.arange(100.0).view(1, 100)
    neuron_set = frequency >= 90
    assert torch.equal(bx.random_like(neuron_set, 3, frequency=frequency), neuron_set)


def test_neurons_of_equal_frequency_are_in_one_group():
    neuron_set = torch.zeros(1, 40, dtype=torch.bool)
    neuron_set[0, :4] = True
    drawn = torch.stack([bx.random_like(neuron_set, seed, frequency=torch.ones(1, 40)) for seed in range(300)]).any(dim=0)
    assert drawn.all()


def test_random_sets_have_consecutive_seeds_and_stay_disjoint():
    first = torch.arange(40).view(2, 20) % 3 == 0
    second = ~first & (torch.arange(40).view(2, 20) % 2 == 0)
    frequency = often_active(2, 20)
    for options in ({}, {"frequency": frequency}):
        drawn = random_sets([first, second], 3, 5, **options)
        assert all(
            torch.equal(one, bx.random_like(first, seed, **options)) for (one, _), seed in zip(drawn, (5, 6, 7), strict=True)
        )
        for one, other in drawn:
            assert not (one & other).any()
            assert torch.equal(other.sum(dim=1), second.sum(dim=1))
    for draws in (0, 1):
        with pytest.raises(bx.InputError, match=f"draws={draws}"):
            random_sets([first], draws, 5)


def test_bad_frequencies_are_refused():
    neuron_set = torch.zeros(2, 20, dtype=torch.bool)
    with pytest.raises(bx.InputError, match=r"frequency must be \[L, N\] = \[2, 20\], as the set is, not \[3, 20\]"):
        bx.random_like(neuron_set, frequency=torch.zeros(3, 20))
    with pytest.raises(bx.InputError, match="not finite"):
        bx.random_like(neuron_set, frequency=torch.full((2, 20), torch.nan))
