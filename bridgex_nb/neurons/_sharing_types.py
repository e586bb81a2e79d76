"""How many languages activate a neuron on the same item (Sharing Matters, Wang et al. 2024, arXiv 2406.09265)."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..exceptions import InputError


def sharing_types(
    activations: Mapping[str, torch.Tensor], thresholds: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
) -> pd.DataFrame:
    """Share of a layer's neurons that an item activates in all languages, in several, in one, or in none.

    Parameters
    ----------
    activations : mapping of str to torch.Tensor
        Language -> [L, N, I], one value per neuron and item; item i is the same in each of the K languages, at least two. The
        paper takes the last token of the prompt:
        ``probe(model, texts, statistic="last").values``; with token means the types are those of whole prompts.
    thresholds : sequence of float
        A neuron is active where its value is above the threshold.

    Returns
    -------
    pandas.DataFrame
        One row per threshold and layer: threshold, layer, and shares of the N neurons, averaged over the items: all_shared
        (active in K languages), partial_shared (2 to K - 1), specific (1), non_activated (0). The shares sum to 1.

    Raises
    ------
    InputError
        If there are fewer than two languages, their tensors differ in shape or are empty, a value is not finite, or no
        threshold is given.

    Notes
    -----
    Sharing Matters (Wang et al. 2024, arXiv 2406.09265) and its released code.

    Examples
    --------
    >>> values = {"sw": torch.tensor([[[0.2], [0.4], [-1.0]]]), "tl": torch.tensor([[[0.3], [-0.5], [-2.0]]])}
    >>> sharing_types(values, [0.0]).round(2).iloc[0].to_dict()
    {'threshold': 0.0, 'layer': 0.0, 'all_shared': 0.33, 'partial_shared': 0.0, 'specific': 0.33, 'non_activated': 0.33}
    """
    shapes = {tuple(values.shape) for values in activations.values()}
    if len(activations) < 2 or len(shapes) > 1 or len(next(iter(shapes))) != 3 or 0 in next(iter(shapes)):
        given = ", ".join(f"{code} {list(values.shape)}" for code, values in activations.items())
        raise InputError(f"sharing needs tensors [L, N, I] of one shape for two or more languages, not {given or 'none'}")
    broken = [code for code, values in activations.items() if not torch.isfinite(values).all()]
    if broken:
        raise InputError(f"activations are not finite (NaN or infinite): {' '.join(broken)}")
    if not len(thresholds):
        raise InputError("sharing_types needs at least one threshold")
    tables = []
    for threshold in thresholds:
        number = sum((values > threshold).to(torch.int16) for values in activations.values())
        types = {
            "all_shared": number == len(activations),
            "partial_shared": (number > 1) & (number < len(activations)),
            "specific": number == 1,
            "non_activated": number == 0,
        }
        shares = {name: neurons.double().mean(dim=(1, 2)).numpy() for name, neurons in types.items()}
        tables.append(pd.DataFrame({"threshold": threshold, "layer": range(len(number)), **shares}))
    return pd.concat(tables, ignore_index=True)
