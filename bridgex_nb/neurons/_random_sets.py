"""Random neuron sets of equal size per layer: what any neurons would do."""

import torch

from ..exceptions import InputError


def random_like(mask: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A random neuron set with as many neurons in each layer: what any neurons would do.

    Parameters
    ----------
    mask : torch.Tensor
        bool [L, N].
    seed : int

    Returns
    -------
    torch.Tensor
        bool [L, N], drawn from all neurons, those of `mask` among them.

    Examples
    --------
    >>> mask = torch.tensor([[True, True, False], [False, False, False]])
    >>> random_like(mask).sum(dim=1)
    tensor([2, 0])
    """
    order = torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)).argsort(dim=1).argsort(dim=1)
    return order < mask.cpu().sum(dim=1, keepdim=True)


def random_sets(mask: torch.Tensor, draws: int, seed: int) -> list[torch.Tensor]:
    """`random_like` from so many seeds, beginning with `seed`."""
    if draws < 1:
        raise InputError(f"draws={draws}: a change is judged beside one random set or more")
    return [random_like(mask, seed + draw) for draw in range(draws)]
