"""What a selector of bridges loses against the best bridge: its regret."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..evaluation._compare import _by_pair, _draw_accuracies
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError
from ..stats._resampling import percentile_interval


def regret(
    items: pd.DataFrame,
    scores: Mapping[tuple[str, str], pd.DataFrame],
    baseline: str = "english",
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """How much accuracy is lost by using the bridges that selectors choose instead of the best ones.

    Regret of a selector on a pair = accuracy of the best bridge - accuracy of the one it chooses; a selector's regret is the
    mean over the pairs. Where several bridges share the highest score, they are chosen with equal probability and the mean of
    their accuracies counts: a selector that cannot decide is one that chooses at random.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task; zero-shot rows are not looked at.
    scores : mapping of (str, str) to pandas.DataFrame
        (src, tgt) -> [bridge x selector], for instance of `select_bridges`, with the bridges of the pair's items.
    baseline : str
        The selector that all others are compared with.
    resamples : int
        Bootstrap draws.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        A row a selector, in the order of the columns of the scores, then the oracle, which always knows the best: selector,
        regret with low and high (95 % interval), accuracy (of the chosen bridges, mean over the pairs), lead (accuracy less
        the baseline's) with lead_low and lead_high, hits (pairs in which the best bridge is chosen), spearman (rank
        correlation of scores and accuracies of the bridges of a pair, mean over the pairs where it exists), spearman_pooled
        (the same over the bridges of all pairs together).

    Raises
    ------
    InputError
        If a pair has items and no scores or other bridges than them, a score is missing, selectors differ between pairs, the
        baseline is not among them, an item is not there for every bridge of its pair, or stands twice.

    Notes
    -----
    The highest of several measured accuracies lies above the accuracy of the truly best bridge, the more so the closer the
    bridges are: taken as it is, it makes every regret too large, by the same amount. How much a maximum rises when the items
    are drawn again is the bootstrap estimate of that bias (Efron and Tibshirani 1993, section 10.3); it is taken off the best
    accuracy of each pair, and twice off that of each draw, which has it twice. What is left may fall below 0 and is then 0.
    Where bridges tie, the estimate catches about half of the bias. `lead` holds no maximum (but the oracle's) and no such
    bias: it is the number that tells two selectors apart.

    A draw takes pairs with replacement, and items with replacement within each pair; the best bridge is found anew in each
    draw, the choices of the selectors are held. Drawing both counts the noise of items twice, which makes intervals wide where
    items are few; with few pairs that differ much they are somewhat narrow (about 90 % instead of 95 % for fifteen). Pairs
    count as independent, though they have languages in common.

    Examples
    --------
    >>> scores = {pair: select_bridges(evidence, *pair) for pair in PAIRS}  # doctest: +SKIP
    >>> regret(items, scores).set_index("selector").regret["hsic"]  # doctest: +SKIP
    """
    by_pair = {pair: right.drop(columns=ZERO_SHOT, errors="ignore") for pair, right in _by_pair(items).items()}
    scores = {pair: _scores_of(pair, right, scores) for pair, right in by_pair.items()}
    names = next(iter(scores.values())).columns
    for (src, tgt), one in scores.items():
        if list(one.columns) != list(names):
            raise InputError(f"{src}-{tgt} has scores of {', '.join(one)}, the first pair of {', '.join(names)}")
    if baseline not in names:
        raise InputError(f"the baseline {baseline!r} is not among the selectors {', '.join(names)}")
    rng = np.random.default_rng(seed)
    measured, drawn, hits, spearmans = [], [], [], []
    for pair, right in by_pair.items():
        accuracy = right.mean()
        again = _draw_accuracies(right, resamples, rng)[right.columns]
        chosen = (scores[pair] == scores[pair].max()).astype(float)
        chosen /= chosen.sum()
        best, best_again = accuracy.max(), again.to_numpy().max(axis=1)
        optimism = best_again.mean() - best
        measured.append([*(accuracy @ chosen), best - optimism])
        drawn.append(np.column_stack([again @ chosen, best_again - 2 * optimism]))
        hits.append([*chosen[accuracy == best].sum(), 1.0])
        spearmans.append([*scores[pair].rank().corrwith(accuracy.rank()), 1.0])
    measured, drawn = np.array(measured), np.stack(drawn, axis=1)  # [P, selectors], [R, P, selectors]
    pairs = len(measured)
    shares = rng.multinomial(pairs, np.full(pairs, 1 / pairs), size=resamples) / pairs
    mean, means = measured.mean(axis=0), np.einsum("rp,rps->rs", shares, drawn)
    base = names.get_loc(baseline)
    low, high = percentile_interval(means[:, -1:] - means)
    lead_low, lead_high = percentile_interval(means - means[:, [base]])
    return pd.DataFrame(
        {
            "selector": [*names, "oracle"],
            "regret": (mean[-1] - mean).clip(min=0),
            "low": low.clip(min=0),
            "high": high.clip(min=0),
            "accuracy": mean,
            "lead": mean - mean[base],
            "lead_low": lead_low,
            "lead_high": lead_high,
            "hits": np.sum(hits, axis=0),
            "spearman": pd.DataFrame(spearmans).mean().to_numpy(),
            "spearman_pooled": [*_pooled_spearman(by_pair, scores), 1.0],
        }
    )


def _scores_of(pair: tuple[str, str], right: pd.DataFrame, scores: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Scores of the bridges of a pair, in the order of its items' columns."""
    name = "-".join(pair)
    if pair not in scores:
        raise InputError(f"there are no scores for {name}")
    if right.empty or set(scores[pair].index) != set(right.columns):
        raise InputError(
            f"{name} has scores of {', '.join(scores[pair].index)}, and answers through {', '.join(right) or 'no bridge'}"
        )
    one = scores[pair].loc[right.columns].astype(float)
    if one.isna().any(axis=None):
        raise InputError(f"{name}: {one.columns[one.isna().any()][0]} has no score (NaN) for a bridge; -inf is never chosen")
    return one


def _pooled_spearman(by_pair: Mapping, scores: Mapping) -> pd.Series:
    """Rank correlation of each selector's scores with accuracy over the bridges of all pairs."""
    accuracy = pd.concat([by_pair[pair].mean() for pair in scores], ignore_index=True)
    return pd.concat(list(scores.values()), ignore_index=True).rank().corrwith(accuracy.rank())
