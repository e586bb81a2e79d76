"""The 95 % interval of bootstrap draws, and p-values corrected for asking often: the same for everything that has them."""

import numpy as np


def percentile_interval(drawn: np.ndarray) -> np.ndarray:
    """Low and high end, [2, ...], of the 95 % interval of draws [R, ...].

    Percentiles at rank q (R + 1) of the sorted draws, so that few draws do not narrow the interval.
    """
    return np.percentile(drawn, [2.5, 97.5], axis=0, method="weibull")


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction (Holm 1979)."""
    order = p.argsort()
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return steps[order.argsort()]
