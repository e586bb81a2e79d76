"""What a study of bridges can decide: is there anything to choose, does it repeat, and what lead would have been seen?"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import nct, t

from ..evaluation._answer_table import card_from_items, draw_mean_scores, scores_by_pair
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError
from ..stats._resampling import check_resamples

#: Power and two-sided level of `detectable_lead`.
POWER, LEVEL = 0.8, 0.05


def headroom(items: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """What a perfect choice of the bridge gains over a random one, and whether that repeats on other items.

    Selectors can only be told apart where bridges differ, and where the differences are not the noise of the items.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task; zero-shot rows are left out.
    resamples : int
        Bootstrap draws, and random splits of the items of each pair into halves.
    seed : int
        Of both.

    Returns
    -------
    pandas.DataFrame
        One row: pairs; headroom with headroom_low and headroom_high (mean score through the best bridge of a pair less the mean
        over its bridges, averaged over the pairs, with its 95 % interval); split_gain with split_low and split_high (the same
        where the best bridge is chosen on half of a pair's items and scored on the other half); reliability (of the bridges'
        scores within pairs, 0 to 1). Scores are shares from 0 to 1, or nats for those of `by_gold_logprob`; what cannot be
        computed is missing (NaN): intervals with one pair, reliability where all bridges score alike. The run card is in
        ``.attrs["card"]``.

    Raises
    ------
    InputError
        If `resamples` is less than 1, a pair has fewer than two items or no bridge, an item was not asked through every bridge
        of its pair, or appears twice.

    Notes
    -----
    The headroom's maximum is corrected for its bias as in `regret`. `split_gain` needs no such correction, for the items
    that choose do not score, but half of the items choose worse than all of them: it errs downwards. `reliability` is the
    correlation of the scores of the bridges on the two halves, each pair's mean subtracted and all pairs taken together,
    averaged over the splits and stepped up to the whole number of items by the Spearman-Brown formula 2 r / (1 + r) (Spearman
    1910, Brown 1910); a negative r counts as 0. Intervals are those of Student's t over the pairs, as in `regret`.

    Examples
    --------
    >>> right = {"en": [1] * 40, "fr": [0] * 40}
    >>> rows = [("sw", "tl", bridge, i, score) for bridge, scores in right.items() for i, score in enumerate(scores)]
    >>> items = pd.DataFrame(rows, columns=["src", "tgt", "bridge", "item", "score"])
    >>> float(headroom(items, resamples=50).headroom[0])
    0.5
    """
    check_resamples(resamples)
    rng = np.random.default_rng(seed)
    heads, gains, halves = [], [], []
    for pair, scores in bridge_scores_by_pair(items).items():
        if len(scores) < 2:
            raise InputError(f"{'-'.join(pair)} has one item; halves need two or more")
        best, _ = corrected_best(scores, draw_mean_scores(scores, resamples, rng))
        heads.append(best - scores.mean().mean())
        first, second = _split(scores.to_numpy(), resamples, rng)
        gains.append(np.mean([_gain(first, second), _gain(second, first)]))
        halves.append([half - half.mean(axis=1, keepdims=True) for half in (first, second)])
    first, second = (np.concatenate(half, axis=1) for half in zip(*halves, strict=True))  # [R, bridges of all pairs]
    norms = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    r = float(np.mean((first * second).sum(axis=1)[norms > 0] / norms[norms > 0])) if norms.any() else float("nan")
    low, high = interval_by_pairs(np.column_stack([heads, gains]))
    table = pd.DataFrame(
        {
            "pairs": [len(heads)],
            "headroom": max(0.0, np.mean(heads)),
            "headroom_low": low[0].clip(min=0),
            "headroom_high": high[0].clip(min=0),
            "split_gain": np.mean(gains),
            "split_low": low[1],
            "split_high": high[1],
            "reliability": 2 * max(r, 0.0) / (1 + max(r, 0.0)) if r == r else r,
        }
    )
    table.attrs["card"] = card_from_items("headroom", items, resamples=resamples, seed=seed)
    return table


def bridge_scores_by_pair(items: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """(src, tgt) -> the scores of its items through its bridges, float [item x bridge], without zero-shot."""
    by_pair = {pair: table.drop(columns=ZERO_SHOT, errors="ignore") for pair, table in scores_by_pair(items).items()}
    for pair, table in by_pair.items():
        if table.empty:
            raise InputError(f"{'-'.join(pair)} was asked through no bridge; nothing can be chosen")
    return by_pair


def corrected_best(scores: pd.DataFrame, draws: pd.DataFrame) -> tuple[float, float]:
    """The highest mean score of the bridges without its bootstrap bias, and as it was measured.

    `scores` [item x bridge], `draws` [R x bridge] mean scores of items drawn again.
    """
    best = scores.mean().max()
    return best - (draws.to_numpy().max(axis=1).mean() - best), best


def interval_by_pairs(values: np.ndarray) -> np.ndarray:
    """95 % interval of the means of `values` [P, ...] over P pairs, Student's t: [2, ...]; missing (NaN) for one pair."""
    pairs = len(values)
    if pairs < 2:
        return np.full((2, *values.shape[1:]), np.nan)
    mean, reach = values.mean(axis=0), t.ppf(1 - LEVEL / 2, pairs - 1) * standard_error(values)
    return np.stack([mean - reach, mean + reach])


def standard_error(values: np.ndarray) -> np.ndarray:
    """Of the means of `values` [P, ...] over P pairs; missing (NaN) for one pair."""
    pairs = len(values)
    return values.std(axis=0, ddof=1) / np.sqrt(pairs) if pairs > 1 else np.full(values.shape[1:], np.nan)


def detectable_lead(values: np.ndarray) -> np.ndarray:
    """The smallest true mean that a t-test over the pairs finds in four of five studies, from leads `values` [P, ...].

    The test is two-sided, at 5 %. Missing (NaN) for one pair, and where the values of all pairs are the same: then nothing is
    known about how much they scatter.
    """
    pairs = len(values)
    if pairs < 2:
        return np.full(values.shape[1:], np.nan)
    bound = t.ppf(1 - LEVEL / 2, pairs - 1)
    # In standard errors. That so large a mean comes out significant on the other side has no probability to speak of.
    shift = brentq(lambda shift: nct.sf(bound, pairs - 1, shift) - POWER, 0, 1 + 1.4 * bound)
    error = standard_error(values)
    return np.where(error > 0, shift * error, np.nan)


def _split(scores: np.ndarray, splits: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mean scores [splits, bridges] of random halves of the items [item, bridge], and of the other halves."""
    items = len(scores)
    size = items // 2
    chosen = rng.permuted(np.tile(np.arange(items) < size, (splits, 1)), axis=1).astype(float)
    total = chosen @ scores
    return total / size, (scores.sum(axis=0) - total) / (items - size)


def _gain(chooses: np.ndarray, scores: np.ndarray) -> float:
    """What the best bridge of one half gains over the mean bridge on the other, both [splits, bridges]; ties are shared."""
    best = np.isclose(chooses, chooses.max(axis=1, keepdims=True), rtol=0, atol=1e-12)
    return float((np.average(scores, axis=1, weights=best) - scores.mean(axis=1)).mean())
