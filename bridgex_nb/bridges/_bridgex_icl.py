"""BridgeX-ICL: which bridge language's neurons vary most with those that two languages share?

The score of a bridge is the HSIC between the neurons that source and target share and the neurons of the bridge.
"""

import warnings
from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..activations._results import ProbeActivations
from ..datasets._languages import BRIDGES, language
from ..exceptions import InputError
from ..models._layer_window import WINDOW, layer_window
from ..neurons._probe_rows import check_shapes, constant_note
from ..neurons._sets import RULES
from ..utils._run_card import run_card, set_card
from ._bridge_ranking import BridgeRanking
from ._layer_rows import LayerRows, layer_rows, two_sides
from ._layer_scores import layer_scores
from ._ranking_notes import absent_note, few_note, left_out_note, redraw_note, why_empty
from ._uncertainty import resample, with_uncertainty

#: What bridges can be ranked by.
ORDERS = ("score", "excess")


def rank_bridges(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    bridges: Sequence[str] = BRIDGES,
    *,
    rule: str = RULES[0],
    by: str = "score",
    redraws: Sequence[Mapping[str, torch.Tensor]] | None = None,
    window: tuple[float, float] = WINDOW,
    sigma: float | str = "profile-median",
    estimator: str = "biased",
    resamples: int = 200,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> BridgeRanking:
    """Rank the bridges between the languages of a probe.

    In each layer, X is the neurons that source and target share (`shared_neurons`) and Y those of the bridge
    (`bridge_neurons`); the layer's score is `hsic_score` of their HSIC matrix over the probe's prompts, and a bridge's score is
    the mean over the layers of the window.

    Parameters
    ----------
    probe : ProbeActivations
        From a lexicon, so that it has a source and a target.
    sets : mapping of str to torch.Tensor
        Language neurons, language -> bool [L, N] (`top_neurons`).
    bridges : sequence of str
        Bridges to compare; source and target are removed from them.
    rule : str
        Rule of `bridge_neurons` and `shared_neurons`, which say why `fully_activated` is the default, and what it costs.
    by : {"score", "excess"}
        What the bridges are ranked by: the score, as in the paper, or what is left of it over its mean when the bridge's
        prompts are permuted. Under no dependence the score grows with the number of neurons on either side; the excess does
        not.
    redraws : sequence of mapping, optional
        The same sets from other sentences (`redraw_sets`). The intervals then are over sentences as well as prompts; without
        them, over prompts alone.
    window : tuple of float
        Fractions of depth [from, to).
    sigma, estimator
        As in `hsic`.
    resamples : int
        Number of bootstrap draws of the prompts, and of permutations; with `redraws` they are divided among these (200 over 20
        redraws: 10 draws of the prompts for each). 0: no intervals (their columns are missing).
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
        `resamples` is negative, or 0 where `by` or `redraws` need some, source and target share no neurons in the window, or
        activations are not finite (the message names the layer).

    Warns
    -----
    UserWarning
        If a bridge is left out because it has no neurons in the window, or neurons are constant over the probe.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078). Unlike in the released code, layers keep their numbers, and a layer without
    neurons is left out of the mean instead of counting as 0. Scores of different pairs are comparable with the estimator
    `normalized` alone: the others fall with the number of prompts.

    Uncertainty: prompts are drawn with replacement (percentiles at rank q (draws + 1), so that a small number of draws does not
    narrow the interval). Z-scores and bandwidths are recomputed in each draw: if they are held fixed, the intervals of wide
    kernels are up to three times too wide. For the null distribution the samples of the bridge are permuted together, with
    z-scores and bandwidths held fixed; p = (1 + permutations that reach the score) / (1 + permutations). A prompt may occur
    twice in a draw, which raises HSIC by a term of order 1 / S; the draws are shifted so that their mean is the score
    (bootstrap bias correction, Efron and Tibshirani 1993, section 10.3). With `redraws`, each draw of the sets has bootstrap
    draws and permutations of its own, so that the null mean follows the sizes of its sets; a bridge without neurons in one
    scores 0 there.

    Examples
    --------
    >>> ranking = rank_bridges(probe, top_neurons(counts), redraws=redraw_sets(counts))  # doctest: +SKIP
    >>> ranking.best  # doctest: +SKIP
    'en'
    """
    ranking = rank_without_warnings(
        probe,
        sets,
        bridges,
        rule=rule,
        by=by,
        redraws=redraws,
        window=window,
        sigma=sigma,
        estimator=estimator,
        resamples=resamples,
        seed=seed,
        device=device,
    )
    for note in ranking.notes:
        if note.startswith("Left out, ") or "constant" in note:
            warnings.warn(f"{ranking.src}-{ranking.tgt}: {note}", stacklevel=2)
    return ranking


def rank_without_warnings(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    bridges: Sequence[str] = BRIDGES,
    *,
    rule: str = RULES[0],
    by: str = "score",
    redraws: Sequence[Mapping[str, torch.Tensor]] | None = None,
    window: tuple[float, float] = WINDOW,
    sigma: float | str = "profile-median",
    estimator: str = "biased",
    resamples: int = 200,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> BridgeRanking:
    """`rank_bridges` for threads: what it warns of is in `BridgeRanking.notes` only, for warning filters are the process's."""
    ranked = _bridges_to_rank(probe, sets, bridges, resamples, by, redraws)
    src, tgt = probe.src, probe.tgt
    inside = layer_window(probe.num_layers, window)
    sides, *redrawn = two_sides(probe, [sets, *(redraws or ())], ranked, rule)
    layers = layer_rows(probe, sides, range(probe.num_layers), device)
    by_layer = _score_layers(layers, inside, sigma, estimator)
    in_window = by_layer[by_layer.in_window]
    if in_window.empty:
        why = why_empty(sides.shared, ranked, inside, rule)
        raise InputError(f"{src}-{tgt}: {why}; take more neurons (a higher rate) or a wider window")
    table, lead = _summarise(in_window), (float("nan"), float("nan"))
    usable = [one for one in redrawn if one.shared[inside.start : inside.stop].any()]
    if resamples:
        options = {"sigma": sigma, "estimator": estimator, "resamples": resamples, "seed": seed, "device": device}
        draws = resample(probe, layers, usable, inside, table.bridge.tolist(), **options)
        table, lead = with_uncertainty(table, draws, by)
        by_layer = by_layer.join(draws.layer_null.rename("null"), on=["layer", "bridge"])
        by_layer["excess"] = by_layer.score - by_layer.null
    absent = tuple(layer for layer in range(probe.num_layers) if not sides.shared[layer].any())
    notes = (
        left_out_note([bridge for bridge in ranked if bridge not in set(table.bridge)], inside, rule),
        few_note(in_window, inside),
        *(constant_note(one.rows, one.layer) for one in layers),
        absent_note(absent),
        redraw_note(len(redrawn) - len(usable), len(redrawn), inside),
    )
    options = {
        "bridges": ranked,
        "rule": rule,
        "by": by,
        "window": window,
        "sigma": sigma,
        "estimator": estimator,
        "resamples": resamples,
        "seed": seed,
        "sets": set_card({code: sets[code] for code in (src, tgt, *ranked)}),
    }
    if redraws:
        named = {f"{i} {code}": one[code] for i, one in enumerate(redraws) for code in (src, tgt, *ranked)}
        options["redraws"] = {"draws": len(redraws), "sha256": set_card(named)["sha256"]}
    card = run_card("rank_bridges", probe.card, options=options, inputs={"probe": probe.card})
    best, said = table.bridge[0], tuple(filter(None, notes))
    return BridgeRanking(
        best, table, by_layer, lead, src, tgt, len(probe.words), absent, said, card, by, min(resamples, len(usable))
    )


def _bridges_to_rank(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    bridges: Sequence[str],
    resamples: int,
    by: str,
    redraws: Sequence[Mapping[str, torch.Tensor]] | None,
) -> list[str]:
    """The bridges without source, target and repetitions, after everything that can be checked beforehand."""
    src, tgt = probe.src, probe.tgt
    if src is None or tgt is None:
        raise InputError("rank_bridges needs a probe of a lexicon; this one is of prompts without languages")
    if src == tgt:
        raise InputError(f"the probe is of {src}-{tgt}: a bridge needs two different languages")
    if resamples < 0:
        raise InputError(f"resamples={resamples}: take 0 for no intervals, or a positive number")
    if by not in ORDERS:
        raise InputError(f"by={by!r}: bridges are ranked by {' or '.join(ORDERS)}")
    if not resamples and (by == "excess" or redraws):
        given = "by='excess'" if by == "excess" else "redraws"
        raise InputError(f"{given} needs resampling: leave out resamples=0")
    for code in bridges:
        language(code)
    for drawn in (sets, *(redraws or ())):
        check_shapes(probe, drawn)
    ranked = [code for code in dict.fromkeys(bridges) if code not in (src, tgt)]
    if not ranked:
        raise InputError(f"{src}-{tgt}: every bridge given is the source or the target; name at least one other")
    return ranked


def _score_layers(layers: Sequence[LayerRows], inside: range, sigma: float | str, estimator: str) -> pd.DataFrame:
    """The score of every bridge in every layer."""
    scores = []
    for one in layers:
        values = layer_scores(one, sigma, estimator)
        for (bridge, neurons), score in zip(one.bridges.items(), values.tolist(), strict=True):
            scores.append((one.layer, bridge, score, int(one.shared.sum()), int(neurons.sum()), one.layer in inside))
    return pd.DataFrame(scores, columns=["layer", "bridge", "score", "shared", "specific", "in_window"])


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
