"""How far a number lies beyond what random sets of neurons give."""

import numpy as np

from ._resampling import percentile_interval


def beyond_random(own: np.ndarray, random: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    """The mean of a number over items, and how far it lies beyond the same for random sets.

    Parameters
    ----------
    own : numpy.ndarray
        [I], what a set does to each item.
    random : numpy.ndarray
        [D, I], what each random set does.
    resamples : int
        Bootstrap resamples, of the items and of the draws.
    seed : int

    Returns
    -------
    dict of str to float
        change, low, high; random, random_low, random_high; beyond, beyond_low, beyond_high: mean and 95 % percentile interval
        of own, random, and own - random.
    """
    rng = np.random.default_rng(seed)
    draws, items = random.shape
    weights = rng.multinomial(items, np.full(items, 1 / items), size=resamples).T / items
    drawn = rng.multinomial(draws, np.full(draws, 1 / draws), size=resamples).T / draws
    one, other = own @ weights, ((random @ weights) * drawn).sum(axis=0)
    numbers = {}
    for name, point, some in (
        ("change", own.mean(), one),
        ("random", random.mean(), other),
        ("beyond", own.mean() - random.mean(), one - other),
    ):
        start = "" if name == "change" else f"{name}_"
        low, high = percentile_interval(some)
        numbers |= {name: float(point), f"{start}low": float(low), f"{start}high": float(high)}
    return numbers
