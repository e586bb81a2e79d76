"""HSIC between single neurons with 1-D Gaussian kernels, exact and linear in the number of samples. Knows nothing of models.

A 1-D Gaussian kernel has the explicit feature map phi_k(x) = exp(-x^2 / 2 sigma^2) (x / sigma)^k / sqrt(k!), k = 0, 1, …
(Cotter, Keshet and Srebro 2011, arXiv 1109.4603). With r features, centred over the samples, HSIC of every neuron with every
neuron is one matrix product: HSIC(i, j) = || Phi_i' Psi_j ||_F^2 / (S - 1)^2. No S x S matrix is built. Where a narrow kernel
would need more than sqrt(S) features, Gram matrices are built instead, in blocks.
"""

from math import isqrt, lgamma, log
from typing import NamedTuple

import torch

from .errors import InputError

#: `biased`: tr(K H L H) / (S - 1)^2 (Gretton et al. 2005). `unbiased`: mean 0 under independence (Song et al. 2012, eq. 5).
#: `normalized`: HSIC_xy / sqrt(HSIC_xx HSIC_yy), that is CKA of two neurons. `reference`: tr(K H L), which the released code of
#: BridgeX-ICL computes: centred on one side only and not divided.
ESTIMATORS = ("biased", "unbiased", "normalized", "reference")
#: Bandwidth heuristics; see `hsic`.
BANDWIDTHS = ("profile-median", "sample-median")
#: Numbers that one block of intermediate results may hold (256 MB in float64).
_BLOCK = 2**25


def hsic(
    x: torch.Tensor,
    y: torch.Tensor,
    sigma: float | str = "median",
    estimator: str = "biased",
    tolerance: float = 1e-9,
) -> torch.Tensor:
    """HSIC of every neuron of `x` with every neuron of `y`, Gaussian kernel K[a, b] = exp(-(x_a - x_b)^2 / 2 sigma^2).

    Rows are z-scored first (ddof 1, plus 1e-6), so that neurons of any scale share one bandwidth. A constant row has HSIC 0
    with everything.

    Parameters
    ----------
    x : torch.Tensor
        [n1, S], n1 neurons over S samples.
    y : torch.Tensor
        [n2, S], the same samples.
    sigma : float, "profile-median" or "sample-median"
        Bandwidth in units of the z-scored rows. `profile-median` (or `median`): the median Euclidean distance between the rows
        (neuron profiles in S dimensions) of `x` and `y` together, as in BridgeX-ICL; about sqrt(2 S), a very wide kernel that
        sees little beside linear dependence. `sample-median`: the usual heuristic, for each neuron the median distance
        between its samples; about 0.95.
    estimator : {"biased", "unbiased", "normalized", "reference"}
        See `ESTIMATORS`.
    tolerance : float
        Bound on the part of a kernel value that the feature map leaves out. In float64 (CPU) the result agrees with the exact
        Gram form to better than 1e-5, relative to sqrt(HSIC_xx HSIC_yy); in float32 (GPU) to about 1e-4.

    Returns
    -------
    torch.Tensor
        float64 [n1, n2] (float32 on a GPU).

    Raises
    ------
    InputError
        If the shapes do not fit, S < 2 (S < 4 for `unbiased`), a value is not finite, or an option is unknown.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078), score of candidate bridges.

    Examples
    --------
    >>> x = torch.randn(3, 200)
    >>> hsic(x, x.square()).shape
    torch.Size([3, 3])
    """
    if estimator not in ESTIMATORS:
        raise InputError(f"unknown estimator {estimator!r}; there are {', '.join(ESTIMATORS)}")
    x, y = standardize(x), standardize(y)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"x has {x.shape[1]} samples and y has {y.shape[1]}; they must be the same samples")
    samples = x.shape[1]
    if estimator == "unbiased" and samples < 4:
        raise InputError(f"the unbiased estimator needs at least four samples, not {samples}")
    x, y = scale(x, y, sigma)
    if not x.numel() or not y.numel():
        return x.new_zeros(x.shape[0], y.shape[0])
    # Cost of a pair of neurons: rank^2 S through features, S^2 through Gram matrices, whose entries cost about four times more.
    most = 2 * isqrt(samples)
    rank = feature_rank(x, y, tolerance, most)
    if rank > most:
        return _from_grams(x, y, estimator)
    return from_features(features(x, rank), features(y, rank), estimator)


def hsic_score(h: torch.Tensor) -> float:
    """Score of one layer: (mean_i max_j h_ij + mean_j max_i h_ij) / 2 for h [n1, n2] (BridgeX-ICL, released code).

    Examples
    --------
    >>> hsic_score(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))
    2.0
    """
    if not h.numel():
        raise InputError("no neurons on one side: there is no score")
    return float((h.amax(dim=1).mean() + h.amax(dim=0).mean()) / 2)


def standardize(x: torch.Tensor) -> torch.Tensor:
    """Rows [n, S] shifted and scaled to mean 0 and standard deviation 1 (ddof 1, plus 1e-6); float64, float32 on a GPU."""
    if x.ndim != 2 or x.shape[1] < 2:
        raise InputError(f"neurons must be [n, S] with at least two samples, not {list(x.shape)}")
    dtype = torch.float64 if x.device.type == "cpu" else torch.float32
    if not len(x):
        return x.to(dtype)
    if not torch.isfinite(x).all():
        raise InputError("activations hold values that are not finite (NaN or infinite)")
    x = x.to(dtype)
    return (x - x.mean(dim=1, keepdim=True)) / (x.std(dim=1, keepdim=True) + 1e-6)


def scale(x: torch.Tensor, y: torch.Tensor, sigma: float | str) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardized rows [n, S] divided by their bandwidth, so that every kernel is exp(-(difference)^2 / 2)."""
    if sigma in ("median", "profile-median"):
        sigma = profile_median(x, y)
    elif sigma == "sample-median":
        return x / sample_median(x)[:, None], y / sample_median(y)[:, None]
    elif isinstance(sigma, str):
        raise InputError(f"unknown bandwidth {sigma!r}; give a number or one of {', '.join(BANDWIDTHS)}")
    if not 0 < sigma < float("inf"):
        raise InputError(f"the bandwidth must be a positive number, not {sigma}")
    return x / sigma, y / sigma


def profile_median(x: torch.Tensor, y: torch.Tensor) -> float:
    """Median Euclidean distance between the rows of `x` and `y` together; 1 where it is below 1e-3 (all rows alike)."""
    distances = torch.pdist(torch.cat([x, y]))
    if not len(distances):
        return 1.0
    middle = sum(distances.kthvalue(k).values.item() for k in ((len(distances) + 1) // 2, len(distances) // 2 + 1)) / 2
    return middle if middle > 1e-3 else 1.0


def sample_median(x: torch.Tensor) -> torch.Tensor:
    """Median distance between the samples of each row [n, S] -> [n]; 1 where it is 0 (half of the samples alike).

    The lower median, found by bisection over the sorted row: S log S, without the S (S - 1) / 2 distances.
    """
    ordered = x.sort(dim=1).values
    samples = x.shape[1]
    position = torch.arange(samples, device=x.device)
    wanted = (samples * (samples - 1) // 2 + 1) // 2
    low, high = torch.zeros_like(ordered[:, 0]), ordered[:, -1] - ordered[:, 0]
    for _ in range(60):
        middle = (low + high) / 2
        # Pairs (a < b) no further apart than `middle`.
        near = (torch.searchsorted(ordered, ordered + middle[:, None], right=True) - position - 1).sum(dim=1)
        low, high = torch.where(near < wanted, middle, low), torch.where(near < wanted, high, middle)
    return torch.where(high > 1e-12, high, 1.0)


def feature_rank(x: torch.Tensor, y: torch.Tensor, tolerance: float, most: int) -> int:
    """Features needed for scaled rows, so that what is left out of any kernel value is below the tolerance.

    That is at most reach^(2 r) / r! for reach = max |x|. The kernel varies by about reach^2 over the samples; the tolerance is
    relative to that where reach < 1. `most` + 1 is given where `most` do not suffice.
    """
    reach = max(x.abs().max().item(), y.abs().max().item(), 1e-150)
    bound = log(tolerance) + min(0.0, 2 * log(reach))
    rank = 2
    while rank <= most and 2 * rank * log(reach) - lgamma(rank + 1) > bound:
        rank += 1
    return rank


class Features(NamedTuple):
    """Feature map of n scaled rows: `centred` [n, r, S], centred over the samples, and `mean` [n, r].

    The first feature is exp(-x^2 / 2) - 1: centring annuls the 1, and without it no digits are lost.
    """

    centred: torch.Tensor
    mean: torch.Tensor


def features(x: torch.Tensor, rank: int) -> Features:
    """The first `rank` features of scaled rows [n, S]."""
    phi = x.new_empty(len(x), rank, x.shape[1])
    half = -x.square() / 2
    torch.expm1(half, out=phi[:, 0])
    power = half.exp_()
    for k in range(1, rank):
        power = power.mul_(x).div_(k**0.5)
        phi[:, k] = power
    mean = phi.mean(dim=2)
    return Features(phi.sub_(mean[:, :, None]), mean)


def reorder(phi: Features, samples: torch.Tensor) -> Features:
    """The features over other samples: a bootstrap draw or a permutation, as sample numbers [S']. Nothing is computed anew."""
    drawn = phi.centred[..., samples]
    shift = drawn.mean(dim=2)
    return Features(drawn - shift[:, :, None], phi.mean + shift)


def from_features(phi: Features, psi: Features, estimator: str) -> torch.Tensor:
    """HSIC [n1, n2] from two feature maps."""
    (n1, rank, samples), n2 = phi.centred.shape, len(psi.centred)
    right = psi.centred.flatten(0, 1).T
    blocks = []
    for block in torch.arange(n1).split(max(1, _BLOCK // (rank * rank * n2))):
        moments = (phi.centred[block].flatten(0, 1) @ right).view(len(block), rank, n2, rank)
        if estimator == "reference":
            # tr(K H L) = <Phi' H Psi, Phi' Psi>, and Phi' Psi = Phi' H Psi + S mean mean'.
            means = phi.mean[block].clone(), psi.mean.clone()
            for one in means:
                one[:, 0] += 1
            moments = moments * (moments + samples * means[0][:, :, None, None] * means[1][None, None])
        else:
            moments = moments.square()
        blocks.append(moments.sum(dim=(1, 3)))
    total = torch.cat(blocks)
    if estimator == "reference":
        return total
    if estimator == "normalized":
        own = phi.centred, psi.centred
        norms = [torch.einsum("nks,nls->nkl", one, one).square().sum(dim=(1, 2)) for one in own]
        return total / (norms[0][:, None] * norms[1]).sqrt().clamp(min=_tiny(total))
    if estimator == "biased":
        return total / (samples - 1) ** 2
    (u, g), (v, h) = _row_means(phi), _row_means(psi)
    return _unbiased(total, u @ v.T, g[:, None] * h, samples)


def _row_means(phi: Features) -> tuple[torch.Tensor, torch.Tensor]:
    """Of K - 11' for each neuron: the row means less the grand mean [n, S], and the grand mean [n]."""
    means = phi.mean
    rows = torch.einsum("nks,nk->ns", phi.centred, means) + phi.centred[:, 0]
    return rows, means.square().sum(dim=1) + 2 * means[:, 0]


def _unbiased(total: torch.Tensor, row_products: torch.Tensor, grand_products: torch.Tensor, samples: int) -> torch.Tensor:
    """Song et al. 2012, eq. 5, from tr(K H L H), the products of the row means and those of the grand means.

    The estimate does not change when a constant is added to a kernel off its diagonal, so K - 11', whose diagonal is 0, takes
    the place of K with its diagonal removed; K - 11' falls into its centred part, row means and grand mean.
    """
    s = samples
    return (total - 4 * s / (s - 2) * row_products - s * s / (s - 1) * grand_products) / (s * (s - 3))


def _from_grams(x: torch.Tensor, y: torch.Tensor, estimator: str) -> torch.Tensor:
    """[n1, n2] from Gram matrices of scaled rows, a block of neurons and of matrix rows at a time."""
    samples = x.shape[1]
    row_step = max(1, min(samples, _BLOCK // samples))
    step = max(1, _BLOCK // (row_step * samples))

    def gram(z, rows):
        return torch.expm1(-(z[:, rows, None] - z[:, None, :]).square() / 2)

    def row_means(z):
        blocks = [gram(part, rows).mean(dim=2) for rows in range_blocks for part in z.split(step)]
        parts = len(z.split(step))
        return torch.cat([torch.cat(blocks[i : i + parts]) for i in range(0, len(blocks), parts)], dim=1)

    def centred(z, means, rows, both):
        k = gram(z, rows) - means[:, None, :]
        return k - means[:, rows, None] + means.mean(dim=1)[:, None, None] if both else k

    range_blocks = list(torch.arange(samples, device=x.device).split(row_step))
    mx, my = row_means(x), row_means(y)
    total = x.new_zeros(len(x), len(y))
    own_x, own_y = x.new_zeros(len(x)), x.new_zeros(len(y))
    for rows in range_blocks:
        for i in torch.arange(len(x)).split(step):
            k = centred(x[i], mx[i], rows, True) if estimator != "reference" else gram(x[i], rows)
            own_x[i] += k.square().sum(dim=(1, 2))
            for j in torch.arange(len(y)).split(step):
                # One-sided centring: tr(K H L) = <K, H L>, and H L = L less its column means.
                m = centred(y[j], my[j], rows, estimator != "reference")
                if len(i) and i[0] == 0:
                    own_y[j] += m.square().sum(dim=(1, 2))
                total[i[:, None], j] += k.flatten(1) @ m.flatten(1).T
    if estimator == "reference":
        return total
    if estimator == "unbiased":
        g, h = mx.mean(dim=1), my.mean(dim=1)
        return _unbiased(total, (mx - g[:, None]) @ (my - h[:, None]).T, g[:, None] * h, samples)
    if estimator == "normalized":
        return total / (own_x[:, None] * own_y).sqrt().clamp(min=_tiny(x))
    return total / (samples - 1) ** 2


def _tiny(x: torch.Tensor) -> float:
    """What a norm is at least, so that a constant neuron gives 0 and not NaN."""
    return torch.finfo(x.dtype).tiny ** 0.5
