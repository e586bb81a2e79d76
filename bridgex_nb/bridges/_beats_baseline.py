"""Does any selector beat always-English on pairs that it was not tuned on?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..datasets._languages import language
from ..exceptions import InputError
from ..stats._paired_tests import sign_flip_test
from ..stats._resampling import check_resamples, holm, percentile_interval
from ..utils._run_card import run_card
from ._power import LEVEL

#: The row of the selector that did best on the other pairs, pair by pair.
BEST_ELSEWHERE = "best on the other pairs"


def beats_baseline(
    board: pd.DataFrame,
    tuned: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    baseline: str = "english",
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Which selectors lose less than always-English, on pairs that they were not tuned on: yes or no.

    The best of many selectors looks better than it is, on the pairs on which it was found to be the best. So the last row is of
    a rule that sees no answer of the pair on which it is judged: on each pair, take the selector with the highest mean score on
    the other pairs (the mean over those that share it). It says whether one may pick a selector by such a board and do better
    than the baseline on a new pair.

    Parameters
    ----------
    board : pandas.DataFrame
        Of `leaderboard` or `regret`, also as `read_leaderboards` reads it.
    tuned : mapping of str to sequence of (str, str), optional
        Selector -> pairs that it was made or found on, for instance by a search. They do not count for it, and on them the last
        row does not take it.
    baseline : str
        The selector that the others are compared with.
    resamples : int
        Bootstrap draws of the pairs.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One row per selector but baseline, `random` and oracle, in the order of the board, then "best on the other pairs":
        selector, pairs (that count), difference (the selector's regret less the baseline's: below 0, it is better) with low and
        high (95 % interval, paired bootstrap over the pairs), p_holm (sign-flip test; corrected for the number of selectors,
        and in the last row for none), beats ("yes" if the interval is below 0 and p_holm below 0.05, otherwise "no"). The run
        card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the board has no scores by pair, the baseline or a tuned selector is not on it, a tuned pair is not one of two known
        languages, or `resamples` is less than 1.

    Notes
    -----
    "No" means: not shown with these pairs; the board's `detectable` says what could have been. Of fifteen pairs, percentile
    intervals contain the truth a little too seldom (90 to 93 %, see `regret`), so that "yes" needs the exact test too. With
    fewer than six pairs that test cannot say yes. Pairs have languages in common but count as independent.

    Examples
    --------
    >>> beats_baseline(leaderboard(evidence, items)).set_index("selector").beats  # doctest: +SKIP
    """
    check_resamples(resamples)
    if "by_pair" not in board.attrs:
        raise InputError("the board has no scores by pair; take a table of `leaderboard` or `regret`, or read_leaderboards")
    scores = pd.DataFrame(board.attrs["by_pair"]).T  # [pair x selector]
    tuned = {} if tuned is None else tuned
    for name in (baseline, *tuned):
        if name not in scores or name == "oracle":
            raise InputError(f"{name!r} is not a selector on the board: {', '.join(scores.drop(columns='oracle'))}")
    names = [name for name in board.selector if name not in (baseline, "random", "oracle")]
    out = pd.DataFrame(False, index=scores.index, columns=scores.columns)
    for name, pairs in tuned.items():
        for src, tgt in pairs:
            pair = f"{language(src).code}-{language(tgt).code}"
            if pair in out.index:
                out.loc[pair, name] = True
    differences = (-scores.sub(scores[baseline], axis=0)).round(12)  # the same choice is the same score
    rows = [differences[name][~out[name]].to_numpy() for name in names]
    rows.append(_best_elsewhere(scores, out, [*names, baseline]) if len(scores) > 1 else np.zeros(0))
    rng = np.random.default_rng(seed)
    table = pd.DataFrame([_row(values, resamples, rng, seed) for values in rows])
    table.insert(0, "selector", [*names, BEST_ELSEWHERE])
    tested = table.p[:-1].notna().to_numpy().nonzero()[0]
    p_holm = table.p.to_numpy(dtype=float, copy=True)
    p_holm[tested] = holm(p_holm[tested])
    table["p_holm"] = p_holm
    table["beats"] = np.where((table.high < 0) & (table.p_holm < LEVEL), "yes", "no")
    options = {"baseline": baseline, "resamples": resamples, "seed": seed}
    options["tuned"] = {name: [list(pair) for pair in pairs] for name, pairs in tuned.items()}
    source = board.attrs.get("card")
    inputs = {"board": source} if source else None
    table = table.drop(columns="p")
    table.attrs["card"] = run_card("beats_baseline", source or {}, options=options, inputs=inputs)
    return table


def _best_elsewhere(scores: pd.DataFrame, out: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Baseline's score less that of the selectors with the highest mean score on the other pairs, [pairs].

    The baseline is the last of the names. Selectors are compared by the mean over the pairs that they were not tuned on.
    """
    kept = scores[names].mask(out[names])
    values = []
    for pair in scores.index:
        elsewhere = kept.drop(pair).mean()
        elsewhere = elsewhere[~out.loc[pair, names]]
        best = elsewhere.index[np.isclose(elsewhere, elsewhere.max(), rtol=0, atol=1e-12)]
        values.append(scores.loc[pair, names[-1]] - scores.loc[pair, best].mean())
    return np.round(values, 12)


def _row(values: np.ndarray, resamples: int, rng: np.random.Generator, seed: int) -> dict[str, float]:
    """Mean, interval and p-value of differences by pair, [pairs]; missing (NaN) where there are too few."""
    count = len(values)
    low, high, p = (float("nan"),) * 3
    if count > 1:
        draws = rng.multinomial(count, np.full(count, 1 / count), size=resamples) / count
        low, high = percentile_interval(draws @ values)
        p = sign_flip_test(values, seed=seed)
    mean = float(values.mean()) if count else float("nan")
    return {"pairs": count, "difference": mean, "low": float(low), "high": float(high), "p": p}
