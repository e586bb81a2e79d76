"""Random neuron sets: as many neurons in each layer, drawn uniformly and reproducibly."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bridgex_nb as bx
from bridgex_nb.neurons._random_sets import random_sets


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(0, 10**6))
def test_a_random_set_has_as_many_neurons_in_each_layer(seed, share, draw):
    neuron_set = torch.rand(4, 30, generator=torch.Generator().manual_seed(seed)) < share
    random = bx.random_like(neuron_set, draw)
    assert random.dtype == torch.bool
    assert torch.equal(random.sum(dim=1), neuron_set.sum(dim=1))
    assert torch.equal(random, bx.random_like(neuron_set, draw))


def test_every_neuron_is_drawn_equally_often():
    neuron_set = torch.zeros(2, 20, dtype=torch.bool)
    neuron_set[0, :5] = True
    drawn = torch.stack([bx.random_like(neuron_set, seed) for seed in range(2000)]).float().mean(dim=0)
    assert torch.allclose(drawn[0], torch.tensor(0.25), atol=0.05)  # five standard errors
    assert not drawn[1].any()


def test_random_sets_have_consecutive_seeds():
    neuron_set = torch.arange(40).view(2, 20) % 3 == 0
    expected = [bx.random_like(neuron_set, seed) for seed in (5, 6, 7)]
    assert all(map(torch.equal, random_sets(neuron_set, 3, 5), expected))
    with pytest.raises(bx.InputError, match="draws=0"):
        random_sets(neuron_set, 0, 5)
