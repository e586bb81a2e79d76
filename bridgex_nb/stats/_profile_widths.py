"""Profile-median bandwidths of many groups of neurons at once, and HSIC of all groups from a few bandwidths."""

from math import ceil, log
from typing import NamedTuple

import numpy as np
import torch


class Couples(NamedTuple):
    """Couples of the rows of two groups whose distances have the bandwidth as their median: their places in a flat [n, n], and
    which of the sorted distances are meant (none: the bandwidth of zeros alone)."""

    places: torch.Tensor
    ranks: tuple[int, ...]


def couples(x: torch.Tensor, y: torch.Tensor, neurons: int, *, reference: bool) -> Couples:
    """Of the rows `x` and `y`, int64, of n: as `profile_median`, or as `reference_median`."""
    if reference:
        entries = len(x) ** 2 + len(y) ** 2
        rank = (entries + 1) // 2 - len(x) - len(y)
        ranks = ((rank + 1) // 2 - 1,) if rank > 0 else ()
        groups = [x, y]
    else:
        groups = [torch.cat([x, y])]
        count = len(groups[0]) * (len(groups[0]) - 1) // 2
        ranks = tuple(dict.fromkeys(((count + 1) // 2 - 1, count // 2)))
    places = []
    for rows in groups:
        i, j = torch.triu_indices(len(rows), len(rows), offset=1)
        places.append(rows[i] * neurons + rows[j])
    return Couples(torch.cat(places), ranks)


def widths(gram: torch.Tensor, of: list[Couples], *, reference: bool) -> torch.Tensor:
    """Bandwidths [R, groups] from the products of all rows [R, n, n]."""
    squares = gram.diagonal(dim1=-2, dim2=-1)
    squares = (squares[..., :, None] + squares[..., None, :] - 2 * gram).clamp_(min=0).flatten(-2)
    found = torch.empty(len(gram), len(of), dtype=torch.float64, device=gram.device)
    for group, (places, ranks) in enumerate(of):
        if not ranks:
            found[:, group] = 1e-6
            continue
        values = squares.index_select(1, places.to(gram.device))
        if gram.device.type == "cpu":
            # numpy finds a rank several times faster than torch; the one before it is the largest of those below.
            ordered = np.partition(values.numpy(), ranks[-1], axis=1)
            middle = [ordered[:, ranks[-1]], *(ordered[:, : ranks[-1]].max(axis=1) for _ in ranks[1:])]
            middle = [torch.from_numpy(value) for value in middle]
        else:
            middle = [values.kthvalue(rank + 1).values for rank in ranks]
        width = torch.stack([value.double().sqrt() for value in middle]).mean(dim=0)
        found[:, group] = width + 1e-6 if reference else torch.where(width > 1e-3, width, 1.0)
    return found


class Interpolation(NamedTuple):
    """Bandwidths [R, M] at which HSIC is computed; how many terms of it each of them gives, in rising order of s; whether the
    last of these is all that is left; and the weights [R, sum of the terms, groups] with which the terms are added up."""

    nodes: torch.Tensor
    terms: list[int]
    rest: list[bool]
    shares: torch.Tensor


def interpolation(width: torch.Tensor, degree: int, accuracy: float, *, split: bool) -> Interpolation:
    """Where to compute HSIC for groups whose bandwidths are `width` [R, groups], so that it is accurate for all.

    HSIC is s^degree, s = 1 / sigma^2, times a power series in s whose term k is about 0.04^k of the whole. With `split`, its
    terms come apart (`products`): the later a term, the fewer bandwidths it needs.
    """
    groups = width.shape[1]
    s = width.pow(-2)
    low, high = s.amin(dim=1), s.amax(dim=1)
    spread = float((high / low).max()) - 1
    count = 1
    if spread > 1e-9:  # the error of M bandwidths is at most the term M times (spread / 2)^M
        count = max(2, ceil(log(accuracy) / log(0.02 * spread))) if spread < 10 else groups
    if count >= groups:
        each = torch.eye(groups, dtype=s.dtype, device=s.device).expand(len(s), -1, -1)
        return Interpolation(width, [1] * groups, [True] * groups, each)
    steps = torch.linspace(0, 1, count, dtype=s.dtype, device=s.device)
    reach = torch.maximum(high - low, 1e-3 * low)[:, None]
    nodes, at = low[:, None] + reach * steps, (s - low[:, None]) / reach
    terms = [count - m if split else 1 for m in range(count)]
    shares = []
    for m, of_node in enumerate(terms):
        for term in range(of_node):
            share = (s / nodes[:, m, None]).pow(degree + term)
            for k in range(count - term):
                if k != m:
                    share = share * (at - steps[k]) / (steps[m] - steps[k])
            shares.append(share)
    return Interpolation(nodes.pow(-0.5), terms, [m == 0 or not split for m in range(count)], torch.stack(shares, dim=1))
