"""The scores of all bridges in one layer."""

import torch

from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, layer_score, scale, standardize
from ..stats._wide_groups import exact_scores
from ._layer_rows import LayerRows
from ._wide_scores import layer_groups


def layer_scores(layer: LayerRows, sigma: float | str, estimator: str) -> torch.Tensor:
    """Scores, float64 [bridges]."""
    if not layer.bridges:
        return torch.zeros(0, dtype=torch.float64)
    if sigma == "profile-median" and (groups := layer_groups(layer, estimator)) is not None:
        return exact_scores(groups).cpu()
    z = standardize(layer.rows)
    x = z[layer.shared]
    return torch.stack(
        [
            layer_score(hsic_scaled(*scale(x, z[bridge], sigma, estimator), estimator, SCORE_TOLERANCE))
            for bridge in layer.bridges.values()
        ]
    ).cpu()
