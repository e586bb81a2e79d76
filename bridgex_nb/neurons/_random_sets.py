"""Random neuron sets, to compare a set's effect with: as many neurons in each layer, and as often active."""

from collections.abc import Sequence

import torch

from ..exceptions import InputError

#: Groups of neurons of similar activation frequency in a layer. With 10, a neuron of a random set is within a tenth of the
#: layer's ranks of the one it stands for, and 768 neurons leave 76 to draw from.
BINS = 10
#: What run cards say of the random sets that interventions are compared with.
MATCHED_IN = ["layer", "activation frequency"]


def random_like(neuron_set: torch.Tensor, seed: int = 0, *, frequency: torch.Tensor | None = None) -> torch.Tensor:
    """A random neuron set with as many neurons in each layer; with `frequency`, about as often active as well.

    Parameters
    ----------
    neuron_set : torch.Tensor
        bool [L, N].
    seed : int
    frequency : torch.Tensor, optional
        [L, N], how often each neuron is active, such as ``counts.probability.mean(dim=0)``. The neurons of a layer are then
        divided into ten groups by rank, and as many are drawn from each group as the set has there. Neurons of equal frequency
        are in one group. Without it, sets are matched by layer only: neurons that are nearly always 0 are as likely as others,
        and the set's effect may be that of any active neurons.

    Returns
    -------
    torch.Tensor
        bool [L, N], drawn from all neurons, including those of `neuron_set`: no group can run empty. Of a group that
        `neuron_set` takes a share of, a random set has that share in common with it; a group taken whole is drawn whole.

    Raises
    ------
    InputError
        If `frequency` has another shape or is not finite.

    Examples
    --------
    >>> neuron_set = torch.tensor([[True, True, False], [False, False, False]])
    >>> random_like(neuron_set).sum(dim=1)
    tensor([2, 0])
    """
    return _draw([neuron_set.cpu()], _groups(neuron_set, frequency), seed)[0]


def random_sets(
    sets: Sequence[torch.Tensor], draws: int, seed: int, frequency: torch.Tensor | None = None
) -> list[tuple[torch.Tensor, ...]]:
    """Random sets in the place of each of several disjoint sets, disjoint like them, `draws` times.

    Parameters
    ----------
    sets : sequence of torch.Tensor
        bool [L, N] each; no neuron is in two of them.
    draws : int
        2 or more.
    seed : int
        Of the first draw; the next ones have the seeds that follow.
    frequency : torch.Tensor, optional
        As in `random_like`, whose sets these are if there is only one.

    Raises
    ------
    InputError
        If `draws` is less than 2, or as `random_like`.
    """
    check_draws(draws)
    groups = _groups(sets[0], frequency)
    return [tuple(_draw([one.cpu() for one in sets], groups, seed + draw)) for draw in range(draws)]


def check_draws(draws: int) -> None:
    """Refuse fewer than two random sets, before the expensive work.

    Raises
    ------
    InputError
        If `draws` is less than 2.
    """
    if draws < 2:
        raise InputError(
            f"draws={draws}: it takes at least two random sets to see how much they differ; a p-value of 0.05 takes 19, one of "
            "0.01 takes 99"
        )


def _groups(neuron_set: torch.Tensor, frequency: torch.Tensor | None) -> torch.Tensor:
    """int64 [L, N], the group of each neuron in its layer; all in one without frequencies."""
    if frequency is None:
        return torch.zeros(neuron_set.shape, dtype=torch.int64)
    if frequency.shape != neuron_set.shape:
        raise InputError(f"frequency must be [L, N] = {[*neuron_set.shape]}, as the set is, not {[*frequency.shape]}")
    if not torch.isfinite(frequency).all():
        raise InputError("frequency has values that are not finite; was a language counted that has no tokens?")
    frequency = frequency.cpu().contiguous()
    less_active = torch.searchsorted(frequency.sort(dim=1).values, frequency)  # the same for equal frequencies
    return less_active * BINS // frequency.shape[1]


def _draw(sets: Sequence[torch.Tensor], groups: torch.Tensor, seed: int) -> list[torch.Tensor]:
    """In each group, neurons in random order: as many for the first set as it has there, the next for the second, …"""
    drawn = torch.rand(groups.shape, generator=torch.Generator().manual_seed(seed))
    order = (groups + drawn.double()).argsort(dim=1).argsort(dim=1)

    def sizes(one):
        return torch.zeros(len(groups), BINS, dtype=torch.int64).scatter_add_(1, groups, one.long())

    all_sizes = sizes(torch.ones_like(groups))
    end = all_sizes.cumsum(dim=1) - all_sizes  # where a group begins in the order
    results = []
    for one in sets:
        start, end = end, end + sizes(one)
        results.append((order >= start.gather(1, groups)) & (order < end.gather(1, groups)))
    return results
