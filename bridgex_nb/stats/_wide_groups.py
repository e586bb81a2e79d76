"""Scores of many pairs of groups of neurons over the same samples, where kernels are wide: one product for all of them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from ._hsic import SCORE_TOLERANCE, layer_score
from ._profile_widths import Couples, couples, interpolation, widths
from ._wide_hsic import REACH, Planes, needed, norms, power_planes, principal_axes, products, turned

#: Lower bound of a norm, so that a constant neuron gives 0 and not NaN.
_TINY = torch.finfo(torch.float32).tiny ** 0.5


class Groups(NamedTuple):
    """Neurons in the order of their reach, and the pairs of groups of them that are compared.

    order: int64 [n], where each neuron was. z: their z-scores [n, S]. left: the numbers, int64 [n1], of those in the first
    group of some pair. pairs: for each, the places of its first group in `left`, and the numbers of its second one. couples:
    those whose distances have the bandwidth of a pair as their median. width: the bandwidths, float64 [1, pairs].
    """

    order: torch.Tensor
    z: torch.Tensor
    left: torch.Tensor
    pairs: list[tuple[torch.Tensor, torch.Tensor]]
    couples: list[Couples]
    width: torch.Tensor
    estimator: str

    @property
    def reference(self) -> bool:
        """Whether bandwidths are those of the released code."""
        return self.estimator == "reference"

    @property
    def turns(self) -> bool:
        """Whether the features of a neuron may be turned: then their means are lost, which these estimators do not need."""
        return self.estimator in ("biased", "normalized")

    @property
    def degree(self) -> int:
        """The power of 1 / sigma^2 that HSIC grows with."""
        return 0 if self.estimator == "normalized" else 2

    @property
    def middle(self) -> torch.Tensor:
        """z-scores [S, n] from the middle of the range of their neuron."""
        columns = self.z.T.contiguous()
        return columns - (columns.amax(dim=0) + columns.amin(dim=0)) / 2


def wide_groups(z: torch.Tensor, pairs: Sequence[tuple[torch.Tensor, torch.Tensor]], estimator: str) -> Groups | None:
    """Pairs of groups, each bool [n], of standardized rows [n, S]; None if one of the kernels is not wide.

    None for the estimator `unbiased`, too: its terms nearly cancel, so that features in float32 leave little but noise.
    """
    if estimator == "unbiased":
        return None
    order = (z.amax(dim=1) - z.amin(dim=1)).argsort(descending=True, stable=True)
    z = z[order]
    numbers = [tuple(group.to(z.device)[order].nonzero()[:, 0] for group in pair) for pair in pairs]
    reference = estimator == "reference"
    of = [couples(x, y, len(z), reference=reference) for x, y in numbers]
    width = widths((z @ z.T)[None], of, reference=reference)
    if float((z.amax(dim=1) - z.amin(dim=1)).max() / 2 / width.min()) > REACH:
        return None
    left = torch.cat([x for x, _ in numbers]).unique()
    return Groups(order, z, left, [(torch.searchsorted(left, x), y) for x, y in numbers], of, width, estimator)


def fixed_planes(of: Groups, node: torch.Tensor, tolerance: float) -> tuple[Planes, torch.Tensor | None]:
    """Features of the neurons at a bandwidth and, for the estimator `normalized`, their norms [n]."""
    middle = of.middle
    planes = power_planes(middle / node, needed(middle.amax(dim=0) / of.width.min(), tolerance), None, rotate=of.turns)
    planes = turned(planes, principal_axes(planes, tolerance / 10)) if of.turns else planes
    return planes, norms(planes, None).clamp(min=_TINY) if of.estimator == "normalized" else None


def part_of(planes: Planes, neurons: torch.Tensor) -> Planes:
    """The features of these neurons, int64 in rising order."""
    kept = [neurons[: int((neurons < plane.shape[-1]).sum())] for plane in planes]
    part = Planes(plane[..., places] for plane, places in zip(planes, kept, strict=True))
    part.means = [mean[..., places] for mean, places in zip(planes.means, kept, strict=False)]
    return part


def group_scores(of: Groups, h: Sequence[torch.Tensor], shares: torch.Tensor) -> torch.Tensor:
    """Scores [R, pairs] from HSIC [R, n, n1], or its terms, and their weights [R, terms, pairs]."""
    scores, whole = [], torch.arange(len(of.left), device=of.left.device)
    for pair, (x, y) in enumerate(of.pairs):
        total = torch.zeros((), dtype=h[0].dtype, device=h[0].device)
        for node, values in enumerate(h):
            values = values.index_select(-2, y)
            values = values if torch.equal(x, whole) else values.index_select(-1, x)
            total = total + values * shares[:, node, pair, None, None].to(values.dtype)
        scores.append(layer_score(total).double())
    return torch.stack(scores, dim=1)


def exact_scores(of: Groups) -> torch.Tensor:
    """Scores [pairs], as exact as those of single pairs."""
    at = interpolation(of.width, of.degree, SCORE_TOLERANCE / 10, split=of.turns)
    h = []
    for node, terms, rest in zip(at.nodes[0], at.terms, at.rest, strict=True):
        planes, norm = fixed_planes(of, node, SCORE_TOLERANCE)
        for values in products(planes, part_of(planes, of.left), of.estimator, of.z.shape[1], terms, rest):
            h.append((values if norm is None else values / (norm[:, None] * norm[of.left]))[None])
    return group_scores(of, h, at.shares)[0]
