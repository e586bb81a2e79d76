"""The scores of all bridges in one layer."""

import torch

from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, layer_score, scale, standardize
from ..stats._wide_groups import exact_scores
from ._layer_rows import LayerRows
from ._wide_scores import layer_groups


def layer_scores(one: LayerRows, sigma: float | str, estimator: str) -> torch.Tensor:
    """Scores, float64 [bridges]."""
    if not one.bridges:
        return torch.zeros(0, dtype=torch.float64)
    if sigma == "profile-median" and (groups := layer_groups(one, estimator)) is not None:
        return exact_scores(groups).cpu()
    z = standardize(one.rows)
    x = z[one.shared]
    return torch.stack(
        [
            layer_score(hsic_scaled(*scale(x, z[own], sigma, estimator), estimator, SCORE_TOLERANCE))
            for own in one.bridges.values()
        ]
    ).cpu()
