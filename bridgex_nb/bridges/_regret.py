"""What a selector of bridges loses against the best bridge: its regret."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..evaluation._answer_table import draw_mean_scores
from ..exceptions import InputError
from ..stats._paired_tests import sign_flip_test
from ..stats._resampling import check_resamples, holm
from ..utils._run_card import run_card
from ._power import LEVEL, bridge_scores_by_pair, corrected_best, detectable_lead, headroom, interval_by_pairs


def regret(
    items: pd.DataFrame,
    scores: Mapping[tuple[str, str], pd.DataFrame],
    baseline: str = "english",
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """How much is lost by using the bridges that selectors choose instead of the best ones.

    Regret of a selector on a pair = mean score of the answers through the best bridge - mean score through the one it chooses
    (accuracy, or in translation the mean of the sentences' chrF / 100); a selector's regret is the mean over the pairs. Where
    several bridges share the selector's highest score, they are chosen with equal probability and the mean over them counts: a
    selector that cannot decide is one that chooses at random.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task; zero-shot rows are left out.
    scores : mapping of (str, str) to pandas.DataFrame
        (src, tgt) -> the selectors' scores [bridge x selector], for instance of `select_bridges`, with the bridges of the
        pair's items.
    baseline : str
        The selector that all others are compared with.
    resamples : int
        Bootstrap draws of the items, for the bias of the best bridge's score, and random halves of them (`headroom`).
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One row per selector, in the order of the columns of `scores`, then the oracle, which always knows the best bridge:
        selector, regret with low and high (95 % interval), score (through the chosen bridges, mean over the pairs, 0 to 1),
        lead (score less the baseline's) with lead_low and lead_high, detectable (the lead that would have been found with 80 %
        power, two-sided 5 %), p_holm (sign-flip test of the lead, corrected for the number of selectors compared), verdict
        ("better than English", "worse than English" or "not decided here"; the name is the baseline's), decided (pairs in which
        one bridge alone has the selector's highest score), hits (pairs in which the best bridge is chosen) and spearman (rank
        correlation between the selector's scores and the scores through the bridges of a pair, mean over the pairs where it
        exists). Baseline and oracle have no p_holm (NaN) and no verdict (""). Intervals and detectable leads are missing (NaN)
        with one pair, detectable also where the lead is the same in all pairs. The row of `headroom` is in
        ``.attrs["headroom"]``, the scores of each pair in ``.attrs["by_pair"]`` ("sw-tl" -> selector -> score), the run card in
        ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a pair has items but no selector scores, or scores of other bridges, a score is missing, selectors differ between
        pairs, the baseline is not among them, an item was not asked through every bridge of its pair or appears
        twice, or `resamples` is less than 1.

    Notes
    -----
    The highest of several measured mean scores exceeds that of the truly best bridge, the more so the closer the bridges are:
    taken as it is, it makes every regret too large, by the same amount. How much a maximum rises when the items are drawn again
    is the bootstrap estimate of that bias (Efron and Tibshirani 1993, section 10.3); it is subtracted from the best mean score
    of each pair. A difference that falls below 0 is set to 0. Where bridges tie, the estimate catches about half of the bias.
    `lead` has no maximum in it (except the oracle's) and no such bias: it is the number that tells two selectors apart.

    Intervals are those of Student's t over the pairs: pairs are the unit, and the noise of a pair's items is in its value
    already. In simulations of fifteen pairs they contain the true lead in 94 to 96 % of studies where a selector's choices
    differ from the baseline's in most pairs, against 90 to 93 % for percentiles, 92 to 97 % for the studentised bootstrap and
    89 to 93 % for BCa. Where choices agree in most pairs, nearly all leads are 0 and no interval is exact (t: about 90 %). What
    is left of the bias of the best bridge shifts the intervals of the regret: where bridges are close, they contain the truth
    in 85 to 90 %.

    The verdict rests on a test that is exact: if selector and baseline were equally good, the signs of the leads could just as
    well be exchanged (`sign_flip_test`, Holm-corrected at 5 %). So an interval may lie on one side of 0 and the verdict still
    be "not decided here". `detectable` belongs to one selector tested by itself, with the scatter between pairs measured here.
    Pairs count as independent, though they have languages in common.

    Examples
    --------
    >>> scores = {pair: select_bridges(evidence, *pair) for pair in PAIRS}  # doctest: +SKIP
    >>> regret(items, scores).set_index("selector").regret["hsic"]  # doctest: +SKIP
    """
    check_resamples(resamples)
    by_pair = bridge_scores_by_pair(items)
    selector_scores = {pair: _selector_scores(pair, table, scores) for pair, table in by_pair.items()}
    names = next(iter(selector_scores.values())).columns
    for (src, tgt), table in selector_scores.items():
        if list(table.columns) != list(names):
            raise InputError(f"{src}-{tgt} has scores of {', '.join(table)}, the first pair of {', '.join(names)}")
    if baseline not in names:
        raise InputError(f"the baseline {baseline!r} is not among the selectors {', '.join(names)}")
    rng = np.random.default_rng(seed)
    measured, decided, hits, spearmans = [], [], [], []
    for pair, item_scores in by_pair.items():
        bridge_scores = item_scores.mean()
        best, measured_best = corrected_best(item_scores, draw_mean_scores(item_scores, resamples, rng))
        highest = (selector_scores[pair] == selector_scores[pair].max()).astype(float)
        chosen = highest / highest.sum()
        measured.append([*(bridge_scores @ chosen), best])
        decided.append([*(highest.sum() == 1), True])
        hits.append([*chosen[bridge_scores == measured_best].sum(), 1.0])
        spearmans.append([*selector_scores[pair].rank().corrwith(bridge_scores.rank()), 1.0])
    scored = np.array(measured)  # [P, selectors and the oracle]
    lost = scored[:, [-1]] - scored
    leads = np.round(scored - scored[:, [names.get_loc(baseline)]], 12)  # the same choice is the same score
    (low, high), (lead_low, lead_high) = interval_by_pairs(lost), interval_by_pairs(leads)
    table = pd.DataFrame(
        {
            "selector": [*names, "oracle"],
            "regret": lost.mean(axis=0).clip(min=0),
            "low": low.clip(min=0),
            "high": high.clip(min=0),
            "score": scored.mean(axis=0),
            "lead": leads.mean(axis=0),
            "lead_low": lead_low,
            "lead_high": lead_high,
            "detectable": detectable_lead(leads),
            **_verdicts(leads, [*names, "oracle"], baseline, seed),
            "decided": np.sum(decided, axis=0),
            "hits": np.sum(hits, axis=0),
            "spearman": pd.DataFrame(spearmans).mean().to_numpy(),
        }
    )
    rows = [dict(zip(table.selector, of_pair, strict=True)) for of_pair in scored.tolist()]
    table.attrs["by_pair"] = dict(zip(map("-".join, by_pair), rows, strict=True))
    room = headroom(items, resamples=resamples, seed=seed)
    table.attrs["headroom"] = {name: room[name].item() for name in room}
    table.attrs["card"] = _card(items, scores, by_pair, baseline=baseline, resamples=resamples, seed=seed)
    return table


def _verdicts(leads: np.ndarray, names: list[str], baseline: str, seed: int) -> dict[str, np.ndarray | list[str]]:
    """Corrected p-values and verdicts from leads [P, selectors and the oracle]; the oracle and the baseline have none."""
    compared = [i for i, name in enumerate(names[:-1]) if name != baseline]
    p_holm = np.full(len(names), np.nan)
    p_holm[compared] = holm(np.array([sign_flip_test(leads[:, i], seed=seed) for i in compared]))
    than = "English" if baseline == "english" else baseline
    verdict = [""] * len(names)
    for i in compared:
        side = "better" if leads[:, i].mean() > 0 else "worse"
        verdict[i] = f"{side} than {than}" if p_holm[i] < LEVEL else "not decided here"
    return {"p_holm": p_holm, "verdict": verdict}


def _selector_scores(
    pair: tuple[str, str], items: pd.DataFrame, scores: Mapping[tuple[str, str], pd.DataFrame]
) -> pd.DataFrame:
    """The selectors' scores of the bridges of a pair, in the order of its items' columns."""
    name = "-".join(pair)
    if pair not in scores:
        raise InputError(f"there are no scores for {name}")
    if set(scores[pair].index) != set(items.columns):
        raise InputError(f"{name} has scores of {', '.join(scores[pair].index)}, and answers through {', '.join(items)}")
    table = scores[pair].loc[items.columns].astype(float)
    if table.isna().any(axis=None):
        selector = table.columns[table.isna().any()][0]
        raise InputError(f"{name}: {selector} has no score (NaN) for a bridge; -inf marks a bridge that is never chosen")
    return table


def _card(items: pd.DataFrame, scores: Mapping, pairs: Mapping, **options) -> dict:
    """The run card: what the answers, and the scores where they have cards, were computed from."""
    inputs = {f"scores {src}-{tgt}": scores[src, tgt].attrs.get("card") for src, tgt in pairs}
    inputs["items"] = items.attrs.get("card")
    return run_card("regret", inputs["items"] or {}, options=options, inputs={k: card for k, card in inputs.items() if card})
