"""Which bridge language does the model lean on between two languages: HSIC between shared and bridge-specific neurons."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from ..activations._results import ProbeActivations
from ..datasets._languages import BRIDGES, language
from ..exceptions import InputError
from ..models._layer_window import WINDOW, layer_window
from ..neurons._probe_rows import _check_shapes, _rows
from ..neurons._sets import bridge_neurons
from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, hsic_score, layer_score, scale, standardize
from ..stats._resampling import holm, percentile_interval
from ..utils._progress import progress_bar

#: Numbers in one batch of bootstrap draws: many draws at once where neurons are few, in the processor's cache.
_BATCH = 2**16


@dataclass(frozen=True, eq=False)
class BridgeRanking:
    """Candidate bridges of one language pair, best first.

    Attributes
    ----------
    best : str
        Code of the best bridge.
    table : pandas.DataFrame
        A row a bridge, best first: bridge, name, score (mean over the layers of the window), layers (how many of them have a
        score), shared (neurons that source and target share in those layers), specific (neurons of the bridge in them), low
        and high (95 % bootstrap interval of the score), wins (share of bootstrap draws in which the bridge is first), p
        (permutation test of no dependence), p_holm (the same, corrected over the candidates).
    by_layer : pandas.DataFrame
        A row a layer and bridge: layer (true number, from 0), bridge, score, shared, specific, in_window. A layer without
        shared neurons, or without neurons of the bridge, has no row.
    lead : tuple of float
        95 % bootstrap interval of the first bridge's score less the second's; missing (NaN) with one candidate.
    src, tgt : str
        Language codes.
    samples : int
        S, prompts of the probe.
    absent : tuple of int
        Layers in which source and target share no neuron.
    card : dict
        The run card.
    """

    best: str
    table: pd.DataFrame = field(repr=False)
    by_layer: pd.DataFrame = field(repr=False)
    lead: tuple[float, float]
    src: str
    tgt: str
    samples: int
    absent: tuple[int, ...]
    card: dict = field(repr=False)

    @property
    def probability(self) -> float:
        """Share of bootstrap draws in which the best bridge is first."""
        return float(self.table.wins[0])

    @property
    def tie(self) -> bool:
        """Whether the lead's interval holds 0: the samples do not decide between the first two bridges."""
        return not self.lead[0] > 0 and len(self.table) > 1

    @property
    def summary(self) -> str:
        """The best bridge and how sure it is, in one sentence."""
        first = f"Best bridge: {self.table.name[0]}"
        if "wins" not in self.table:
            return f"{first}, over {self.samples} words."
        tie = f"; a tie with {self.table.name[1]}" if self.tie else ""
        return f"{first}, first in {self.probability:.0%} of resamples of {self.samples} words{tie}."


def rank_bridges(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    candidates: Sequence[str] = BRIDGES,
    *,
    rule: str = "exclusive",
    window: tuple[float, float] = WINDOW,
    sigma: float | str = "profile-median",
    estimator: str = "biased",
    resamples: int = 200,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> BridgeRanking:
    """Rank candidate bridges between the languages of a probe.

    In each layer, X is the neurons that source and target share and Y those that speak for the bridge (`bridge_neurons`);
    the layer's score is `hsic_score` of their HSIC matrix over the probe's prompts, and a bridge's score the mean over the
    layers of the window.

    Parameters
    ----------
    probe : ProbeActivations
        From a lexicon, so that it has a source and a target.
    sets : mapping of str to torch.Tensor
        Language neurons, language -> bool [L, N] (`top_neurons`).
    candidates : sequence of str
        Bridges to compare; source and target are left out of them.
    rule : str
        Rule of `bridge_neurons`.
    window : tuple of float
        Fractions of depth [from, to).
    sigma, estimator
        As in `hsic`.
    resamples : int
        Bootstrap draws of the prompts, and as many permutations. 0: no intervals (the columns are missing).
    seed : int
        Of the draws.
    device : str or torch.device, optional
        Where HSIC is computed; by default on a GPU if there is one.

    Returns
    -------
    BridgeRanking

    Raises
    ------
    InputError
        If source and target share no neuron in the window, or activations are not finite (the message names the layer). A
        candidate without neurons in the window is left out with a warning.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078). Unlike the released code, layers keep their true numbers, and a layer
    without neurons is left out of the mean instead of counting as 0.

    Uncertainty: prompts are drawn with replacement (percentiles at rank q (draws + 1), so that few draws do not narrow the
    interval); z-scores and bandwidths are computed anew in each draw, since held as they are they make the intervals of wide
    kernels up to three times too wide. For the null the bridge's samples are permuted together, z-scores and bandwidths held;
    p = (1 + permutations that reach the score) / (1 + permutations). A prompt may stand twice in a draw, which raises HSIC by
    a term of order 1 / S; the draws are shifted so that their mean is the score (bootstrap bias correction, Efron and
    Tibshirani 1993, section 10.3).

    Examples
    --------
    >>> ranking = rank_bridges(probe, top_neurons(counts))  # doctest: +SKIP
    >>> ranking.best  # doctest: +SKIP
    'en'
    """
    src, tgt = probe.src, probe.tgt
    if src is None:
        raise InputError("rank_bridges needs a probe of a lexicon; this one has prompts without languages")
    for code in candidates:
        language(code)
    _check_shapes(probe, sets)
    bridges = [code for code in dict.fromkeys(candidates) if code not in (src, tgt)]
    if not bridges:
        raise InputError(f"{src}-{tgt}: no candidate bridge is left besides source and target")
    specific = {bridge: bridge_neurons(sets, src, tgt, bridge, rule, probe) for bridge in bridges}
    shared = sets[src] & sets[tgt]
    inside = layer_window(probe.num_layers, window)
    scores, kept = [], {bridge: [] for bridge in bridges}
    for layer in range(probe.num_layers):
        if not shared[layer].any():
            continue
        own = {bridge: neurons[layer] for bridge, neurons in specific.items() if neurons[layer].any()}
        needed = torch.stack([shared[layer], *own.values()]).any(dim=0)
        rows = _rows(probe, layer, needed, device)
        z = standardize(rows)
        common = shared[layer][needed]
        for bridge, neurons in own.items():
            neurons = neurons[needed]
            score = hsic_score(hsic_scaled(*scale(z[common], z[neurons], sigma), estimator, SCORE_TOLERANCE))
            scores.append((layer, bridge, score, int(common.sum()), int(neurons.sum()), layer in inside))
            if layer in inside and resamples:
                kept[bridge].append((rows[common], rows[neurons]))
    by_layer = pd.DataFrame(scores, columns=["layer", "bridge", "score", "shared", "specific", "in_window"])
    counted = by_layer[by_layer.in_window]
    if counted.empty and shared[inside.start : inside.stop].any():
        raise InputError(
            f"{src}-{tgt}: none of {', '.join(bridges)} has neurons of its own where neurons are shared in layers "
            f"{inside[0]}-{inside[-1]}; take more neurons (a higher rate) or a wider window"
        )
    if counted.empty:
        raise InputError(
            f"{src}-{tgt}: no neurons are shared in layers {inside[0]}-{inside[-1]}; take more neurons (a higher rate) or a "
            "wider window"
        )
    without = [bridge for bridge in bridges if bridge not in set(counted.bridge)]
    if without:
        warnings.warn(
            f"{src}-{tgt}: {', '.join(without)} left out, without neurons of their own in layers {inside[0]}-{inside[-1]}; "
            "take a higher rate",
            stacklevel=2,
        )
    table = (
        counted.groupby("bridge", sort=False)
        .agg(score=("score", "mean"), layers=("layer", "size"), shared=("shared", "sum"), specific=("specific", "sum"))
        .sort_values("score", ascending=False, kind="stable")
        .reset_index()
    )
    table.insert(1, "name", [language(code).name for code in table.bridge])
    lead = (float("nan"), float("nan"))
    if resamples:
        drawn, null = _resample([kept[bridge] for bridge in table.bridge], sigma, estimator, resamples, seed)
        drawn += table.score.to_numpy() - drawn.mean(axis=0)
        table["low"], table["high"] = percentile_interval(drawn)
        table["wins"] = np.bincount(drawn.argmax(axis=1), minlength=len(table)) / resamples
        table["p"] = (1 + (null >= table.score.to_numpy()).sum(axis=0)) / (1 + resamples)
        table["p_holm"] = holm(table.p.to_numpy())
        if len(table) > 1:
            lead = tuple(percentile_interval(drawn[:, 0] - drawn[:, 1]).tolist())
    absent = tuple(layer for layer in range(probe.num_layers) if not shared[layer].any())
    choices = {
        "rule": rule,
        "window": list(window),
        "sigma": sigma,
        "estimator": estimator,
        "resamples": resamples,
        "seed": seed,
    }
    card = probe.card | {"ranking": choices}
    return BridgeRanking(table.bridge[0], table, by_layer, lead, src, tgt, len(probe.words), absent, card)


def _resample(
    layers: Sequence[Sequence[tuple[torch.Tensor, torch.Tensor]]],
    sigma: float | str,
    estimator: str,
    resamples: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores [resamples, bridges] of bootstrap draws, and of permutations of the bridge's samples.

    `layers` holds, for each bridge, the shared and the bridge's neurons of each of its layers, both [n, S]. All bridges and
    layers meet the same draws, so that their scores can be compared draw by draw.
    """
    device, samples = layers[0][0][0].device, layers[0][0][0].shape[1]
    generator = torch.Generator().manual_seed(seed)
    draws, orders = [], []
    for _ in range(resamples):
        draws.append(torch.randint(samples, (samples,), generator=generator))
        orders.append(torch.randperm(samples, generator=generator))
    draws, orders = torch.stack(draws).to(device), torch.stack(orders).to(device)
    drawn, null = torch.zeros(2, resamples, len(layers), dtype=torch.float64)

    def score(x, y):
        return layer_score(hsic_scaled(x, y, estimator, SCORE_TOLERANCE)).cpu()

    def take(rows, indices):  # [n, S], [D, S] -> [D, n, S]
        return rows[:, indices].movedim(0, 1).contiguous()

    with progress_bar(total=resamples * sum(map(len, layers)), desc="resampling", unit="draw", delay=1) as bar:
        for b, pairs in enumerate(layers):
            for x, y in pairs:
                held = scale(standardize(x), standardize(y), sigma)
                step = max(1, _BATCH // (samples * (len(x) + len(y))))
                for part in torch.arange(resamples).split(step):
                    again = scale(*(standardize(take(rows, draws[part])) for rows in (x, y)), sigma)
                    drawn[part, b] += score(*again) / len(pairs)
                    null[part, b] += score(held[0], take(held[1], orders[part])) / len(pairs)
                    bar.update(len(part))
    return drawn.numpy(), null.numpy()
