"""HSIC between single neurons with 1-D Gaussian kernels, exact and linear in the number of samples. Knows nothing of models.

A 1-D Gaussian kernel has the explicit feature map phi_k(x) = exp(-x^2 / 2 sigma^2) (x / sigma)^k / sqrt(k!), k = 0, 1, …
(Cotter, Keshet and Srebro 2011, arXiv 1109.4603). With r features, centred over the samples, HSIC of every neuron with every
neuron is one matrix product: HSIC(i, j) = || Phi_i' Psi_j ||_F^2 / (S - 1)^2. No S x S matrix is built.
"""

from math import isqrt, lgamma, log

import torch

from .errors import InputError

#: `biased`: tr(K H L H) / (S - 1)^2 (Gretton et al. 2005). `reference`: tr(K H L), which the released code of BridgeX-ICL
#: computes: centred on one side only and not divided.
ESTIMATORS = ("biased", "reference")
#: Doubles that one block of intermediate results may hold (256 MB).
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
    sigma : float or "median"
        Bandwidth in units of the z-scored rows. `median`: the median Euclidean distance between the rows (neuron profiles in
        S dimensions) of `x` and `y` together, as in BridgeX-ICL; about sqrt(2 S).
    estimator : {"biased", "reference"}
        See `ESTIMATORS`.
    tolerance : float
        Bound on the part of a kernel value that the feature map leaves out; in float64 the result then agrees with the exact
        Gram form to better than 1e-5, relative, as long as sigma is not far above sqrt(2 S).

    Returns
    -------
    torch.Tensor
        float64 [n1, n2] (float32 on a GPU).

    Raises
    ------
    InputError
        If the shapes do not fit, S < 2, a value is not finite, or an option is unknown.

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
        raise InputError(f"unknown estimator {estimator!r}; there are {' and '.join(ESTIMATORS)}")
    x, y = standardize(x), standardize(y)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"x has {x.shape[1]} samples and y has {y.shape[1]}; they must be the same samples")
    if isinstance(sigma, str):
        if sigma != "median":
            raise InputError(f"unknown bandwidth {sigma!r}; give 'median' or a number")
        sigma = median_bandwidth(x, y)
    if not 0 < sigma < float("inf"):
        raise InputError(f"the bandwidth must be a positive number, not {sigma}")
    if not x.numel() or not y.numel():
        return x.new_zeros(x.shape[0], y.shape[0])
    samples = x.shape[1]
    # Cost of one pair of neurons: rank^2 S through features, S^2 through Gram matrices.
    most = isqrt(samples)
    rank = _rank(max(x.abs().max(), y.abs().max()).item() / sigma, tolerance, most)
    blocks = _from_features if rank <= most else _from_grams
    result = blocks(x, y, sigma, rank, estimator)
    return result if estimator == "reference" else result / (samples - 1) ** 2


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
    if not len(x):
        return x.double() if x.device.type == "cpu" else x.float()
    if not torch.isfinite(x).all():
        raise InputError("activations hold values that are not finite (NaN or infinite)")
    x = x.double() if x.device.type == "cpu" else x.float()
    return (x - x.mean(dim=1, keepdim=True)) / (x.std(dim=1, keepdim=True) + 1e-6)


def median_bandwidth(x: torch.Tensor, y: torch.Tensor) -> float:
    """Median Euclidean distance between the rows of `x` and `y` together; 1 where it is below 1e-3 (all rows alike)."""
    distances = torch.pdist(torch.cat([x, y])).sort().values
    if not len(distances):
        return 1.0
    middle = (distances[(len(distances) - 1) // 2] + distances[len(distances) // 2]).item() / 2
    return middle if middle > 1e-3 else 1.0


def _rank(reach: float, tolerance: float, most: int) -> int:
    """Features needed so that what is left out of any kernel value, at most reach^(2 r) / r!, is below the tolerance;
    `most` + 1 where that many do not suffice.

    The kernel varies by about reach^2 over the samples; the tolerance is relative to that where reach < 1.
    """
    bound = log(tolerance) + min(0.0, 2 * log(max(reach, 1e-150)))
    rank = 2
    while rank <= most and 2 * rank * log(max(reach, 1e-150)) - lgamma(rank + 1) > bound:
        rank += 1
    return rank


def _features(z: torch.Tensor, sigma: float, rank: int) -> torch.Tensor:
    """phi [n, rank, S]. The first feature is given minus 1, exp(-z^2 / 2 sigma^2) - 1, which keeps its digits when centred."""
    scaled = z / sigma
    decay = torch.exp(-scaled.square() / 2)
    rows = [torch.expm1(-scaled.square() / 2)]
    power = decay
    for k in range(1, rank):
        power = power * scaled / k**0.5
        rows.append(power)
    return torch.stack(rows, dim=1)


def _from_features(x, y, sigma, rank, estimator):
    phi, psi = _features(x, sigma, rank), _features(y, sigma, rank)
    centred = (psi - psi.mean(dim=2, keepdim=True)).flatten(0, 1)
    if estimator == "reference":
        psi[:, 0] += 1
        plain = psi.flatten(0, 1)
    step = max(1, _BLOCK // (rank * rank * len(y)))
    blocks = []
    for block in phi.split(step):
        moments = block.flatten(0, 1) @ centred.T
        if estimator == "biased":
            products = moments.square()
        else:
            whole = block.clone()
            whole[:, 0] += 1
            # tr(K H L) = <Phi' H Psi, Phi' Psi>; H annuls the 1 that the first feature lacks.
            products = (whole.flatten(0, 1) @ centred.T) * (whole.flatten(0, 1) @ plain.T)
        blocks.append(products.view(len(block), rank, len(y), rank).sum(dim=(1, 3)))
    return torch.cat(blocks)


def _from_grams(x, y, sigma, rank, estimator):
    samples = x.shape[1]
    step = max(1, _BLOCK // samples**2)

    def gram(z):
        return torch.expm1(-(z[:, :, None] - z[:, None, :]).square() / (2 * sigma**2))

    def centre(k):
        return k - k.mean(dim=1, keepdim=True)

    rows = []
    for a in x.split(step):
        k = gram(a)
        # One-sided centring annuls the 1 that expm1 lacks: tr(11' H L) = 0.
        k = (centre(centre(k).transpose(1, 2)) if estimator == "biased" else k).flatten(1)
        rows.append(torch.cat([k @ centre(gram(b)).transpose(1, 2).flatten(1).T for b in y.split(step)], dim=1))
    return torch.cat(rows)
