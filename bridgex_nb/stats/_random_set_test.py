"""How far the effect of a set of neurons lies beyond that of random sets."""

import numpy as np

from ._resampling import check_resamples, percentile_interval


def beyond_random(effects: np.ndarray, random_effects: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    """Mean effect of a set of neurons over items, and how far it lies beyond that of random sets.

    Parameters
    ----------
    effects : numpy.ndarray
        [I], the effect of the set on each item.
    random_effects : numpy.ndarray
        [D, I], the effect of each of D random sets.
    resamples : int
        Bootstrap resamples of the items and of the random sets.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to float
        change, low, high; random, random_low, random_high; beyond, beyond_low, beyond_high: mean and 95 % percentile interval
        of the effects, the random effects, and their difference. The same resampled items are used for all three.

    Raises
    ------
    InputError
        If `resamples` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = beyond_random(np.array([1.0, 2.0, 3.0]), np.zeros((2, 3)), resamples=99, seed=0)
    >>> numbers["change"], numbers["random"], numbers["beyond"]
    (2.0, 0.0, 2.0)
    """
    check_resamples(resamples)
    rng = np.random.default_rng(seed)
    num_sets, items = random_effects.shape
    item_weights = rng.multinomial(items, np.full(items, 1 / items), size=resamples).T / items
    set_weights = rng.multinomial(num_sets, np.full(num_sets, 1 / num_sets), size=resamples).T / num_sets
    means, random_means = effects @ item_weights, ((random_effects @ item_weights) * set_weights).sum(axis=0)
    numbers = {}
    for name, mean, resampled in (
        ("change", effects.mean(), means),
        ("random", random_effects.mean(), random_means),
        ("beyond", effects.mean() - random_effects.mean(), means - random_means),
    ):
        prefix = "" if name == "change" else f"{name}_"
        low, high = percentile_interval(resampled)
        numbers |= {name: float(mean), f"{prefix}low": float(low), f"{prefix}high": float(high)}
    return numbers
