"""What a router of items loses against the best bridge of each item, and gains over one bridge for all items of a pair."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..evaluation._answer_table import card_from_items, draw_mean_scores, require_columns, scores_by_pair
from ..evaluation._combine import path_logprobs
from ..exceptions import InputError
from ..stats._paired_tests import sign_flip_test
from ..stats._resampling import check_resamples, holm
from ._power import LEVEL, corrected_best, interval_by_pairs
from ._route import ROUTER, route

#: Ways of choosing for each item or pair, besides combinations and one bridge for all pairs.
STRATEGIES = ("oracle", ROUTER, "dealt", "surest", "best", "elsewhere", "random")


def routing_regret(
    items: pd.DataFrame,
    calibration: pd.DataFrame | None = None,
    *,
    combined: Sequence[pd.DataFrame] = (),
    baseline: str = "best",
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """How much is lost by `route`, by combinations of bridges and by one bridge for all, against the best bridge of each item.

    Parameters
    ----------
    items, calibration
        As in `route`.
    combined : sequence of pandas.DataFrame
        Results of `combine` or `max_ensemble` for the same items, each a row of the result.
    baseline : str
        The strategy that the others are compared with. "dealt" asks whether the router's confidences say anything of an item.
    resamples : int
        Bootstrap draws of the items, for the bias of the best bridge's score.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One row per strategy: strategy, score (mean over the pairs), regret (the oracle's score less this) with low and high
        (95 % interval), lead (score less the baseline's) with lead_low and lead_high, p_holm (sign-flip test of the lead over
        the pairs, corrected for the number of strategies compared) and verdict ("better than best", "worse than best" or "not
        decided here"; the name is the baseline's). Compared are those that could be used: router, surest, the combinations and
        elsewhere; the other rows have no p_holm (NaN) and no verdict (""). Zero-shot counts as a bridge where it was asked. The
        strategies:

        - ``oracle``: the best bridge of each item, known from its scores;
        - ``router``: `route`;
        - ``dealt``: the bridges that the router takes in a pair, as often as it takes them, dealt out to the pair's items at
          random: a router that knows nothing of the item;
        - ``surest``: the bridge with the surest answer, as in `combine`, without calibration;
        - the combinations, by their names;
        - ``best``: one bridge for all items of a pair, the best one for these very items, its score corrected as in `regret`;
        - ``elsewhere``: one bridge for all items of a pair, the best one on the other pairs (or on `calibration`);
        - each bridge that all pairs were asked through;
        - ``random``: a bridge at random for each item.

        Intervals are missing (NaN) with one pair. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        As `route`, and if a combination lacks a pair or an item, `baseline` is not among the strategies, or `resamples` is less
        than 1.

    Notes
    -----
    The oracle of the items takes the best of several answers that are fixed, so nothing is subtracted from it; it also takes
    what is right by luck, and no router reaches it. Pairs are the unit, intervals are those of Student's t, as in `regret`.

    Examples
    --------
    >>> lexicons = [core_lexicon(*pair).sample(30) for pair in (("sw", "tl"), ("ar", "he"), ("zh", "he"))]
    >>> items = answers(load_model(), "bli", lexicons, [None, "en", "fr"])
    >>> table = routing_regret(items, combined=[combine(items, ["en", "fr"])], resamples=200).set_index("strategy")
    >>> bool(table.score["oracle"] > table.score["router"] > table.score["random"])
    True
    """
    check_resamples(resamples)
    by_pair, routed = scores_by_pair(items), route(items, calibration)
    rng = np.random.default_rng(seed)
    common = [bridge for bridge in next(iter(by_pair.values())) if all(bridge in scores for scores in by_pair.values())]
    together = {str(table.bridge.iloc[0]): _scores_of(table, by_pair) for table in combined}
    names = [*STRATEGIES[:4], *together, *STRATEGIES[4:6], *common, STRATEGIES[6]]
    if baseline not in names:
        raise InputError(f"the baseline {baseline!r} is not among the strategies {', '.join(names)}")
    if len(together) < len(combined):
        raise InputError(f"two combinations have the same name; there are {', '.join(together)}")
    surest = _surest(items)
    rows = []
    for pair, scores in by_pair.items():
        means = scores.mean()
        shares = routed.route[(routed.src == pair[0]) & (routed.tgt == pair[1])].value_counts(normalize=True)
        others = {other: table for other, table in by_pair.items() if other != pair}
        if calibration is not None:
            others = scores_by_pair(calibration)
        best, _ = corrected_best(scores, draw_mean_scores(scores, resamples, rng))
        mine = {
            "oracle": scores.max(axis=1).mean(),
            ROUTER: routed.score[(routed.src == pair[0]) & (routed.tgt == pair[1])].mean(),
            "dealt": (shares * means[shares.index]).sum(),
            "surest": surest[pair],
            "best": best,
            "elsewhere": means[_best_elsewhere(list(scores), others)].mean(),
            "random": means.mean(),
        }
        mine |= {name: found[pair] for name, found in together.items()} | means[common].to_dict()
        rows.append([mine[name] for name in names])
    scored = np.array(rows, dtype=float)  # [P, strategies]
    lost = scored[:, [0]] - scored
    leads = np.round(scored - scored[:, [names.index(baseline)]], 12)  # the same choice is the same score
    (low, high), (lead_low, lead_high) = interval_by_pairs(lost), interval_by_pairs(leads)
    compared = [i for i, name in enumerate(names) if name in (ROUTER, "surest", *together, "elsewhere") and name != baseline]
    p_holm = np.full(len(names), np.nan)
    p_holm[compared] = holm(np.array([sign_flip_test(leads[:, i], seed=seed) for i in compared]))
    table = pd.DataFrame(
        {
            "strategy": names,
            "score": scored.mean(axis=0),
            "regret": lost.mean(axis=0),
            "low": low.clip(min=0),
            "high": high,
            "lead": leads.mean(axis=0),
            "lead_low": lead_low,
            "lead_high": lead_high,
            "p_holm": p_holm,
            "verdict": [_verdict(lead, p, baseline) for lead, p in zip(leads.mean(axis=0), p_holm, strict=True)],
        }
    )
    options = {"combined": list(together), "baseline": baseline, "resamples": resamples, "seed": seed}
    options["calibration"] = "the other pairs" if calibration is None else "given"
    table.attrs["card"] = card_from_items("routing_regret", items, **options)
    return table


def _verdict(lead: float, p: float, baseline: str) -> str:
    if np.isnan(p):
        return ""
    return f"{'better' if lead > 0 else 'worse'} than {baseline}" if p < LEVEL else "not decided here"


def _scores_of(table: pd.DataFrame, by_pair: dict[tuple[str, str], pd.DataFrame]) -> dict[tuple[str, str], float]:
    """The mean score of a combination on each pair, for the same items."""
    require_columns(table, ("src", "tgt", "bridge", "item", "score"))
    name = table.bridge.iloc[0]
    scores = {}
    for pair, expected in by_pair.items():
        rows = table[(table.src == pair[0]) & (table.tgt == pair[1])]
        if sorted(rows["item"].astype(str)) != sorted(expected.index.astype(str)):
            raise InputError(
                f"{name!r} has {len(rows)} answers of {'-'.join(pair)}, the items are {len(expected)}: combine these"
            )
        scores[pair] = float(rows.score.mean())
    return scores


def _surest(items: pd.DataFrame) -> dict[tuple[str, str], float]:
    """The mean score of each pair's surest answers."""
    rows = items.reset_index(drop=True).assign(sure=path_logprobs(items).to_numpy())
    first = rows.loc[rows.groupby(["src", "tgt", "item"], sort=False).sure.idxmax()]
    return first.groupby(["src", "tgt"]).score.mean().to_dict()


def _best_elsewhere(bridges: list[str], others: dict[tuple[str, str], pd.DataFrame]) -> list[str]:
    """The bridges of a pair with the highest mean lead over random on other pairs; all of them if none was asked there."""
    leads = pd.DataFrame([scores.mean() - scores.mean().mean() for scores in others.values()]).mean()
    known = leads[[bridge for bridge in bridges if bridge in leads]]
    return list(known.index[known == known.max()]) if len(known) else bridges
