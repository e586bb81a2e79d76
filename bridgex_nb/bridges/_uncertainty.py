"""How certain a ranking of bridges is: what chance alone gives, intervals over prompts and sentences, ties."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from ..activations._results import ProbeActivations
from ..stats._resampling import holm, percentile_interval
from ..utils._progress import progress_bar
from ._layer_rows import LayerRows, Sides, layer_rows
from ._resample import draw_prompts, drawn_scores, permuted_scores

#: Permuted scores are computed in float32 and agree with the score to this, relatively: nearer ones count as equal.
_ROUNDING = 1e-4
#: Permutations for the null mean of a layer outside the window, which decides nothing.
_OUTSIDE = 20


@dataclass(frozen=True)
class Draws:
    """Scores of the bridges when prompts or sentences are drawn again, and when they are permuted.

    score, excess: [resamples, bridges], bootstrap draws; of the excess, each over the null mean of its own draw of the sets.
    null: [resamples, bridges], permutations. layer_null: null mean of each layer and bridge, indexed by both.
    """

    score: np.ndarray
    excess: np.ndarray
    null: np.ndarray
    layer_null: pd.Series


def resample(
    probe: ProbeActivations,
    layers: Sequence[LayerRows],
    redrawn: Sequence[Sides],
    inside: range,
    bridges: Sequence[str],
    *,
    sigma: float | str,
    estimator: str,
    resamples: int,
    seed: int,
    device: str | torch.device | None,
) -> Draws:
    """Bootstrap draws and permutations of the prompts, divided among the draws of the sets if there are any.

    A bridge without neurons in a draw of the sets scores 0 there.
    """
    draws, orders = draw_prompts(len(probe.words), resamples, seed)
    window = [one for one in layers if one.layer in inside]
    outside = [one for one in layers if one.layer not in inside]
    total = resamples * len(window) + len(orders[:_OUTSIDE]) * len(outside)
    total += resamples * (2 * len(inside) if redrawn else len(window))
    with progress_bar(total=total, desc="resampling", unit="draw", delay=1) as bar:
        options = (bridges, sigma, estimator)
        null = permuted_scores(window, *options, orders, bar)
        others = permuted_scores(outside, *options, orders[:_OUTSIDE], bar)
        if not redrawn:
            score = _mean_over_layers(drawn_scores(window, *options, draws, bar))
            excess = score - _mean_over_layers(null).mean(dim=0)
        else:
            score, excess = torch.empty(2, resamples, len(bridges), dtype=torch.float64)
            for first, sides in enumerate(redrawn[:resamples]):
                own = slice(first, None, len(redrawn))
                rows = layer_rows(probe, sides, inside, device)
                score[own] = _mean_over_layers(drawn_scores(rows, *options, draws[own], bar))
                excess[own] = score[own] - _mean_over_layers(permuted_scores(rows, *options, orders[own], bar)).mean(dim=0)
    means = torch.cat([null.mean(dim=0), others.mean(dim=0)])
    index = pd.MultiIndex.from_product([[one.layer for one in (*window, *outside)], bridges], names=["layer", "bridge"])
    return Draws(score.numpy(), excess.numpy(), _mean_over_layers(null).numpy(), pd.Series(means.flatten().numpy(), index))


def with_uncertainty(table: pd.DataFrame, draws: Draws, by: str) -> tuple[pd.DataFrame, tuple[float, float]]:
    """The table with the columns that resamples give, best first, and the interval of the lead."""
    score = table.score.to_numpy()
    null, deviation = draws.null.mean(axis=0), draws.null.std(axis=0, ddof=min(1, len(draws.null) - 1))
    excess = score - null
    varies = deviation > _ROUNDING * np.abs(null)  # permuted scores that are equal but for rounding give no z
    z = np.divide(excess, deviation, out=np.zeros_like(excess), where=varies)
    drawn = {"score": _centred(draws.score, score), "excess": _centred(draws.excess, excess)}
    columns = {"null": null, "excess": excess, "z": z}
    columns["low"], columns["high"] = percentile_interval(drawn["score"])
    columns["excess_low"], columns["excess_high"] = percentile_interval(drawn["excess"])
    columns["excess_tied"] = _tied(drawn["excess"], int(excess.argmax()))
    order = table.assign(**columns)[by].argsort(kind="stable")[::-1] if by == "excess" else np.arange(len(table))
    values = drawn[by][:, order]
    table = table.assign(**columns).iloc[order].reset_index(drop=True)
    reached = draws.null >= score - _ROUNDING * np.abs(score)
    p = ((1 + reached.sum(axis=0)) / (1 + len(draws.null)))[order]
    wins = np.bincount(values.argmax(axis=1), minlength=len(table)) / len(values)
    low, high = percentile_interval(values[:, [0]] - values)
    table = table.assign(wins=wins, tied=_tied(values, 0), p=p, p_holm=holm(p))
    return table, (float(low[1]), float(high[1])) if len(table) > 1 else (float("nan"), float("nan"))


def _tied(values: np.ndarray, first: int) -> np.ndarray:
    """Of draws [resamples, bridges]: which bridges' interval of the difference to the first one includes 0; not the first."""
    low, _ = percentile_interval(values[:, [first]] - values)
    return (low <= 0) & (np.arange(values.shape[1]) != first)


def _mean_over_layers(scores: torch.Tensor) -> torch.Tensor:
    """[draws, layers, bridges] -> [draws, bridges], over the layers in which a bridge has neurons; 0 where there are none."""
    return scores.nanmean(dim=1).nan_to_num(0.0)


def _centred(draws: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Draws shifted so that their mean is the value (bootstrap bias correction)."""
    return draws + (value - draws.mean(axis=0))
