"""Between two languages: a bridge is compared with both, and one that nothing is known of is not chosen."""

import warnings
from collections.abc import Callable, Sequence

import pandas as pd


def two_sided(compare: Callable[[str, str], float], src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """Geometric mean of compare(source, bridge) and compare(bridge, target), both 0 or more."""
    return pd.Series({b: (max(0.0, compare(src, b)) * max(0.0, compare(b, tgt))) ** 0.5 for b in bridges})


def undecided(bridges: Sequence[str], why: str) -> pd.Series:
    """The same score for all bridges, and a warning that says why."""
    warnings.warn(why, stacklevel=5)
    return pd.Series(0.0, index=list(bridges))
