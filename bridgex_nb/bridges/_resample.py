"""Bootstrap draws and permutations behind the intervals and p-values of a ranking of bridges."""

from collections.abc import Sequence

import numpy as np
import torch

from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, layer_score, scale, standardize
from ..utils._progress import progress_bar

#: Numbers in one batch of bootstrap draws: where neurons are few, many draws at once fit into the processor's cache.
_BATCH = 2**16

#: Rows [n, S] of the shared neurons and of the bridge-specific ones, for each layer.
Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def resample(
    pairs: Sequence[Pairs], sigma: float | str, estimator: str, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores [resamples, bridges] of bootstrap draws, and of permutations of the bridge's samples.

    `pairs` holds the rows of each bridge. All bridges and layers meet the same draws, so that their scores can be compared draw
    by draw.
    """
    device, samples = pairs[0][0][0].device, pairs[0][0][0].shape[1]
    generator = torch.Generator().manual_seed(seed)
    draws, orders = [], []
    for _ in range(resamples):
        draws.append(torch.randint(samples, (samples,), generator=generator))
        orders.append(torch.randperm(samples, generator=generator))
    draws, orders = torch.stack(draws).to(device), torch.stack(orders).to(device)
    drawn, null = torch.zeros(2, resamples, len(pairs), dtype=torch.float64)

    def score(x, y):
        return layer_score(hsic_scaled(x, y, estimator, SCORE_TOLERANCE)).cpu()

    def take(rows, indices):  # [n, S], [D, S] -> [D, n, S]
        return rows[:, indices].movedim(0, 1).contiguous()

    with progress_bar(total=resamples * sum(map(len, pairs)), desc="resampling", unit="draw", delay=1) as progress:
        for b, layers in enumerate(pairs):
            for x, y in layers:
                fixed = scale(standardize(x), standardize(y), sigma)
                step = max(1, _BATCH // (samples * (len(x) + len(y))))
                for part in torch.arange(resamples).split(step):
                    redrawn = scale(*(standardize(take(rows, draws[part])) for rows in (x, y)), sigma)
                    drawn[part, b] += score(*redrawn) / len(layers)
                    null[part, b] += score(fixed[0], take(fixed[1], orders[part])) / len(layers)
                    progress.update(len(part))
    return drawn.numpy(), null.numpy()
