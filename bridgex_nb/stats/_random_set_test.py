"""Is the effect of a set of neurons unusual among the effects of random sets?"""

import numpy as np
from scipy.special import stdtrit

from ._resampling import check_resamples, percentile_interval


def beyond_random(effects: np.ndarray, random_effects: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    """Mean effect of a set of neurons over items, and whether it is unusual among random sets.

    Parameters
    ----------
    effects : numpy.ndarray
        [I], the effect of the set on each item.
    random_effects : numpy.ndarray
        [D, I], the effect of each of D random sets, 2 or more. They should be as like the set as can be in all that has nothing
        to do with the question (`random_like`). 99 allow p-values down to 0.01; with 19 the least p is 0.05.
    resamples : int
        Bootstrap resamples of the items.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to float
        change, low, high: the mean effect and its 95 % bootstrap interval over the items.

        random, random_low, random_high: the mean over the random sets, and the range of the middle 95 % of *sets*. With fewer
        than 39 sets it is the range of all of them, in which a further random set lies with probability (D - 1) / (D + 1).

        beyond, beyond_low, beyond_high: change - random, and the 95 % interval of how much more the set does than *one* random
        set. It covers the differences between sets and the choice of items, and takes the effects of random sets to be
        roughly normal. The p-value does not.

        p: two-sided, (1 + D') / (1 + D), where D' random sets are as far as the set, or farther, from the mean of all D + 1.
        It is about sets, on these items.

        random_sets: D.

    Raises
    ------
    InputError
        If `resamples` is less than 1.

    Notes
    -----
    The p-value is exact if the set is a draw like the random ones: it is then equally likely to have any rank (a Monte Carlo
    test, Besag and Clifford 1989). An interval of the random sets' *mean* answers another question. With enough draws,
    hardly any set, random ones included, has the mean effect.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> numbers = beyond_random(rng.normal(3, 1, 50), rng.normal(0, 1, (19, 50)), resamples=99, seed=0)
    >>> numbers["p"], numbers["beyond_low"] > 0
    (0.05, True)
    """
    check_resamples(resamples)
    items = len(effects)
    weights = np.random.default_rng(seed).multinomial(items, np.full(items, 1 / items), size=resamples).T / items
    every = np.vstack([effects, random_effects]).astype(float)
    means = every.mean(axis=1)
    far = np.abs(means - means.mean())
    random_range = percentile_interval(means[1:])
    return _numbers(means[:, None], every @ weights, random_range, float(_at_least(far[0], far).mean()))


def beyond_random_by_group(effects: np.ndarray, resampled: np.ndarray, permutations: int, seed: int) -> dict[str, float]:
    """As `beyond_random`, for the mean of G effects, each with its set and random sets of its own.

    Parameters
    ----------
    effects : numpy.ndarray
        [1 + D, G], for each group the effect of its set, and of its D random sets, 2 or more.
    resampled : numpy.ndarray
        [1 + D, R], mean over the groups of the same, for R bootstrap resamples of the items.
    permutations : int
        Of the p-value, whose least value is 1 / (1 + permutations), and not less than 1 / (1 + D) ** G.
    seed : int

    Returns
    -------
    dict of str to float
        As `beyond_random`. The middle 95 % of random sets are those of the mean over the groups with one random set for each;
        random_sets is D x G.

    Notes
    -----
    Under the null hypothesis each group's set could be any of its 1 + D, whatever the others are, so labels are exchanged
    within groups: with 15 groups, a few draws for each make for billions of exchanges.
    """
    rng = np.random.default_rng(seed)
    sets, groups = effects.shape
    columns = np.arange(groups)
    exchanged = effects[rng.integers(sets, size=(permutations, groups)), columns].mean(axis=1)
    drawn = effects[rng.integers(1, sets, size=(permutations, groups)), columns].mean(axis=1)
    far = np.abs(np.append(effects[0].mean(), exchanged) - effects.mean())
    return _numbers(effects, resampled, percentile_interval(drawn), float(_at_least(far[0], far).mean()))


def _at_least(value: float, others: np.ndarray) -> np.ndarray:
    """Which of `others` are at least `value`; sums of equal numbers in another order are equal."""
    return others >= value - 1e-9 * np.abs(others).max()


def _numbers(effects: np.ndarray, resampled: np.ndarray, random_range: np.ndarray, p: float) -> dict[str, float]:
    """The result, of effects [1 + D, G] and their means over groups for each resample of the items, [1 + D, R]."""
    draws, groups = len(effects) - 1, effects.shape[1]
    own, random = effects[0].mean(), effects[1:].mean()
    # What random sets differ by contains the noise of the items, as the set's own effect does. Where that is noisier than
    # theirs, the rest is added. What items do to all sets alike cancels out.
    spread = effects[1:].var(axis=0, ddof=1) / groups**2
    apart = resampled - resampled[1:].mean(axis=0)
    noisier = max(0.0, apart[0].var() - apart[1:].var(axis=1).mean() * draws / (draws - 1))
    freedom = draws - 1
    if spread.any():
        freedom *= spread.sum() ** 2 / (spread**2).sum()  # Satterthwaite's
    margin = stdtrit(freedom, 0.975) * np.sqrt(spread.sum() * (1 + 1 / draws) + noisier)
    low, high = percentile_interval(resampled[0])
    return {
        "change": float(own),
        "low": float(low),
        "high": float(high),
        "random": float(random),
        "random_low": float(random_range[0]),
        "random_high": float(random_range[1]),
        "beyond": float(own - random),
        "beyond_low": float(own - random - margin),
        "beyond_high": float(own - random + margin),
        "p": p,
        "random_sets": draws * groups,
    }
