"""Which sentences find their translation, and whether that is more than chance."""

import numpy as np
import torch
from scipy.special import gammaln

from ..exceptions import InputError

#: The largest lead of one cosine over another that float32 rounding may cause: a tie.
_TIE = 1e-6
#: Random pairings behind the p-value of a mean over layers.
PAIRINGS = 9_999
#: Random pairings in memory at once, times sentences.
_BLOCK = 2_000_000


def aligned(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Which of n sentences find their translation: C_ii is greater than everything else in row i and column i.

    C_ij is the cosine of x_i and y_j. A lead of less than 1e-6 is a tie, and a tie is not aligned. A vector of zeros has
    cosine 0 with everything.

    Parameters
    ----------
    x, y : torch.Tensor
        [..., n, d], vectors of n sentences and of their translations, n at least 2.

    Returns
    -------
    torch.Tensor
        bool [..., n]; its mean is the score mu.

    Raises
    ------
    InputError
        If the shapes do not fit, or n is below 2.

    Examples
    --------
    >>> aligned(torch.eye(3), torch.tensor([[2.0, 1, 0], [1, 2, 0], [1, 1, 0]]))
    tensor([ True,  True, False])
    """
    if x.shape != y.shape or x.ndim < 2 or x.shape[-2] < 2:
        raise InputError(
            f"vectors of sentences and translations must be [..., n, d] of one shape, n >= 2; not {[*x.shape]} and {[*y.shape]}"
        )
    return nearest_both_ways(x, y).diagonal(dim1=-2, dim2=-1)


def nearest_both_ways(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """bool [..., n, n]: whose cosine C_ij is greater than everything else in row i and in column j, by more than 1e-6.

    There is at most one such cell in a row and in a column, so at most n of them. `aligned` is the diagonal.
    """
    cosine = torch.nn.functional.normalize(x, dim=-1) @ torch.nn.functional.normalize(y, dim=-1).mT
    in_row, in_column = cosine.topk(2, dim=-1).values, cosine.topk(2, dim=-2).values
    rival_in_row = torch.where(cosine == in_row[..., :1], in_row[..., 1:], in_row[..., :1])
    rival_in_column = torch.where(cosine == in_column[..., :1, :], in_column[..., 1:, :], in_column[..., :1, :])
    return cosine - torch.maximum(rival_in_row, rival_in_column) > _TIE


def chance_score(n: int) -> float:
    """Expected score of n sentences whose vectors have no structure: 1 / (2 n - 1).

    C_ii competes with the n - 1 other cosines of its row and the n - 1 of its column, and each of these 2 n - 1 is as likely to
    be the largest.

    Examples
    --------
    >>> round(chance_score(100), 5)
    0.00503
    """
    return 1 / (2 * n - 1)


def pairing_p(nearest: torch.Tensor) -> np.ndarray:
    """One-sided p-values of scores [L]: do more sentences find their translation than find a random one?

    Under the null hypothesis, the translations are assigned to the sentences at random. That moves no cell of
    `nearest_both_ways`; a sentence is aligned if the translation assigned to it lies in such a cell. With M such cells, the
    probability of at least h aligned sentences follows from inclusion and exclusion over permutations with M allowed matches
    (Riordan 1958, An Introduction to Combinatorial Analysis, ch. 7), so that no random draws are needed.

    Parameters
    ----------
    nearest : torch.Tensor
        bool [L, n, n], of `nearest_both_ways`.
    """
    n = nearest.shape[-1]
    hits = nearest.diagonal(dim1=-2, dim2=-1).sum(dim=-1).tolist()
    return np.array([_matches_tail(h, m, n) for h, m in zip(hits, nearest.sum(dim=(-2, -1)).tolist(), strict=True)])


def _matches_tail(h: int, cells: int, n: int) -> float:
    """P(at least h matches) of a random permutation of n with `cells` allowed matches in different rows and columns."""
    if h == 0:
        return 1.0
    j = np.arange(h, cells + 1)
    log_terms = (
        (gammaln(j) - gammaln(h) - gammaln(j - h + 1))
        + (gammaln(cells + 1) - gammaln(j + 1) - gammaln(cells - j + 1))
        + (gammaln(n - j + 1) - gammaln(n + 1))
    )
    return float(np.clip((np.exp(log_terms) * (-1.0) ** (j - h)).sum(), 0, 1))


def mean_pairing_p(nearest: torch.Tensor, seed: int) -> float:
    """`pairing_p` of the mean score over the layers, from `PAIRINGS` random pairings, each the same at all layers.

    The measured pairing counts as one of them, so that p is at least 1 / (`PAIRINGS` + 1) (Phipson and Smyth 2010).
    """
    weights = nearest.sum(dim=0).numpy()
    n = len(weights)
    rows, observed = np.arange(n), int(weights.trace())
    rng = np.random.default_rng(seed)
    reached, left = 1, PAIRINGS
    while left:
        size = min(left, max(1, _BLOCK // n))
        pairings = rng.permuted(np.broadcast_to(rows, (size, n)), axis=1)
        reached += int((weights[rows, pairings].sum(axis=1) >= observed).sum())
        left -= size
    return reached / (PAIRINGS + 1)
