"""HSIC with kernels much wider than the samples spread: few features, shared by all that one neuron is compared with.

With the profile-median bandwidth a sample lies about 0.1 bandwidths from its mean, and the kernel is nearly linear: of the
features phi_k (`features`), x and x^2 carry all but 1e-5 of it. Three things then make HSIC cheap.

- Neurons take as many features as their own samples need: each feature is a matrix [samples, neurons] over those neurons
  that need it, the first in the order of their reach.
- phi_0 and phi_2 are both nearly x^2. Of their rotations u and v, of order x^2 and x^4, v is needed only from rank 5 on.
- Bandwidths of several groups of neurons differ by a few per cent. HSIC is s^2, s = 1 / sigma^2, times a power series in s
  that falls by x^2 from term to term, so that all are interpolated from two or three.
"""

from collections.abc import Sequence
from math import lgamma, log, sqrt

import torch

#: Largest |x| / sigma for which kernels count as wide.
REACH = 1.0


class Planes(list[torch.Tensor]):
    """Features, one tensor [..., S, n_k] for each, centred over the samples; n_k falls. `means` [..., n_k] were subtracted."""

    means: list[torch.Tensor]


def needed(reach: torch.Tensor, tolerance: float) -> list[int]:
    """How many of the neurons need the feature k = 0, 1, … so that every kernel value is right within the tolerance, relative
    to what the kernel varies by; `reach` is max |x| / sigma of each neuron [n], best in falling order.
    """
    bound, count = log(tolerance), [len(reach)] * 3
    logs = reach.double().clamp(min=1e-30).log()
    while True:
        k = len(count)  # without feature k and what follows: reach^(2 k) / k!, a quarter more without v
        short = ((2 * k - 2) * logs - lgamma(k + 1) + log(1.25) > bound).nonzero()
        if not len(short):
            return count
        count.append(int(short[-1]) + 1)


def power_planes(x: torch.Tensor, count: Sequence[int], weights: torch.Tensor | None, *, rotate: bool) -> Planes:
    """Features of scaled rows, as columns [..., S, n]; `weights` [..., S] are how often each sample counts.

    With `rotate`, phi_0 and phi_2 are replaced by u, and by v for the neurons that need phi_4.
    """
    half = -x.square() / 2
    first, power = half.expm1(), half.exp_()
    found = [first]
    for k, n in enumerate(count[1:], start=1):
        power = power[..., :n] * (x[..., :n] / sqrt(k))
        found.append(power)
    if rotate:
        many = count[4] if len(count) > 4 else 0
        second = found[2]
        found[0], found[2] = found[1], (sqrt(2) * second - first) / sqrt(3)
        found.pop(1)  # x, x^2, x^3 …, with v after x^3
        if many:
            found.insert(3, (sqrt(2) * first[..., :many] + second[..., :many]) / sqrt(3))
    planes, planes.means = Planes(), []
    for k, phi in enumerate(found):
        if weights is None:
            mean = phi.mean(dim=-2, keepdim=True)
        else:
            mean = (weights[..., None, :] @ phi) / weights.sum(dim=-1)[..., None, None]
        planes.append(phi.sub_(mean))
        planes.means.append(mean[..., 0, :] + (k == 0 and not rotate))  # phi_0 was taken without its 1
    return planes


def principal_axes(planes: Planes, tolerance: float) -> list[torch.Tensor]:
    """Axes [n_k, features] of each neuron's features [S, n_k], the weightiest first, for the neurons that need them.

    Without the others the kernel changes by at most the tolerance, relative to its largest eigenvalue.
    """
    samples, n = planes[0].shape
    phi = planes[0].new_zeros(n, len(planes), samples)
    for k, plane in enumerate(planes):
        phi[: plane.shape[1], k] = plane.T
    values, axes = torch.linalg.eigh((phi @ phi.mT).double())
    left = values.clamp(min=0).cumsum(dim=-1).flip(-1)  # weight of an axis and all after it
    counts = [n]
    for k in range(1, len(planes)):
        wanted = (left[:, k] > tolerance * values[:, -1]).nonzero()
        counts.append(int(wanted[-1]) + 1 if len(wanted) else 0)
    return [axes[:count, :, -1 - k].to(planes[0].dtype) for k, count in enumerate(counts) if count]


def turned(planes: Planes, axes: Sequence[torch.Tensor]) -> Planes:
    """Features along the axes; their means are not kept."""
    result, result.means = Planes(), []
    for along in axes:
        total = planes[0][..., : len(along)] * along[:, 0]
        for k, plane in enumerate(planes[1:], start=1):
            count = min(len(along), plane.shape[-1])
            total[..., :count].addcmul_(plane[..., :count], along[:count, k])
        result.append(total)
    return result


def products(y: Planes, x: Planes, estimator: str, samples: int, terms: int = 1, rest: bool = True) -> list[torch.Tensor]:
    """HSIC [..., n2, n1] of all pairs, for x [..., S, n1] already multiplied by the weights of the samples; for the estimator
    `normalized`, its numerator, to be divided by `norms`.

    It is the sum of what is returned: the products of features whose numbers add up to 0, 1, …; the last one has all others,
    or without `rest` none of them.
    """
    shape = torch.broadcast_shapes(y[0].shape[:-2], x[0].shape[:-2])
    found = [y[0].new_zeros(*shape, y[0].shape[-1], x[0].shape[-1]) for _ in range(terms)]
    for k, left in enumerate(y):
        for m, right in enumerate(x):
            if k + m >= terms and not rest:
                continue
            cross = left.mT @ right
            block = found[min(k + m, terms - 1)][..., : left.shape[-1], : right.shape[-1]]
            if estimator in ("biased", "normalized"):
                block.addcmul_(cross, cross)
                continue
            outer = y.means[k][..., :, None] * x.means[m][..., None, :]
            block.addcmul_(cross, cross + samples * outer)
    if estimator == "biased":
        return [total.div_((samples - 1) ** 2) for total in found]
    return found


def norms(planes: Planes, weights: torch.Tensor | None) -> torch.Tensor:
    """|| K ||, the root of HSIC of each neuron with itself times (S - 1)^2: [..., n]."""
    total = torch.zeros_like(planes[0][..., 0, :])
    for k, left in enumerate(planes):
        for m, right in enumerate(planes[: k + 1]):
            both = left * right[..., : left.shape[-1]]
            product = (both if weights is None else both * weights[..., None]).sum(dim=-2)
            total[..., : left.shape[-1]] += product.square() * (1 if k == m else 2)
    return total.sqrt()
