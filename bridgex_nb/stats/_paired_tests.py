"""Does the mean of paired differences depart from zero? Two tests, one for right and wrong, one for scores."""

import numpy as np
from scipy.stats import binomtest

#: Random sign changes of `sign_flip_test`; where there are fewer ways to change the signs, all are taken.
SIGN_FLIPS = 9_999


def mcnemar(helped: int, harmed: int) -> float:
    """McNemar's exact two-sided test (1947).

    Parameters
    ----------
    helped, harmed : int
        Items that only the first, and items that only the second, of two methods gets right. Under the null hypothesis, each
        such item is as likely to be of either kind.

    Examples
    --------
    >>> mcnemar(1, 3)
    0.625
    """
    return float(binomtest(helped, helped + harmed).pvalue) if helped + harmed else 1.0


def sign_flip_test(differences: np.ndarray, *, seed: int = 0) -> float:
    """Two-sided paired permutation test (Fisher 1935): could the two sides of each pair just as well be swapped?

    Swapping a pair changes the sign of its difference. p is the share of sign changes whose mean lies at least as far from
    zero as the measured one: of all of them where there are at most `SIGN_FLIPS`, otherwise of that many random ones and the
    measured one (Phipson and Smyth 2010).

    Parameters
    ----------
    differences : numpy.ndarray
        [S], one per pair. Their order makes no difference.
    seed : int
        Of the random sign changes.

    Examples
    --------
    >>> sign_flip_test(np.array([0.1, 0.2, 0.3]))  # two of eight
    0.25
    """
    nonzero = np.sort(differences[differences != 0])
    n = len(nonzero)
    if n == 0:
        return 1.0
    least = abs(nonzero.sum()) - 1e-12 * np.abs(nonzero).sum()  # equal sums may differ by rounding
    if 2**n <= SIGN_FLIPS:
        flipped = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float(np.mean(np.abs(nonzero.sum() - 2 * flipped @ nonzero) >= least))
    rng = np.random.default_rng(seed)
    extreme = 1
    for size in np.diff([*range(0, SIGN_FLIPS, 1000), SIGN_FLIPS]):  # in blocks: [9999, S] may be large
        flipped = rng.integers(0, 2, size=(size, n), dtype=np.int8)
        extreme += int((np.abs(nonzero.sum() - 2 * (flipped @ nonzero)) >= least).sum())
    return extreme / (SIGN_FLIPS + 1)
