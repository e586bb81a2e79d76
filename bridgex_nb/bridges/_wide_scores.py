"""Scores of all bridges of a layer at once, where kernels are wide: in draws of the prompts, and permuted."""

from typing import NamedTuple

import torch

from ..stats._hsic import SCORE_TOLERANCE, layer_score, standardize
from ..stats._profile_widths import Couples, couples, interpolation, widths
from ..stats._wide_hsic import REACH, Planes, needed, norms, power_planes, principal_axes, products, turned
from ._layer_rows import LayerRows

#: Numbers in one feature of a batch of draws.
_BATCH = 2**18
#: Bound on the error of kernel values in draws and permutations, in float32; their scores agree with exact ones to about 1e-5.
_TOLERANCE = 1e-4
#: How much further a neuron may reach in a draw.
_MARGIN = 1.3
_TINY = torch.finfo(torch.float32).tiny ** 0.5


class _Ordered(NamedTuple):
    """The rows of a layer, those that reach furthest first: raw and z-scored [n, S], and the numbers of the shared neurons and
    of those of each bridge; which distances their bandwidths come from."""

    rows: torch.Tensor
    z: torch.Tensor
    shared: torch.Tensor
    bridges: list[torch.Tensor]
    couples: list[Couples]
    reference: bool
    width: torch.Tensor


def _ordered(one: LayerRows, estimator: str) -> _Ordered | None:
    """None if a kernel is not wide."""
    z = standardize(one.rows)
    order = (z.amax(dim=1) - z.amin(dim=1)).argsort(descending=True, stable=True)
    rows, z = one.rows[order], z[order]
    shared, *bridges = (neurons[order].nonzero()[:, 0] for neurons in (one.shared, *one.bridges.values()))
    reference = estimator == "reference"
    of = [couples(shared, own, len(z), reference=reference) for own in bridges]
    width = widths((z @ z.T)[None], of, reference=reference)
    return _Ordered(rows, z, shared, bridges, of, reference, width) if float((z.amax(dim=1) - z.amin(dim=1)).max() / 2 / width.min()) <= REACH else None


def drawn_wide(one: LayerRows, estimator: str, draws: torch.Tensor) -> torch.Tensor | None:
    """Scores [draws, bridges] of bootstrap draws int64 [draws, S]; None if a kernel is not wide."""
    of = _ordered(one, estimator)
    if of is None:
        return None
    samples, device = draws.shape[1], of.z.device
    times = torch.zeros(len(draws), samples, dtype=torch.float64, device=device)
    times.scatter_add_(1, draws.to(device), torch.ones_like(times))
    # Mean and standard deviation in each draw; the latter gets 1e-6 in units of the raw rows, as in `standardize`.
    mean = times @ of.z.double().T / samples
    deviation = ((times @ of.z.double().square().T - samples * mean.square()) / (samples - 1)).clamp(min=0).sqrt()
    deviation = deviation + 1e-6 / (of.rows.double().std(dim=1) + 1e-6)
    # Only samples that were drawn, each once, the most frequent first; all draws to the length of the longest.
    times, places = times.sort(dim=1, descending=True, stable=True)
    longest = int((times > 0).sum(dim=1).max())
    times, places = times[:, :longest].float(), places[:, :longest]
    middle, reach = _middle(of)
    counts = needed(_MARGIN * reach, _TOLERANCE)
    planes = power_planes(middle / of.width.mean(), counts, None, rotate=_turns(estimator))
    axes = [along.float() for along in principal_axes(planes, _TOLERANCE / 10)] if _turns(estimator) else None
    columns = of.z.T.float().contiguous()
    step = max(1, _BATCH // (longest * len(of.z)))
    scores = []
    for first in range(0, len(draws), step):
        batch = slice(first, first + step)
        weights = times[batch]
        # index_select is many times faster than an index.
        z = columns.index_select(0, places[batch].flatten()).view(*weights.shape, -1)  # [R, S, n]
        # A sample that only fills up a draw must not widen the range of its neurons.
        z = torch.where(weights[..., None] > 0, z, z[:, :1])
        z = z.sub_(mean[batch, None].float()).div_(deviation[batch, None].float())
        gram = (z * weights[..., None]).mT @ z
        width = widths(gram, of.couples, reference=of.reference)
        scores.append(_scores_of_draws(of, z, weights, width, estimator, counts, axes))
    return torch.cat(scores).cpu()


def _scores_of_draws(
    of: _Ordered,
    z: torch.Tensor,
    weights: torch.Tensor,
    width: torch.Tensor,
    estimator: str,
    counts: list[int],
    axes: list[torch.Tensor] | None,
) -> torch.Tensor:
    """Scores [R, bridges] of a batch of draws: z [R, S, n] and how often each sample counts [R, S]."""
    z = z - (z.amax(dim=1, keepdim=True) + z.amin(dim=1, keepdim=True)) / 2
    nodes, shares = interpolation(width, _degree(estimator), _TOLERANCE / 10)
    h = []
    for node in nodes.unbind(dim=1):
        planes = power_planes(z / node[:, None, None].float(), counts, weights, rotate=axes is not None)
        planes = planes if axes is None else turned(planes, axes)
        one_side = _part(planes, of.shared)
        weighted = Planes(plane.mul_(weights[..., None]) for plane in one_side)
        weighted.means = one_side.means
        values = products(planes, weighted, estimator, of.z.shape[1])
        if estimator == "normalized":
            norm = norms(planes, weights).clamp(min=_TINY)
            values /= norm[:, :, None] * norm[:, None, of.shared]
        h.append(values)
    return _bridge_scores(of, h, shares)


def _turns(estimator: str) -> bool:
    """Whether the features of a neuron may be turned: then their means are lost, which these estimators do not need."""
    return estimator in ("biased", "normalized")


def _degree(estimator: str) -> int:
    return 0 if estimator == "normalized" else 2


def _middle(of: _Ordered) -> tuple[torch.Tensor, torch.Tensor]:
    """z-scores [S, n] from the middle of the range of their neuron, and the largest of each neuron [n] in bandwidths."""
    columns = of.z.T.contiguous()
    columns = columns - (columns.amax(dim=0) + columns.amin(dim=0)) / 2
    return columns, columns.amax(dim=0) / of.width.min()


def exact_wide(one: LayerRows, estimator: str) -> torch.Tensor | None:
    """Scores [bridges] of the layer, as exact as those of single bridges; None if a kernel is not wide."""
    of = _ordered(one, estimator)
    if of is None:
        return None
    as_it_is = torch.arange(of.z.shape[1], device=of.z.device)[None]
    return _fixed_scores(of, estimator, as_it_is, of.z.dtype, SCORE_TOLERANCE)[0].cpu()


def permuted_wide(one: LayerRows, estimator: str, orders: torch.Tensor) -> torch.Tensor | None:
    """Scores [orders, bridges] with the samples of the bridges permuted, orders int64 [orders, S]; None if a kernel is not wide."""
    of = _ordered(one, estimator)
    if of is None:
        return None
    # Permuting the other side back is the same, and that side is the smaller one.
    back = orders.argsort(dim=1).to(of.z.device)
    return _fixed_scores(of, estimator, back, torch.float32, _TOLERANCE).cpu()


def _fixed_scores(of: _Ordered, estimator: str, orders: torch.Tensor, dtype: torch.dtype, tolerance: float) -> torch.Tensor:
    """Scores [orders, bridges] with z-scores and bandwidths of the rows as they are, and the shared side in these orders."""
    samples = of.z.shape[1]
    nodes, shares = interpolation(of.width, _degree(estimator), tolerance / 10)
    middle, reach = _middle(of)
    counts, both = needed(reach, tolerance), []
    for node in nodes[0]:
        planes = power_planes(middle / node, counts, None, rotate=_turns(estimator))
        planes = turned(planes, principal_axes(planes, tolerance / 10)) if _turns(estimator) else planes
        norm = norms(planes, None).clamp(min=_TINY) if estimator == "normalized" else None
        single = Planes(plane.to(dtype) for plane in planes)
        single.means = [mean.to(dtype) for mean in planes.means]
        both.append((single, _part(single, of.shared), norm))
    step = max(1, _BATCH // (samples * len(of.shared)))
    scores = []
    for part in orders.split(step):
        h = []
        for planes, one_side, norm in both:
            permuted = Planes(plane.index_select(0, part.flatten()).view(*part.shape, -1) for plane in one_side)  # [R, S, n1]
            permuted.means = one_side.means
            values = products(planes, permuted, estimator, samples)
            if norm is not None:
                values /= (norm[:, None] * norm[of.shared]).to(dtype)
            h.append(values)
        scores.append(_bridge_scores(of, h, shares))
    return torch.cat(scores)


def _bridge_scores(of: _Ordered, h: list[torch.Tensor], shares: torch.Tensor) -> torch.Tensor:
    """Scores [R, bridges] from HSIC [R, n, n1] at each of the bandwidths and their weights [R, M, bridges]."""
    scores = []
    for bridge, own in enumerate(of.bridges):
        total: torch.Tensor | float = 0.0
        for node, values in enumerate(h):
            total = total + values.index_select(1, own) * shares[:, node, bridge, None, None].to(values.dtype)
        scores.append(layer_score(total).double())
    return torch.stack(scores, dim=1)


def _part(planes: Planes, neurons: torch.Tensor) -> Planes:
    """The features of these neurons, int64 in rising order."""
    kept = [neurons[: int((neurons < plane.shape[-1]).sum())] for plane in planes]
    part = Planes(plane[..., own] for plane, own in zip(planes, kept, strict=True))
    part.means = [mean[..., own] for mean, own in zip(planes.means, kept, strict=False)]
    return part
