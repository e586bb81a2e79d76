"""The linguistic spectrum of BridgeX-ICL: HSIC between the language neurons of every two languages."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd
import torch

from ..activations._results import ProbeActivations
from ..models._layer_window import WINDOW, layer_window
from ..neurons._probe_rows import check_shapes, constant_note, finite_rows
from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, hsic_score, scale, standardize
from ..stats._wide_groups import exact_scores, wide_groups
from ..utils._run_card import run_card, set_card
from ._between_languages import prompt_groups, within_languages


def spectrum(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    *,
    languages: Sequence[str] | None = None,
    window: tuple[float, float] = WINDOW,
    sigma: float | str = "profile-median",
    estimator: str = "normalized",
    device: str | torch.device | None = None,
) -> pd.DataFrame:
    """The linguistic spectrum: HSIC score between the language neurons of every two languages over one shared probe.

    For languages a and b, X is the neurons T_a and Y the neurons T_b. The score is the mean of `hsic_score` over the layers of
    the window in which both have neurons. It lies between 0 and 1, which identical sets reach. A neuron that is in both sets is
    compared with itself, and no dependence is stronger than that: the more neurons two languages share, the higher the score.

    Over the prompts of several languages, neurons that merely tell the languages apart depend on each other too. With
    `languages`, each neuron's mean in the language of a prompt is subtracted first, and the score says what varies together
    *within* languages.

    Parameters
    ----------
    probe : ProbeActivations
        Prompts to which all the languages contribute.
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    languages : sequence of str, optional
        The language of each prompt; by default the prompts are pooled as they are. `variance_between_languages` says how much
        there is to subtract.
    window, sigma, device
        As in `rank_bridges`.
    estimator : {"normalized", "biased", "unbiased", "reference"}
        As in `hsic`. Pairs of languages are compared with each other here, so use the others with care: their values depend on
        the number of samples, and on the bandwidth, which differs from pair to pair.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric; the diagonal, and pairs without neurons in the window, are missing (NaN). The run card
        is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the sets or the languages do not fit the probe, no layer lies in the window, or activations are not finite.

    Warns
    -----
    UserWarning
        If neurons are constant over the probe (with `languages`, within every language).

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078).

    Examples
    --------
    >>> probed = probe(model, [text for texts in sentences.values() for text in texts])  # doctest: +SKIP
    >>> languages = [code for code, texts in sentences.items() for _ in texts]  # doctest: +SKIP
    >>> spectrum(probed, top_neurons(counts), languages=languages).loc["sw", "tl"]  # doctest: +SKIP
    """
    options = {"languages": languages, "window": window, "sigma": sigma, "estimator": estimator, "device": device}
    matrix, notes = spectrum_without_warnings(probe, sets, **options)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return matrix


def spectrum_without_warnings(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    *,
    languages: Sequence[str] | None,
    window: tuple[float, float],
    sigma: float | str,
    estimator: str,
    device: str | torch.device | None,
) -> tuple[pd.DataFrame, list[str]]:
    """`spectrum` for threads: the matrix and what `spectrum` warns of, because warning filters belong to the whole process."""
    check_shapes(probe, sets)
    groups = None if languages is None else prompt_groups(probe, languages)
    notes = []
    scores = {pair: [] for pair in combinations(sets, 2)}
    for layer in layer_window(probe.num_layers, window):
        present = {code: neuron_set[layer] for code, neuron_set in sets.items() if neuron_set[layer].any()}
        if not present:
            continue
        needed = torch.stack(list(present.values())).any(dim=0)
        rows = finite_rows(probe, layer, needed, device)
        rows = rows if groups is None else within_languages(rows, groups)
        own = {code: chosen[needed].to(rows.device) for code, chosen in present.items()}
        notes += [f"{code}: {note}" for code in own if (note := constant_note(rows[own[code]], layer))]
        for pair, score in zip(combinations(own, 2), _pair_scores(rows, own, sigma, estimator), strict=True):
            scores[pair].append(score)
    matrix = pd.DataFrame(float("nan"), index=list(sets), columns=list(sets))
    for (a, b), layer_scores in scores.items():
        if layer_scores:
            matrix.loc[a, b] = matrix.loc[b, a] = sum(layer_scores) / len(layer_scores)
    prompts = None if languages is None else {code: list(languages).count(code) for code in dict.fromkeys(languages)}
    options = {"languages": prompts, "window": window, "sigma": sigma, "estimator": estimator, "sets": set_card(sets)}
    matrix.attrs["card"] = run_card("spectrum", probe.card, options=options, inputs={"probe": probe.card})
    return matrix, notes


def _pair_scores(rows: torch.Tensor, own: Mapping[str, torch.Tensor], sigma: float | str, estimator: str) -> list[float]:
    """Scores of every two languages in one layer, from its rows [n, S] and which of them, bool [n], each language has."""
    z, pairs = standardize(rows), list(combinations(own, 2))
    if sigma == "profile-median" and pairs:
        groups = wide_groups(z, [(own[a], own[b]) for a, b in pairs], estimator)
        if groups is not None:
            return exact_scores(groups).tolist()
    scaled = (scale(z[own[a]], z[own[b]], sigma, estimator) for a, b in pairs)
    return [hsic_score(hsic_scaled(x, y, estimator, SCORE_TOLERANCE)) for x, y in scaled]
