"""HSIC between single neurons with 1-D Gaussian kernels, exact and linear in the number of samples.

A 1-D Gaussian kernel has explicit features. A wide one needs few: phi_k(x) = exp(-x^2 / 2 sigma^2) (x / sigma)^k / sqrt(k!),
k = 0, 1, … (Cotter, Keshet and Srebro 2011, arXiv 1109.4603). For a narrow one, narrower Gaussians on a grid of centres t_k are
used, phi_k(x) ~ exp(-(x - t_k)^2 / sigma^2): the kernel is the integral of phi_t(x) phi_t(y) over t, for which the trapezoidal
rule converges geometrically (Trefethen and Weideman 2014, SIAM Review 56). With r features, centred over the samples, HSIC of
all pairs of neurons is one matrix product, HSIC(i, j) = || Phi_i' Psi_j ||_F^2 / (S - 1)^2, accumulated over blocks of samples;
no S x S matrix is built. Only if a kernel needs too many features are Gram matrices built, in blocks.
"""

from math import sqrt

import torch

from ..exceptions import InputError
from ._kernel_features import Moments, choose_basis, moments

#: `biased`: tr(K H L H) / (S - 1)^2 (Gretton et al. 2005). `unbiased`: mean 0 under independence (Song et al. 2012, eq. 5).
#: `normalized`: HSIC_xy / sqrt(HSIC_xx HSIC_yy), the CKA of two neurons. `reference`: tr(K H L) as in the released code of
#: BridgeX-ICL, centred on one side only and not divided by anything; it has the bandwidth of that code, too (`hsic`).
ESTIMATORS = ("biased", "unbiased", "normalized", "reference")
#: Bandwidth heuristics; see `hsic`.
BANDWIDTHS = ("profile-median", "sample-median")
#: Bound on the error of the kernel values behind a score: far below the changes due to resampling.
SCORE_TOLERANCE = 1e-6
#: Numbers that one block of intermediate results may hold (256 MB in float64).
_BLOCK = 2**25
#: Lower bound of a norm, so that a constant neuron gives 0 and not NaN.
_TINY = torch.finfo(torch.float64).tiny ** 0.5


def hsic(
    x: torch.Tensor,
    y: torch.Tensor,
    sigma: float | str = "profile-median",
    estimator: str = "biased",
    tolerance: float = 1e-9,
) -> torch.Tensor:
    """HSIC of every neuron of `x` with every neuron of `y`, with Gaussian kernels K[a, b] = exp(-(x_a - x_b)^2 / 2 sigma^2).

    Rows are z-scored first (ddof 1, plus 1e-6), so that one bandwidth suits neurons of any scale. A constant row has HSIC 0
    with every other row.

    Parameters
    ----------
    x : torch.Tensor
        [n1, S], n1 neurons over S samples.
    y : torch.Tensor
        [n2, S], the same samples.
    sigma : float, "profile-median" or "sample-median"
        Bandwidth in units of the z-scored rows. "profile-median": the median Euclidean distance between the rows (neuron
        profiles in S dimensions) of `x` and `y` together, after BridgeX-ICL; about sqrt(2 S), a very wide kernel that sees
        little beyond linear dependence. With the estimator `reference` it is that of the released code: see Notes.
        "sample-median": what is usually called the median heuristic, for each neuron the median distance between its samples;
        about 0.95.
    estimator : {"biased", "unbiased", "normalized", "reference"}
        See `ESTIMATORS`.
    tolerance : float
        Bound on the error that the features leave in a kernel value. In float64 (CPU) the result agrees with the exact Gram
        form to better than 1e-5, relative to sqrt(HSIC_xx HSIC_yy). On a GPU, where features are float32 and sums over samples
        float64, the agreement is about 1e-4.

    Returns
    -------
    torch.Tensor
        float64 [n1, n2].

    Raises
    ------
    InputError
        If the shapes do not fit, S < 2 (S < 4 for `unbiased`), a value is not finite, or an option is unknown.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) scores bridges with it. The bandwidth of the released code is the lower
    median of all entries of two distance matrices, that within `x` and that within `y`, plus 1e-6. The zeros on their diagonals
    count, distances between `x` and `y` do not. Where the zeros are the majority (one or two neurons on each side), the
    bandwidth is 1e-6: every sample is then like itself alone, and every entry is S - 1, whatever the samples.

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(3, 200)
    >>> hsic(x, x.square()).shape
    torch.Size([3, 3])
    """
    x, y = standardize(x), standardize(y)
    if x.shape[-1] != y.shape[-1]:
        raise InputError(f"x has {x.shape[-1]} samples and y has {y.shape[-1]}; they must be the same samples")
    return hsic_scaled(*scale(x, y, sigma, estimator), estimator, tolerance)


def hsic_score(h: torch.Tensor) -> float:
    """Score of one layer: (mean_i max_j h_ij + mean_j max_i h_ij) / 2.

    Parameters
    ----------
    h : torch.Tensor
        [n1, n2], HSIC of all pairs of neurons.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If there are no neurons on one side.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078), released code.

    Examples
    --------
    >>> import torch
    >>> hsic_score(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))
    2.0
    """
    if not h.numel():
        raise InputError(f"h is {list(h.shape)}: without neurons on both sides there is no score")
    return float(layer_score(h))


def layer_score(h: torch.Tensor) -> torch.Tensor:
    """`hsic_score` of each matrix in a batch [..., n1, n2] -> [...]."""
    return (h.amax(dim=-1).mean(dim=-1) + h.amax(dim=-2).mean(dim=-1)) / 2


def standardize(x: torch.Tensor) -> torch.Tensor:
    """Rows [..., n, S] shifted and scaled to mean 0 and standard deviation 1 (ddof 1, plus 1e-6); float64, float32 on a GPU."""
    if x.ndim < 2 or x.shape[-1] < 2:
        raise InputError(f"neurons must be [n, S] with at least two samples, not {list(x.shape)}")
    if not torch.isfinite(x).all():
        raise InputError("activations are not finite (NaN or infinite)")
    x = x.to(torch.float64 if x.device.type == "cpu" else torch.float32)
    x = x - x.mean(dim=-1, keepdim=True)
    # Written out because torch's std of float64 rows takes ten times as long.
    return x / ((x.square().sum(dim=-1, keepdim=True) / (x.shape[-1] - 1)).sqrt() + 1e-6)


def scale(x: torch.Tensor, y: torch.Tensor, sigma: float | str, estimator: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardized rows [..., n, S] divided by their bandwidth, so that every kernel is exp(-difference^2 / 2)."""
    if sigma == "profile-median":
        width = (reference_median if estimator == "reference" else profile_median)(x, y)[..., None, None].to(x.dtype)
        return x / width, y / width
    if sigma == "sample-median":
        return x / sample_median(x)[..., None], y / sample_median(y)[..., None]
    if sigma == "median":
        raise InputError(
            'sigma="median" is ambiguous: choose "profile-median", the median distance between neuron profiles (BridgeX-ICL), '
            'or "sample-median", the median distance between the samples of each neuron'
        )
    if isinstance(sigma, str):
        raise InputError(f"unknown bandwidth {sigma!r}; give a number or choose from {', '.join(BANDWIDTHS)}")
    if not 0 < sigma < float("inf"):
        raise InputError(f"the bandwidth must be a positive number, not {sigma}")
    return x / sigma, y / sigma


def profile_median(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Median Euclidean distance between all rows of `x` and `y` [..., n, S] -> [...]; 1 if it is below 1e-3 (rows alike)."""
    squares = _squared_distances(torch.cat([x, y], dim=-2))
    if not squares.shape[-1]:
        return squares.new_ones(squares.shape[:-1])
    count = squares.shape[-1]
    middle = [squares.kthvalue(k).values.sqrt() for k in ((count + 1) // 2, count // 2 + 1)]
    width = (middle[0] + middle[1]) / 2
    return torch.where(width > 1e-3, width, 1.0)


def reference_median(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Bandwidth of BridgeX-ICL's released code for rows [..., n, S] -> [...]: see `hsic`."""
    zeros = x.shape[-2] + y.shape[-2]
    entries = x.shape[-2] ** 2 + y.shape[-2] ** 2
    rank = (entries + 1) // 2 - zeros  # of the median among the entries off the diagonals, where each distance stands twice
    if rank <= 0:
        return torch.full(x.shape[:-2], 1e-6, dtype=torch.float64, device=x.device)
    squares = torch.cat([_squared_distances(x), _squared_distances(y)], dim=-1)
    return squares.kthvalue((rank + 1) // 2).values.sqrt() + 1e-6


def _squared_distances(rows: torch.Tensor) -> torch.Tensor:
    """Squared Euclidean distances between every two of the rows [..., n, S] -> float64 [..., n (n - 1) / 2]."""
    rows = rows.double()
    products = rows @ rows.mT
    norms = products.diagonal(dim1=-2, dim2=-1)
    i, j = torch.triu_indices(rows.shape[-2], rows.shape[-2], offset=1, device=rows.device)
    return (norms[..., i] + norms[..., j] - 2 * products[..., i, j]).clamp(min=0)


def sample_median(x: torch.Tensor) -> torch.Tensor:
    """Median distance between the samples of each row [..., n, S] -> [..., n]; 1 if it is 0 (most samples alike).

    The lower median, found by bisection over the sorted row in S log S steps, without the S (S - 1) / 2 distances.
    """
    ordered = x.sort(dim=-1).values
    samples = x.shape[-1]
    position = torch.arange(samples, device=x.device)
    rank = (samples * (samples - 1) // 2 + 1) // 2
    low, high = torch.zeros_like(ordered[..., 0]), ordered[..., -1] - ordered[..., 0]
    for _ in range(60):
        middle = (low + high) / 2
        # Number of pairs (a < b) no further apart than `middle`.
        near = (torch.searchsorted(ordered, ordered + middle[..., None], right=True) - position - 1).sum(dim=-1)
        low, high = torch.where(near < rank, middle, low), torch.where(near < rank, high, middle)
    return torch.where(high > 1e-12, high, 1.0)


def hsic_scaled(x: torch.Tensor, y: torch.Tensor, estimator: str, tolerance: float) -> torch.Tensor:
    """`hsic` of a batch of scaled rows: [..., n1, S] and [..., n2, S] -> float64 [..., n1, n2]."""
    n1, n2, samples = x.shape[-2], y.shape[-2], x.shape[-1]
    if estimator not in ESTIMATORS:
        raise InputError(f"unknown estimator {estimator!r}; choose from {', '.join(ESTIMATORS)}")
    if estimator == "unbiased" and samples < 4:
        raise InputError(f"the unbiased estimator needs at least four samples, not {samples}")
    if not n1 or not n2:
        return x.new_zeros(*x.shape[:-1], n2, dtype=torch.float64)
    # Shifting a row does not change its kernel; centred on its range it needs the fewest features.
    x, y = (rows - (rows.amax(dim=-1, keepdim=True) + rows.amin(dim=-1, keepdim=True)) / 2 for rows in (x, y))
    # Cost per sample: with features rank^2 per pair of neurons and 20 rank per neuron, with Gram matrices S and 60 S.
    pairs, singles = n1 * n2, 20 * (n1 + n2)
    max_rank = int((sqrt(singles**2 + 4 * pairs * samples * (pairs + 3 * singles)) - singles) / (2 * pairs))
    basis = choose_basis(x, y, tolerance, max_rank)
    if basis is None:
        batch = torch.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        members = zip(*(rows.expand(*batch, *rows.shape[-2:]).reshape(-1, *rows.shape[-2:]) for rows in (x, y)), strict=True)
        return torch.stack([_from_grams(*rows, estimator) for rows in members]).view(*batch, n1, n2)
    step = max(1, _BLOCK // (basis.rank**2 * n2 * max(x.shape[:-2].numel(), y.shape[:-2].numel())))
    normalized = estimator == "normalized"
    parts = [moments(rows, y, basis, own=normalized) for rows in x.split(step, dim=-2)]
    total = torch.cat([_from_moments(part, samples, estimator) for part in parts], dim=-2)
    if not normalized:
        return total
    hsic_xx = torch.cat([part.own_x for part in parts], dim=-3).square().sum(dim=(-2, -1))
    hsic_yy = parts[0].own_y.square().sum(dim=(-2, -1))
    return total / (hsic_xx[..., :, None] * hsic_yy[..., None, :]).sqrt().clamp(min=_TINY)


def _from_moments(feature_moments: Moments, samples: int, estimator: str) -> torch.Tensor:
    """HSIC [..., n1, n2] (for `normalized`, the numerator) from the moments of the features."""
    cross, mean_x, mean_y = feature_moments[:3]
    if estimator == "reference":
        # tr(K H L) = <Phi' H Psi, Phi' Psi>, and Phi' Psi = Phi' H Psi + S mean mean'.
        outer = mean_x[..., :, :, None, None] * mean_y[..., None, None, :, :]
        return (cross * (cross + samples * outer)).sum(dim=(-3, -1))
    total = cross.square().sum(dim=(-3, -1))
    if estimator == "normalized":
        return total
    if estimator == "biased":
        return total / (samples - 1) ** 2
    # The row means of K minus their mean are the centred features times the mean features.
    rows = torch.einsum("...ik,...ikjl,...jl->...ij", mean_x, cross, mean_y)
    g, h = (mean.square().sum(dim=-1) - 1 for mean in (mean_x, mean_y))
    return _unbiased(total, rows, g[..., :, None] * h[..., None, :], samples)


def _unbiased(total: torch.Tensor, row_products: torch.Tensor, grand_products: torch.Tensor, samples: int) -> torch.Tensor:
    """Song et al. 2012, eq. 5, from tr(K H L H), the products of the row means and those of the grand means of K - 11'.

    Adding a constant to a kernel off its diagonal does not change the estimate, so K - 11', whose diagonal is 0, replaces K
    with its diagonal removed; K - 11' is decomposed into its centred part, row means and grand mean.
    """
    s = samples
    return (total - 4 * s / (s - 2) * row_products - s * s / (s - 1) * grand_products) / (s * (s - 3))


def _from_grams(x: torch.Tensor, y: torch.Tensor, estimator: str) -> torch.Tensor:
    """HSIC [n1, n2] from Gram matrices of scaled rows, in blocks of neurons and of matrix rows."""
    samples = x.shape[1]
    row_step = max(1, min(samples, _BLOCK // samples))
    step = max(1, _BLOCK // (row_step * samples))

    def gram(z, rows):
        return torch.expm1(-(z[:, rows, None] - z[:, None, :]).square() / 2)

    def row_means(z):
        blocks = [gram(part, rows).mean(dim=2) for rows in row_blocks for part in z.split(step)]
        parts = len(z.split(step))
        return torch.cat([torch.cat(blocks[i : i + parts]) for i in range(0, len(blocks), parts)], dim=1)

    def centred(z, means, rows, both_sides):
        k = gram(z, rows) - means[:, None, :]
        return k - means[:, rows, None] + means.mean(dim=1)[:, None, None] if both_sides else k

    row_blocks = list(torch.arange(samples, device=x.device).split(row_step))
    mx, my = row_means(x), row_means(y)
    total = x.new_zeros(len(x), len(y))
    hsic_xx, hsic_yy = x.new_zeros(len(x)), x.new_zeros(len(y))
    for rows in row_blocks:
        for i in torch.arange(len(x)).split(step):
            k = centred(x[i], mx[i], rows, True) if estimator != "reference" else gram(x[i], rows)
            hsic_xx[i] += k.square().sum(dim=(1, 2))
            for j in torch.arange(len(y)).split(step):
                # One-sided centring: tr(K H L) = <K, H L>, and H L is L minus its column means.
                m = centred(y[j], my[j], rows, estimator != "reference")
                if len(i) and i[0] == 0:
                    hsic_yy[j] += m.square().sum(dim=(1, 2))
                total[i[:, None], j] += k.flatten(1) @ m.flatten(1).T
    if estimator == "reference":
        return total
    if estimator == "unbiased":
        g, h = mx.mean(dim=1), my.mean(dim=1)
        return _unbiased(total, (mx - g[:, None]) @ (my - h[:, None]).T, g[:, None] * h, samples)
    if estimator == "normalized":
        return total / (hsic_xx[:, None] * hsic_yy).sqrt().clamp(min=_TINY)
    return total / (samples - 1) ** 2
