"""Explicit features of 1-D Gaussian kernels, and their moments over samples.

Few powers where the kernel is wide (Cotter, Keshet and Srebro 2011, arXiv 1109.4603), narrower Gaussians on a grid where it is
narrow (Trefethen and Weideman 2014, SIAM Review 56).
"""

from math import ceil, lgamma, log, pi, sqrt
from typing import NamedTuple

import torch

#: Numbers in the features of one block of samples: few enough for a processor's cache; on a GPU, enough to keep it busy.
_CACHED, _GPU_BLOCK = 2**17, 2**25


class Basis(NamedTuple):
    """Features of the kernel: `rank` of them, powers (`edge` 0) or Gaussians on a grid over [-edge, edge]."""

    rank: int
    edge: float


def choose_basis(x: torch.Tensor, y: torch.Tensor, tolerance: float, max_rank: int) -> Basis | None:
    """The fewest features that bring every kernel value of scaled rows within the tolerance; None if `max_rank` do not.

    Powers omit at most reach^(2 r) / r! of a value, for reach = max |x|; the kernel varies by about reach^2, and the tolerance
    is relative to that if reach < 1. A grid of spacing h that extends by d beyond the samples has a relative error of
    2 exp(-pi^2 / 2 h^2) due to its spacing and exp(-2 d^2) due to its ends.
    """
    reach = max(x.abs().max().item(), y.abs().max().item(), 1e-150)
    edge = reach + sqrt(log(1 / tolerance) / 2)
    on_grid = ceil(2 * edge * sqrt(2 * log(2 / tolerance)) / pi) + 1
    bound = log(tolerance) + min(0.0, 2 * log(reach))
    rank = 2
    while rank < min(on_grid, max_rank + 1) and 2 * rank * log(reach) - lgamma(rank + 1) > bound:
        rank += 1
    if rank > max_rank:
        return None
    return Basis(rank, edge if rank == on_grid else 0.0)


def features(x: torch.Tensor, basis: Basis) -> torch.Tensor:
    """Features of scaled rows [..., S] -> [..., r, S].

    The first power feature is exp(-x^2 / 2) - 1: centring removes the 1 anyway, and without it no digits are lost.
    """
    if basis.edge:
        centres = torch.linspace(-basis.edge, basis.edge, basis.rank, dtype=x.dtype, device=x.device)
        spacing = 2 * basis.edge / (basis.rank - 1)
        phi = x[..., None, :] - centres[:, None]
        return phi.square_().neg_().exp_().mul_((spacing * sqrt(2 / pi)) ** 0.5)
    phi = x.new_empty(*x.shape[:-1], basis.rank, x.shape[-1])
    half = -x.square() / 2
    torch.expm1(half, out=phi[..., 0, :])
    power = half.exp_()
    for k in range(1, basis.rank):
        power = torch.mul(power.div_(k**0.5), x, out=phi[..., k, :])
        power = power.clone() if k + 1 < basis.rank else power
    return phi


class Moments(NamedTuple):
    """Second moments of the features of two groups of neurons, float64: `cross` [..., n1, r, n2, r] = Phi' H Psi, the mean
    features [..., n, r] of each group, and, if asked for, each neuron's moments with itself [..., n, r, r]."""

    cross: torch.Tensor
    mean_x: torch.Tensor
    mean_y: torch.Tensor
    own_x: torch.Tensor | None = None
    own_y: torch.Tensor | None = None


def moments(x: torch.Tensor, y: torch.Tensor, basis: Basis, *, own: bool = False) -> Moments:
    """Moments of scaled rows [..., n1, S] and [..., n2, S], accumulated over blocks of samples."""
    samples = x.shape[-1]
    per_sample = (x.shape[:-1].numel() + y.shape[:-1].numel()) * basis.rank
    step = max(256, (_CACHED if x.device.type == "cpu" else _GPU_BLOCK) // per_sample)
    cross, sums, origins, selves = 0, [0, 0], [], [0, 0]
    for first in range(0, samples, step):
        block = [features(rows[..., first : first + step], basis) for rows in (x, y)]
        # Relative to the means of the first block, so that no digits are lost if all samples lie close together; each mean is
        # the first sample plus a mean difference, so that a constant row gives exactly 0.
        origins = origins or [phi[..., :1] + (phi - phi[..., :1]).mean(dim=-1, keepdim=True) for phi in block]
        block = [phi.sub_(origin) for phi, origin in zip(block, origins, strict=True)]
        cross = cross + (block[0].flatten(-3, -2) @ block[1].flatten(-3, -2).mT).double()
        sums = [total + phi.sum(dim=-1, dtype=torch.float64) for total, phi in zip(sums, block, strict=True)]
        if own:
            selves = [total + (phi @ phi.mT).double() for total, phi in zip(selves, block, strict=True)]
    left, right = (total.flatten(-2) for total in sums)
    cross = cross - left[..., :, None] * right[..., None, :] / samples
    if own:
        selves = [total - part[..., :, None] * part[..., None, :] / samples for total, part in zip(selves, sums, strict=True)]
    means = [origin[..., 0] + total / samples for origin, total in zip(origins, sums, strict=True)]
    if not basis.edge:
        for mean in means:
            mean[..., 0] += 1
    return Moments(cross.unflatten(-1, (-1, basis.rank)).unflatten(-3, (-1, basis.rank)), *means, *(selves if own else ()))
