"""Kendall's coefficient of concordance: how much several rankings of the same things agree."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ..exceptions import InputError


def kendall_w(scores: ArrayLike) -> float:
    """Kendall's W of several rankings, from 0 (none agree) to 1 (all are the same), corrected for ties.

    Parameters
    ----------
    scores : array_like
        [M, B], scores or ranks of B things by M judges; equal scores share their ranks.

    Returns
    -------
    float
        Missing (NaN) if no judge tells any two things apart.

    Raises
    ------
    InputError
        If there are fewer than two judges or two things, or a score is missing.

    Notes
    -----
    Kendall and Babington Smith 1939, with the usual correction for ties (Siegel and Castellan 1988, section 9.3): W = 12 S /
    (M^2 (B^3 - B) - M T), where S is the sum of squared deviations of the B sums of ranks from their mean, and T the sum of
    t^3 - t over all groups of t equal scores of a judge. Independent judges have an expectation of 1 / M.

    Examples
    --------
    >>> kendall_w([[1, 2, 3], [10, 20, 30]])
    1.0
    >>> kendall_w([[1, 2, 3], [3, 2, 1]])
    0.0
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 2 or min(values.shape) < 2:
        raise InputError(f"kendall_w needs [judges, things], two or more of both; this is {list(values.shape)}")
    if np.isnan(values).any():
        raise InputError("kendall_w needs a score of every thing by every judge; some are missing (NaN)")
    judges, things = values.shape
    ranks = rankdata(values, axis=1)
    sums = ranks.sum(axis=0)
    ties = sum(float((counts**3 - counts).sum()) for counts in (np.unique(row, return_counts=True)[1] for row in ranks))
    largest = judges**2 * (things**3 - things) - judges * ties
    return float(12 * ((sums - sums.mean()) ** 2).sum() / largest) if largest else float("nan")
