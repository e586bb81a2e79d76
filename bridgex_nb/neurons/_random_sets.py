"""Random neuron sets with as many neurons in each layer, to compare a set's effect with that of arbitrary neurons."""

import torch

from ..exceptions import InputError


def random_like(neuron_set: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A random neuron set with as many neurons in each layer.

    Parameters
    ----------
    neuron_set : torch.Tensor
        bool [L, N].
    seed : int

    Returns
    -------
    torch.Tensor
        bool [L, N], drawn from all neurons, including those of `neuron_set`.

    Examples
    --------
    >>> neuron_set = torch.tensor([[True, True, False], [False, False, False]])
    >>> random_like(neuron_set).sum(dim=1)
    tensor([2, 0])
    """
    order = torch.rand(neuron_set.shape, generator=torch.Generator().manual_seed(seed)).argsort(dim=1).argsort(dim=1)
    return order < neuron_set.cpu().sum(dim=1, keepdim=True)


def random_sets(neuron_set: torch.Tensor, draws: int, seed: int) -> list[torch.Tensor]:
    """`random_like` with `draws` consecutive seeds, starting at `seed`."""
    if draws < 1:
        raise InputError(f"draws={draws}: an effect needs at least one random set to be compared with")
    return [random_like(neuron_set, seed + draw) for draw in range(draws)]
