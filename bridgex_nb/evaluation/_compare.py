"""Every bridge against zero-shot, or one way of asking against another, on the same items: gain, interval and paired test."""

import numpy as np
import pandas as pd

from ..exceptions import InputError
from ..stats._paired_tests import mcnemar, sign_flip_test
from ..stats._resampling import check_resamples, holm, percentile_interval
from ..utils._run_card import run_card
from ._answer_table import card_from_items, draw_mean_scores, require_columns, scores_by_pair
from ._plan import ZERO_SHOT


def compare(items: pd.DataFrame, baseline: pd.DataFrame | None = None, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Every bridge against zero-shot, or every row against the same row of another table, on the same items.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task: each item of a pair zero-shot and through each of the pair's bridges. With `shots`, all
        of them have the same examples, so that what is compared is still the bridge alone.
    baseline : pandas.DataFrame, optional
        Rows of `answers` to compare with, bridge by bridge and zero-shot with zero-shot: for instance without examples, where
        `items` has some, or of another model. It may have more items (those that examples give away), not fewer.
    resamples : int
        Bootstrap draws of the items.
    seed : int
        Of the draws, and of the sign-flip test.

    Returns
    -------
    pandas.DataFrame
        One row per pair and bridge, with a `baseline` also one for zero-shot: src, tgt, bridge, n, zero_shot (or baseline) and
        score (mean score of the items, 0 to 1), gain (their difference), low and high (its 95 % interval), helped and harmed
        (items whose score is higher, and lower, than in what is compared with), p, p_holm (the same, corrected over the rows).
        The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a pair has no zero-shot rows or no bridge, an item was not asked through every bridge of its pair or appears
        twice, `baseline` lacks a pair, a bridge or an item, or `resamples` is less than 1.

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
    sides = [items] if baseline is None else [items, baseline]
    if baseline is not None:
        require_columns(baseline, ["correct"])
    binary = all(side.correct.notna().all() for side in sides)  # scores of translations may all be 0 too
    against = {} if baseline is None else scores_by_pair(baseline)
    rows = []
    for (src, tgt), scores in by_pair.items():
        wide, contrasts = _contrasts(src, tgt, scores, baseline is not None, against.get((src, tgt)))
        drawn = draw_mean_scores(wide, resamples, rng)
        for bridge, left, right in contrasts:
            difference = (wide[left] - wide[right]).to_numpy()
            helped, harmed = int((difference > 0).sum()), int((difference < 0).sum())
            p = mcnemar(helped, harmed) if binary else sign_flip_test(difference, seed=seed)
            interval = percentile_interval(drawn[left] - drawn[right])
            means = wide[right].mean(), wide[left].mean()
            rows.append((src, tgt, bridge, len(wide), *means, difference.mean(), *interval, helped, harmed, p))
    other = "zero_shot" if baseline is None else "baseline"
    columns = ["src", "tgt", "bridge", "n", other, "score", "gain", "low", "high", "helped", "harmed", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(p_holm=holm(table.p.to_numpy()))
    options = {"resamples": resamples, "seed": seed, "test": "McNemar, exact" if binary else "sign-flip permutation"}
    table.attrs["card"] = card_from_items("compare", items, **options)
    if baseline is not None:
        inputs = {"items": items.attrs.get("card"), "baseline": baseline.attrs.get("card")}
        source, inputs = inputs["items"] or {}, {name: card for name, card in inputs.items() if card}
        table.attrs["card"] = run_card("compare", source, options=options, inputs=inputs)
    return table


def _contrasts(
    src: str, tgt: str, scores: pd.DataFrame, paired: bool, against: pd.DataFrame | None
) -> tuple[pd.DataFrame, list[tuple]]:
    """Scores [item x column] of a pair, and (bridge, its column, the column that it is compared with)."""
    if not paired:
        if ZERO_SHOT not in scores:
            raise InputError(f"{src}-{tgt}: there are no zero-shot answers to compare with; add None to the bridges")
        bridges = scores.columns.drop(ZERO_SHOT)
        if bridges.empty:
            raise InputError(f"{src}-{tgt}: there are only zero-shot answers; add bridges to compare with them")
        return scores, [(bridge, bridge, ZERO_SHOT) for bridge in bridges]
    if against is None:
        raise InputError(f"the baseline has no answers of {src}-{tgt}")
    if lacking := [bridge for bridge in scores if bridge not in against]:
        raise InputError(f"{src}-{tgt}: the baseline has no answers through {', '.join(lacking)}")
    if lacking := [item for item in scores.index if item not in against.index]:
        raise InputError(f"{src}-{tgt}: the baseline lacks {len(lacking)} of the {len(scores)} items, such as {lacking[0]!r}")
    wide = scores.join(against.loc[scores.index, list(scores)].add_prefix("baseline "))
    return wide, [(bridge, bridge, f"baseline {bridge}") for bridge in scores]
