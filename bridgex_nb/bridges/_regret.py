"""What a selector of bridges loses against the best bridge: its regret."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..evaluation._answer_table import draw_mean_scores, scores_by_pair
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError
from ..stats._resampling import check_resamples, percentile_interval
from ..utils._run_card import run_card


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
        Bootstrap draws.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One row per selector, in the order of the columns of `scores`, then the oracle, which always knows the best bridge:
        selector, regret with low and high (95 % interval), score (through the chosen bridges, mean over the pairs, 0 to 1),
        lead (score less the baseline's) with lead_low and lead_high, hits (pairs in which the best bridge is chosen), spearman
        (rank correlation between the selector's scores and the scores through the bridges of a pair, mean over the pairs where
        it exists), spearman_pooled (the same over the bridges of all pairs together). The run card is in ``.attrs["card"]``.

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
    of each pair, and twice from that of each draw, which has it twice. A difference that falls below 0 is set to 0. Where
    bridges tie, the estimate catches about half of the bias. `lead` has no maximum in it (except the oracle's) and no such
    bias: it is the number that tells two selectors apart.

    A draw takes pairs with replacement, and items with replacement within each pair; the best bridge is determined again in
    each draw, the choices of the selectors are kept. Drawing both counts the noise of items twice, which makes intervals wide
    where items are few; with few pairs that differ much they are somewhat narrow (about 90 % instead of 95 % for fifteen).
    Pairs count as independent, though they have languages in common.

    Examples
    --------
    >>> scores = {pair: select_bridges(evidence, *pair) for pair in PAIRS}  # doctest: +SKIP
    >>> regret(items, scores).set_index("selector").regret["hsic"]  # doctest: +SKIP
    """
    check_resamples(resamples)
    by_pair = {pair: table.drop(columns=ZERO_SHOT, errors="ignore") for pair, table in scores_by_pair(items).items()}
    selector_scores = {pair: _selector_scores(pair, table, scores) for pair, table in by_pair.items()}
    names = next(iter(selector_scores.values())).columns
    for (src, tgt), table in selector_scores.items():
        if list(table.columns) != list(names):
            raise InputError(f"{src}-{tgt} has scores of {', '.join(table)}, the first pair of {', '.join(names)}")
    if baseline not in names:
        raise InputError(f"the baseline {baseline!r} is not among the selectors {', '.join(names)}")
    rng = np.random.default_rng(seed)
    measured, drawn, hits, spearmans = [], [], [], []
    for pair, item_scores in by_pair.items():
        bridge_scores = item_scores.mean()
        bridge_draws = draw_mean_scores(item_scores, resamples, rng)
        chosen = (selector_scores[pair] == selector_scores[pair].max()).astype(float)
        chosen /= chosen.sum()
        best, best_draws = bridge_scores.max(), bridge_draws.to_numpy().max(axis=1)
        optimism = best_draws.mean() - best
        measured.append([*(bridge_scores @ chosen), best - optimism])
        drawn.append(np.column_stack([bridge_draws @ chosen, best_draws - 2 * optimism]))
        hits.append([*chosen[bridge_scores == best].sum(), 1.0])
        spearmans.append([*selector_scores[pair].rank().corrwith(bridge_scores.rank()), 1.0])
    measured, drawn = np.array(measured), np.stack(drawn, axis=1)  # [P, selectors], [R, P, selectors]
    pairs = len(measured)
    shares = rng.multinomial(pairs, np.full(pairs, 1 / pairs), size=resamples) / pairs
    mean, mean_draws = measured.mean(axis=0), np.einsum("rp,rps->rs", shares, drawn)
    base = names.get_loc(baseline)
    low, high = percentile_interval(mean_draws[:, -1:] - mean_draws)
    lead_low, lead_high = percentile_interval(mean_draws - mean_draws[:, [base]])
    table = pd.DataFrame(
        {
            "selector": [*names, "oracle"],
            "regret": (mean[-1] - mean).clip(min=0),
            "low": low.clip(min=0),
            "high": high.clip(min=0),
            "score": mean,
            "lead": mean - mean[base],
            "lead_low": lead_low,
            "lead_high": lead_high,
            "hits": np.sum(hits, axis=0),
            "spearman": pd.DataFrame(spearmans).mean().to_numpy(),
            "spearman_pooled": [*_pooled_spearman(by_pair, selector_scores), 1.0],
        }
    )
    table.attrs["card"] = _card(items, scores, by_pair, baseline=baseline, resamples=resamples, seed=seed)
    return table


def _selector_scores(
    pair: tuple[str, str], items: pd.DataFrame, scores: Mapping[tuple[str, str], pd.DataFrame]
) -> pd.DataFrame:
    """The selectors' scores of the bridges of a pair, in the order of its items' columns."""
    name = "-".join(pair)
    if pair not in scores:
        raise InputError(f"there are no scores for {name}")
    if items.empty or set(scores[pair].index) != set(items.columns):
        raise InputError(
            f"{name} has scores of {', '.join(scores[pair].index)}, and answers through {', '.join(items) or 'no bridge'}"
        )
    table = scores[pair].loc[items.columns].astype(float)
    if table.isna().any(axis=None):
        selector = table.columns[table.isna().any()][0]
        raise InputError(f"{name}: {selector} has no score (NaN) for a bridge; -inf marks a bridge that is never chosen")
    return table


def _pooled_spearman(by_pair: Mapping, selector_scores: Mapping) -> pd.Series:
    """Rank correlation of each selector's scores with the mean scores through the bridges of all pairs."""
    bridge_scores = pd.concat([by_pair[pair].mean() for pair in selector_scores], ignore_index=True)
    return pd.concat(list(selector_scores.values()), ignore_index=True).rank().corrwith(bridge_scores.rank())


def _card(items: pd.DataFrame, scores: Mapping, pairs: Mapping, **options) -> dict:
    """The run card: what the answers, and the scores where they have cards, were computed from."""
    inputs = {f"scores {src}-{tgt}": scores[src, tgt].attrs.get("card") for src, tgt in pairs}
    inputs["items"] = items.attrs.get("card")
    return run_card("regret", inputs["items"] or {}, options=options, inputs={k: card for k, card in inputs.items() if card})
