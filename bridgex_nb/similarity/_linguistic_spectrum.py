"""The linguistic spectrum of BridgeX-ICL: HSIC between the language neurons of every two languages."""

from collections.abc import Mapping
from itertools import combinations

import pandas as pd
import torch

from ..activations._results import ProbeActivations
from ..models._layer_window import WINDOW, layer_window
from ..neurons._probe_rows import _check_shapes, _rows
from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, hsic_score, scale, standardize


def spectrum(
    probe: ProbeActivations,
    sets: Mapping[str, torch.Tensor],
    *,
    window: tuple[float, float] = WINDOW,
    sigma: float | str = "profile-median",
    estimator: str = "biased",
    device: str | torch.device | None = None,
) -> pd.DataFrame:
    """The linguistic spectrum: HSIC score between the own neurons of every two languages over one shared probe.

    For languages a and b, X is the neurons T_a and Y the neurons T_b. The score is the mean of `hsic_score` over the layers of
    the window in which both have neurons. A neuron that both languages own meets itself there: sharing is the strongest
    dependence. With ``estimator="normalized"`` the score lies between 0 and 1, the same sets.

    Parameters
    ----------
    probe : ProbeActivations
        Prompts that all the languages have a part in.
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    window, sigma, estimator, device
        As in `rank_bridges`.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric; the diagonal, and pairs without neurons in the window, are missing (NaN).
    """
    _check_shapes(probe, sets)
    scores = {pair: [] for pair in combinations(sets, 2)}
    for layer in layer_window(probe.num_layers, window):
        z = {code: standardize(_rows(probe, layer, own[layer], device)) for code, own in sets.items() if own[layer].any()}
        for one, other in combinations(z, 2):
            scores[one, other].append(hsic_score(hsic_scaled(*scale(z[one], z[other], sigma), estimator, SCORE_TOLERANCE)))
    matrix = pd.DataFrame(float("nan"), index=list(sets), columns=list(sets))
    for (one, other), some in scores.items():
        if some:
            matrix.loc[one, other] = matrix.loc[other, one] = sum(some) / len(some)
    return matrix
