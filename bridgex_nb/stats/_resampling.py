"""Bootstrap intervals and p-values corrected for multiple tests, the same for every result that has them."""

import numpy as np

from ..exceptions import InputError


def check_resamples(resamples: int) -> None:
    """Refuse less than one bootstrap draw, before the expensive work.

    Raises
    ------
    InputError
        If `resamples` is less than 1.
    """
    if resamples < 1:
        raise InputError(f"resamples={resamples}: the intervals need at least one bootstrap draw")


def percentile_interval(draws: np.ndarray) -> np.ndarray:
    """95 % percentile interval of bootstrap draws.

    Parameters
    ----------
    draws : numpy.ndarray
        [R, ...], R draws of each quantity.

    Returns
    -------
    numpy.ndarray
        [2, ...], low and high end.

    Notes
    -----
    Quantile q is the value at rank q (R + 1) of the sorted draws, so that few draws do not make the interval too narrow.

    Examples
    --------
    >>> import numpy as np
    >>> percentile_interval(np.arange(1.0, 200.0)).round(6).tolist()
    [5.0, 195.0]
    """
    return np.percentile(draws, [2.5, 97.5], axis=0, method="weibull")


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for multiple tests by Holm's step-down procedure (Holm 1979).

    Parameters
    ----------
    p : numpy.ndarray
        [M], the p-values of M tests.

    Returns
    -------
    numpy.ndarray
        [M], in the same order, at most 1.

    Examples
    --------
    >>> import numpy as np
    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = p.argsort()
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected[order.argsort()]
