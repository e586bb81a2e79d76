"""Every bridge against zero-shot on the same items: what it gains, with its interval and a paired test."""

import numpy as np
import pandas as pd

from ..exceptions import InputError
from ..stats._paired_tests import mcnemar, sign_flip_test
from ..stats._resampling import check_resamples, holm, percentile_interval
from ._answer_table import card_from_items, draw_mean_scores, require_columns, scores_by_pair
from ._plan import ZERO_SHOT


def compare(items: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Every bridge against zero-shot, on the same items.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task: each item of a pair zero-shot and through each of the pair's bridges.
    resamples : int
        Bootstrap draws of the items.
    seed : int
        Of the draws, and of the sign-flip test.

    Returns
    -------
    pandas.DataFrame
        One row per pair and bridge: src, tgt, bridge, n, zero_shot and score (mean score of the items, 0 to 1), gain (their
        difference), low and high (its 95 % interval), helped and harmed (items whose score is higher, and lower, through the
        bridge), p, p_holm (the same, corrected over the rows). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a pair has no zero-shot rows or no bridge, an item was not asked through every bridge of its pair or appears
        twice, or `resamples` is less than 1.

    Notes
    -----
    The bootstrap is paired: an item is drawn with its answers through all bridges. Where answers are right or wrong, p is the
    exact two-sided McNemar test (1947): if the bridge had no effect, an item that only one of the two gets right would be
    equally likely to be won by either. For translation, where the score of an item is its chrF / 100, p is that of a two-sided
    sign-flip permutation test of the mean difference (Fisher 1935): all sign changes for up to 13 items that differ, 9,999
    random ones for more. The mean of sentences' chrF is not the chrF of the set (`translation_scores`). Correction: Holm 1979.

    Examples
    --------
    >>> model = load_model()
    >>> table = compare(answers(model, "bli", core_lexicon("sw", "tl"), [None, "en"]))
    >>> bool(table.gain[0] > 0 and table.p_holm[0] < 0.05)
    True
    """
    check_resamples(resamples)
    rng = np.random.default_rng(seed)
    by_pair = scores_by_pair(items)
    require_columns(items, ["correct"])
    binary = items.correct.notna().all()  # scores of translations may all be 0 too
    rows = []
    for (src, tgt), scores in by_pair.items():
        if ZERO_SHOT not in scores:
            raise InputError(f"{src}-{tgt}: there are no zero-shot answers to compare with; add None to the bridges")
        bridges = scores.columns.drop(ZERO_SHOT)
        if bridges.empty:
            raise InputError(f"{src}-{tgt}: there are only zero-shot answers; add bridges to compare with them")
        drawn = draw_mean_scores(scores, resamples, rng)
        for bridge in bridges:
            difference = (scores[bridge] - scores[ZERO_SHOT]).to_numpy()
            helped, harmed = int((difference > 0).sum()), int((difference < 0).sum())
            p = mcnemar(helped, harmed) if binary else sign_flip_test(difference, seed=seed)
            interval = percentile_interval(drawn[bridge] - drawn[ZERO_SHOT])
            means = scores[ZERO_SHOT].mean(), scores[bridge].mean()
            rows.append((src, tgt, bridge, len(scores), *means, difference.mean(), *interval, helped, harmed, p))
    columns = ["src", "tgt", "bridge", "n", "zero_shot", "score", "gain", "low", "high", "helped", "harmed", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(p_holm=holm(table.p.to_numpy()))
    test = "McNemar, exact" if binary else "sign-flip permutation"
    table.attrs["card"] = card_from_items("compare", items, resamples=resamples, seed=seed, test=test)
    return table
