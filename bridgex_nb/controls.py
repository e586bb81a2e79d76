"""What random neurons would do: sets of equal size per layer, and how far a number lies beyond theirs."""

import numpy as np
import torch

from .errors import InputError
from .resampling import percentile_interval


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


def beyond_random(own: np.ndarray, random: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    """The mean of a number over items, and how far it lies beyond the same for random sets.

    Parameters
    ----------
    own : numpy.ndarray
        [I], what a set does to each item.
    random : numpy.ndarray
        [D, I], what each random set does.
    resamples : int
        Bootstrap resamples, of the items and of the draws.
    seed : int

    Returns
    -------
    dict of str to float
        change, low, high; random, random_low, random_high; beyond, beyond_low, beyond_high: mean and 95 % percentile interval
        of own, random, and own - random.
    """
    rng = np.random.default_rng(seed)
    draws, items = random.shape
    weights = rng.multinomial(items, np.full(items, 1 / items), size=resamples).T / items
    drawn = rng.multinomial(draws, np.full(draws, 1 / draws), size=resamples).T / draws
    one, other = own @ weights, ((random @ weights) * drawn).sum(axis=0)
    numbers = {}
    for name, point, some in (
        ("change", own.mean(), one),
        ("random", random.mean(), other),
        ("beyond", own.mean() - random.mean(), one - other),
    ):
        start = "" if name == "change" else f"{name}_"
        low, high = percentile_interval(some)
        numbers |= {name: float(point), f"{start}low": float(low), f"{start}high": float(high)}
    return numbers
