"""Bootstrap draws and permutations behind the intervals and p-values of a ranking of bridges."""

from collections.abc import Iterator, Sequence

import torch
from tqdm.auto import tqdm

from ..stats._hsic import SCORE_TOLERANCE, hsic_scaled, layer_score, scale, standardize
from ._layer_rows import LayerRows
from ._wide_scores import drawn_wide, layer_groups, permuted_wide

#: Numbers in one batch of draws: where neurons are few, many draws at once fit into the processor's cache.
_BATCH = 2**16


def draw_prompts(samples: int, resamples: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Bootstrap draws and permutations of the prompts, both int64 [resamples, S]."""
    generator = torch.Generator().manual_seed(seed)
    draws, orders = [], []
    for _ in range(resamples):
        draws.append(torch.randint(samples, (samples,), generator=generator))
        orders.append(torch.randperm(samples, generator=generator))
    return torch.stack(draws), torch.stack(orders)


def drawn_scores(
    layers: Sequence[LayerRows], bridges: Sequence[str], sigma: float | str, estimator: str, draws: torch.Tensor, bar: tqdm
) -> torch.Tensor:
    """Scores [draws, layers, bridges] of bootstrap draws, int64 [draws, S]; NaN where a bridge has no neurons.

    All bridges and layers meet the same draws, so that their scores can be compared draw by draw. Z-scores and bandwidths are
    those of the draw.
    """
    scores = torch.full((len(draws), len(layers), len(bridges)), float("nan"), dtype=torch.float64)
    for i, one in enumerate(layers):
        columns = [bridges.index(code) for code in one.bridges]
        if not columns:
            bar.update(len(draws))
        elif sigma == "profile-median" and (groups := layer_groups(one, estimator)) is not None:
            scores[:, i, columns] = drawn_wide(groups, one.rows, draws)
            bar.update(len(draws))
        else:
            for part, step in _steps(one, draws):
                z = standardize(one.rows[:, part.to(one.rows.device)].movedim(0, 1).contiguous())
                for column, neurons in zip(columns, one.bridges.values(), strict=True):
                    x, y = scale(z[:, one.shared], z[:, neurons], sigma, estimator)
                    scores[step, i, column] = layer_score(hsic_scaled(x, y, estimator, SCORE_TOLERANCE)).cpu()
                bar.update(len(part))
    return scores


def permuted_scores(
    layers: Sequence[LayerRows], bridges: Sequence[str], sigma: float | str, estimator: str, orders: torch.Tensor, bar: tqdm
) -> torch.Tensor:
    """The same with the samples of the bridge permuted, by orders int64 [orders, S]; z-scores and bandwidths stay."""
    scores = torch.full((len(orders), len(layers), len(bridges)), float("nan"), dtype=torch.float64)
    for i, one in enumerate(layers):
        columns = [bridges.index(code) for code in one.bridges]
        if not columns:
            bar.update(len(orders))
        elif sigma == "profile-median" and (groups := layer_groups(one, estimator)) is not None:
            scores[:, i, columns] = permuted_wide(groups, orders)
            bar.update(len(orders))
        else:
            z = standardize(one.rows)
            fixed = [scale(z[one.shared], z[neurons], sigma, estimator) for neurons in one.bridges.values()]
            for part, step in _steps(one, orders):
                for column, (x, y) in zip(columns, fixed, strict=True):
                    permuted = y[:, part.to(y.device)].movedim(0, 1).contiguous()
                    scores[step, i, column] = layer_score(hsic_scaled(x, permuted, estimator, SCORE_TOLERANCE)).cpu()
                bar.update(len(part))
    return scores


def _steps(one: LayerRows, draws: torch.Tensor) -> Iterator[tuple[torch.Tensor, slice]]:
    """The draws in parts for which the rows of one bridge fit into a batch, and where each part goes."""
    neurons = int(one.shared.sum()) + max((int(own.sum()) for own in one.bridges.values()), default=0)
    step = max(1, _BATCH // (draws.shape[1] * neurons))
    for start in range(0, len(draws), step):
        yield draws[start : start + step], slice(start, start + step)
