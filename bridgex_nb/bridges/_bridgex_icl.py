"""BridgeX-ICL: which bridge language's neurons vary most with those that two languages share?

The score of a bridge is the HSIC between the neurons that source and target share and the bridge-specific neurons.
"""

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
from ..neurons._probe_rows import check_shapes, constant_note, finite_rows
from ..neurons._sets import bridge_neurons
from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, hsic_score, scale, standardize
from ..stats._resampling import holm, percentile_interval
from ..utils._run_card import RunCard, run_card, set_card
from ._resample import Pairs, resample


@dataclass(frozen=True, eq=False)
class BridgeRanking:
    """Bridges of one language pair, best first.

    Attributes
    ----------
    best : str
        Code of the best bridge.
    table : pandas.DataFrame
        One row per bridge, best first: bridge, name, score (mean over the layers of the window), layers (how many of them have
        a score), shared (neurons that source and target share in those layers), specific (bridge-specific neurons in them), low
        and high (95 % bootstrap interval of the score), wins (share of bootstrap draws in which the bridge is first), p
        (permutation test of no dependence), p_holm (the same, corrected for the number of bridges).
    by_layer : pandas.DataFrame
        One row per layer and bridge: layer (its number in the model, from 0), bridge, score, shared, specific, in_window. A
        layer without shared neurons, or without bridge-specific neurons, has no row.
    lead : tuple of float
        95 % bootstrap interval of the first bridge's score minus the second's; missing (NaN) with one bridge or without
        resamples.
    src, tgt : str
        Language codes.
    samples : int
        S, prompts of the probe.
    absent : tuple of int
        Layers in which source and target share no neurons.
    notes : tuple of str
        What a reader of the ranking should know, in sentences: bridges that were left out because they have no neurons of their
        own, constant neurons, layers without shared neurons.
    card : RunCard
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
    notes: tuple[str, ...] = field(repr=False)
    card: RunCard = field(repr=False)

    @property
    def probability(self) -> float | None:
        """Share of bootstrap draws in which the best bridge is first; None without resamples."""
        return float(self.table.wins[0]) if "wins" in self.table else None

    @property
    def tie(self) -> bool | None:
        """Whether the interval of the lead contains 0, so that the samples do not separate the first two bridges.

        None without resamples: nothing is known then. False for a single bridge.
        """
        if "wins" not in self.table:
            return None
        return not self.lead[0] > 0 and len(self.table) > 1

    @property
    def summary(self) -> str:
        """The best bridge and how certain it is, in one sentence."""
        first = f"Best bridge: {self.table.name[0]}"
        if self.probability is None:
            return f"{first}, over {self.samples} words."
        tie = f"; a tie with {self.table.name[1]}" if self.tie else ""
        return f"{first}, first in {self.probability:.0%} of resamples of {self.samples} words{tie}."


def rank_bridges(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    bridges: Sequence[str] = BRIDGES,
    *,
    rule: str = "exclusive",
    window: tuple[float, float] = WINDOW,
    sigma: float | str = "profile-median",
    estimator: str = "biased",
    resamples: int = 200,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> BridgeRanking:
    """Rank the bridges between the languages of a probe.

    In each layer, X is the neurons that source and target share and Y the bridge-specific ones (`bridge_neurons`); the layer's
    score is `hsic_score` of their HSIC matrix over the probe's prompts, and a bridge's score the mean over the layers of the
    window.

    Parameters
    ----------
    probe : ProbeActivations
        From a lexicon, so that it has a source and a target.
    sets : mapping of str to torch.Tensor
        Language neurons, language -> bool [L, N] (`top_neurons`).
    bridges : sequence of str
        Bridges to compare; source and target are removed from them.
    rule : str
        Rule of `bridge_neurons`.
    window : tuple of float
        Fractions of depth [from, to).
    sigma, estimator
        As in `hsic`.
    resamples : int
        Number of bootstrap draws of the prompts, and of permutations. 0: no intervals (their columns are missing).
    seed : int
        Seed of the draws.
    device : str or torch.device, optional
        Where HSIC is computed; by default on a GPU if there is one.

    Returns
    -------
    BridgeRanking

    Raises
    ------
    InputError
        If the probe has no source and target or they are the same language, no bridge is left, a language has no set,
        `resamples` is negative, source and target share no neurons in the window, or activations are not finite (the message
        names the layer).

    Warns
    -----
    UserWarning
        If a bridge is left out because it has no neurons of its own in the window, or neurons are constant over the probe.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078). Unlike in the released code, layers keep their numbers, and a layer without
    neurons is left out of the mean instead of counting as 0.

    Uncertainty: prompts are drawn with replacement (percentiles at rank q (draws + 1), so that a small number of draws does not
    narrow the interval). Z-scores and bandwidths are recomputed in each draw: if they are held fixed, the intervals of wide
    kernels are up to three times too wide. For the null distribution the samples of the bridge are permuted together, with
    z-scores and bandwidths held fixed; p = (1 + permutations that reach the score) / (1 + permutations). A prompt may occur
    twice in a draw, which raises HSIC by a term of order 1 / S; the draws are shifted so that their mean is the score
    (bootstrap bias correction, Efron and Tibshirani 1993, section 10.3).

    Examples
    --------
    >>> ranking = rank_bridges(probe, top_neurons(counts))  # doctest: +SKIP
    >>> ranking.best  # doctest: +SKIP
    'en'
    """
    ranking = rank_without_warnings(
        probe,
        sets,
        bridges,
        rule=rule,
        window=window,
        sigma=sigma,
        estimator=estimator,
        resamples=resamples,
        seed=seed,
        device=device,
    )
    for note in ranking.notes:
        if note != _absent_note(ranking.absent):
            warnings.warn(f"{ranking.src}-{ranking.tgt}: {note}", stacklevel=2)
    return ranking


def rank_without_warnings(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    bridges: Sequence[str] = BRIDGES,
    *,
    rule: str = "exclusive",
    window: tuple[float, float] = WINDOW,
    sigma: float | str = "profile-median",
    estimator: str = "biased",
    resamples: int = 200,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> BridgeRanking:
    """`rank_bridges` for threads: what it warns of is in `BridgeRanking.notes` only, for warning filters are the process's."""
    ranked = _bridges_to_rank(probe, sets, bridges, resamples)
    src, tgt = probe.src, probe.tgt
    specific = {bridge: bridge_neurons(sets, src, tgt, bridge, rule, probe) for bridge in ranked}
    shared = sets[src] & sets[tgt]
    inside = layer_window(probe.num_layers, window)
    by_layer, pairs, constant = _score_layers(probe, shared, specific, inside, sigma, estimator, device)
    in_window = by_layer[by_layer.in_window]
    if in_window.empty:
        raise InputError(
            f"{src}-{tgt}: {_why_empty(shared, ranked, inside)}; take more neurons (a higher rate) or a wider window"
        )
    table, lead = _summarise(in_window), (float("nan"), float("nan"))
    if resamples:
        drawn, null = resample([pairs[bridge] for bridge in table.bridge], sigma, estimator, resamples, seed)
        table, lead = _with_intervals(table, drawn, null)
    absent = tuple(layer for layer in range(probe.num_layers) if not shared[layer].any())
    left_out = [bridge for bridge in ranked if bridge not in set(table.bridge)]
    notes = tuple(filter(None, (_left_out_note(left_out, inside), *constant, _absent_note(absent))))
    options = {
        "bridges": ranked,
        "rule": rule,
        "window": window,
        "sigma": sigma,
        "estimator": estimator,
        "resamples": resamples,
        "seed": seed,
        "sets": set_card({code: sets[code] for code in (src, tgt, *ranked)}),
    }
    card = run_card("rank_bridges", probe.card, options=options, inputs={"probe": probe.card})
    return BridgeRanking(table.bridge[0], table, by_layer, lead, src, tgt, len(probe.words), absent, notes, card)


def _bridges_to_rank(
    probe: ProbeActivations, sets: Mapping[str, torch.Tensor], bridges: Sequence[str], resamples: int
) -> list[str]:
    """The bridges without source, target and repetitions, after everything that can be checked beforehand."""
    src, tgt = probe.src, probe.tgt
    if src is None or tgt is None:
        raise InputError("rank_bridges needs a probe of a lexicon; this one is of prompts without languages")
    if src == tgt:
        raise InputError(f"the probe is of {src}-{tgt}: a bridge needs two different languages")
    if resamples < 0:
        raise InputError(f"resamples={resamples}: take 0 for no intervals, or a positive number")
    for code in bridges:
        language(code)
    check_shapes(probe, sets)
    ranked = [code for code in dict.fromkeys(bridges) if code not in (src, tgt)]
    if not ranked:
        raise InputError(f"{src}-{tgt}: every bridge given is the source or the target; name at least one other")
    return ranked


def _score_layers(
    probe: ProbeActivations,
    shared: torch.Tensor,
    specific: Mapping[str, torch.Tensor],
    inside: range,
    sigma: float | str,
    estimator: str,
    device: str | torch.device | None,
) -> tuple[pd.DataFrame, dict[str, Pairs], list[str]]:
    """The score of every bridge in every layer, the rows of the layers of the window, and notes on constant neurons."""
    scores, notes = [], []
    pairs: dict[str, Pairs] = {bridge: [] for bridge in specific}
    for layer in range(probe.num_layers):
        if not shared[layer].any():
            continue
        of_bridges = {bridge: neurons[layer] for bridge, neurons in specific.items() if neurons[layer].any()}
        needed = torch.stack([shared[layer], *of_bridges.values()]).any(dim=0)
        rows = finite_rows(probe, layer, needed, device)
        notes.append(constant_note(rows, layer))
        z = standardize(rows)
        x = shared[layer][needed]
        for bridge, neurons in of_bridges.items():
            y = neurons[needed]
            score = hsic_score(hsic_scaled(*scale(z[x], z[y], sigma), estimator, SCORE_TOLERANCE))
            scores.append((layer, bridge, score, int(x.sum()), int(y.sum()), layer in inside))
            if layer in inside:
                pairs[bridge].append((rows[x], rows[y]))
    by_layer = pd.DataFrame(scores, columns=["layer", "bridge", "score", "shared", "specific", "in_window"])
    return by_layer, pairs, [note for note in notes if note]


def _summarise(in_window: pd.DataFrame) -> pd.DataFrame:
    """One row per bridge, best first, from the rows of the layers of the window."""
    table = (
        in_window.groupby("bridge", sort=False)
        .agg(score=("score", "mean"), layers=("layer", "size"), shared=("shared", "sum"), specific=("specific", "sum"))
        .sort_values("score", ascending=False, kind="stable")
        .reset_index()
    )
    table.insert(1, "name", [language(code).name for code in table.bridge])
    return table


def _with_intervals(table: pd.DataFrame, drawn: np.ndarray, null: np.ndarray) -> tuple[pd.DataFrame, tuple[float, float]]:
    """The table with its uncertainty, and the interval of the lead, from draws and permutations [resamples, bridges]."""
    score = table.score.to_numpy()
    drawn = drawn + (score - drawn.mean(axis=0))
    low, high = percentile_interval(drawn)
    p = (1 + (null >= score).sum(axis=0)) / (1 + len(null))
    wins = np.bincount(drawn.argmax(axis=1), minlength=len(table)) / len(drawn)
    table = table.assign(low=low, high=high, wins=wins, p=p, p_holm=holm(p))
    if len(table) == 1:
        return table, (float("nan"), float("nan"))
    low, high = percentile_interval(drawn[:, 0] - drawn[:, 1])
    return table, (float(low), float(high))


def _layers(numbers: Sequence[int]) -> str:
    return f"layer{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _span(inside: range) -> str:
    return f"layers {inside[0]}-{inside[-1]}" if len(inside) > 1 else f"layer {inside[0]}"


def _why_empty(shared: torch.Tensor, bridges: Sequence[str], inside: range) -> str:
    if not shared[inside.start : inside.stop].any():
        return f"no neurons are shared in {_span(inside)}"
    return f"none of {', '.join(bridges)} has neurons of its own where neurons are shared in {_span(inside)}"


def _left_out_note(bridges: Sequence[str], inside: range) -> str | None:
    if not bridges:
        return None
    names = ", ".join(language(code).name for code in bridges)
    return f"Left out, without neurons of their own in {_span(inside)}: {names}. A higher rate may give them some."


def _absent_note(layers: Sequence[int]) -> str | None:
    return f"No shared neurons in {_layers(layers)}." if layers else None
