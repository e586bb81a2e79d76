"""Scores of all bridges of a layer in draws of the prompts, and permuted, where kernels are wide: in float32, many at once."""

import torch

from ..stats._hsic import standardize
from ..stats._profile_widths import interpolation, widths
from ..stats._wide_groups import Groups, fixed_planes, group_scores, part_of, wide_groups
from ..stats._wide_hsic import Planes, needed, norms, power_planes, principal_axes, products, turned
from ._layer_rows import LayerRows

#: Numbers in one feature of a batch of draws.
_BATCH = 2**18
#: Bound on the error of kernel values; the scores agree with exact ones to about 1e-5.
_TOLERANCE = 1e-4
#: How much further a neuron may reach in a draw.
_MARGIN = 1.3
_TINY = torch.finfo(torch.float32).tiny ** 0.5


def layer_groups(layer: LayerRows, estimator: str) -> Groups | None:
    """The shared neurons against those of each bridge; None if a kernel is not wide."""
    return wide_groups(standardize(layer.rows), [(layer.shared, bridge) for bridge in layer.bridges.values()], estimator)


def permuted_wide(of: Groups, orders: torch.Tensor) -> torch.Tensor:
    """Scores [orders, bridges] with the samples of the bridges permuted, by orders int64 [orders, S]."""
    samples = of.z.shape[1]
    at = interpolation(of.width, of.degree, _TOLERANCE / 10, split=of.turns)
    sides = []
    for node in at.nodes[0]:
        exact, norm = fixed_planes(of, node, _TOLERANCE)
        planes = Planes(plane.float() for plane in exact)
        planes.means = [mean.float() for mean in exact.means]
        sides.append((planes, part_of(planes, of.left), norm))
    # Permuting the shared neurons back is the same, and they are fewer.
    back = orders.argsort(dim=1).to(of.z.device)
    scores = []
    for part in back.split(max(1, _BATCH // (samples * len(of.left)))):
        h = []
        for (planes, shared, norm), terms, rest in zip(sides, at.terms, at.rest, strict=True):
            # index_select is many times faster than an index.
            permuted = Planes(plane.index_select(0, part.flatten()).view(*part.shape, -1) for plane in shared)  # [R, S, n1]
            permuted.means = shared.means
            for values in products(planes, permuted, of.estimator, samples, terms, rest):
                h.append(values if norm is None else values.div_((norm[:, None] * norm[of.left]).float()))
        scores.append(group_scores(of, h, at.shares))
    return torch.cat(scores).cpu()


def drawn_wide(of: Groups, rows: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Scores [draws, bridges] of bootstrap draws, int64 [draws, S], of the raw rows [n, S]."""
    samples, device = draws.shape[1], of.z.device
    times = torch.zeros(len(draws), samples, dtype=torch.float64, device=device)
    times.scatter_add_(1, draws.to(device), torch.ones_like(times))
    # Mean and standard deviation in each draw; the latter gets 1e-6 in units of the raw rows, as in `standardize`.
    mean = times @ of.z.double().T / samples
    deviation = ((times @ of.z.double().square().T - samples * mean.square()) / (samples - 1)).clamp(min=0).sqrt()
    deviation = deviation + 1e-6 / (rows[of.order].double().std(dim=1) + 1e-6)
    # Only samples that were drawn, each once, the most frequent first; all draws to the length of the longest.
    times, places = times.sort(dim=1, descending=True, stable=True)
    longest = int((times > 0).sum(dim=1).max())
    times, places = times[:, :longest].float(), places[:, :longest]
    middle = of.middle
    counts = needed(_MARGIN * middle.amax(dim=0) / of.width.min(), _TOLERANCE)
    axes = None
    if of.turns:
        whole = power_planes(middle / of.width.mean(), counts, None, rotate=True)
        axes = [along.float() for along in principal_axes(whole, _TOLERANCE / 10)]
    columns = of.z.T.float().contiguous()
    step = max(1, _BATCH // (longest * len(of.z)))
    scores = []
    for first in range(0, len(draws), step):
        batch = slice(first, first + step)
        weights = times[batch]
        z = columns.index_select(0, places[batch].flatten()).view(*weights.shape, -1)  # [R, S, n]
        # A sample that only fills up a draw must not widen the range of its neurons.
        z = torch.where(weights[..., None] > 0, z, z[:, :1])
        z = z.sub_(mean[batch, None].float()).div_(deviation[batch, None].float())
        width = widths((z * weights[..., None]).mT @ z, of.couples, reference=of.reference)
        z = z - (z.amax(dim=1, keepdim=True) + z.amin(dim=1, keepdim=True)) / 2
        at = interpolation(width, of.degree, _TOLERANCE / 10, split=False)
        h = []
        for node, terms, rest in zip(at.nodes.unbind(dim=1), at.terms, at.rest, strict=True):
            planes = power_planes(z / node[:, None, None].float(), counts, weights, rotate=of.turns)
            planes = planes if axes is None else turned(planes, axes)
            shared = part_of(planes, of.left)
            weighted = Planes(plane.mul_(weights[..., None]) for plane in shared)
            weighted.means = shared.means
            norm = norms(planes, weights).clamp(min=_TINY) if of.estimator == "normalized" else None
            for values in products(planes, weighted, of.estimator, samples, terms, rest):
                h.append(values if norm is None else values.div_(norm[:, :, None] * norm[:, None, of.left]))
        scores.append(group_scores(of, h, at.shares))
    return torch.cat(scores).cpu()
