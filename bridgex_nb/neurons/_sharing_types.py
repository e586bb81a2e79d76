"""How many languages activate a neuron on the same item (Sharing Matters, Wang et al. 2024, arXiv 2406.09265)."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..exceptions import InputError


def sharing_types(
    activations: Mapping[str, torch.Tensor], thresholds: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
) -> pd.DataFrame:
    """How many of a layer's neurons an item activates in all languages, in some, in one, in none.

    Parameters
    ----------
    activations : mapping of str to torch.Tensor
        Language -> [L, N, I], one value of each neuron on each of I items; item i is the same one in every language. Of K
        languages, two or more. The paper looks at the last token of the prompt:
        ``probe(model, texts, statistic="last").values``; with token means the types are those of whole prompts.
    thresholds : sequence of float
        A neuron is active where its value is above the threshold.

    Returns
    -------
    pandas.DataFrame
        A row a threshold and layer: threshold, layer, and the shares of the N neurons, averaged over the items: all_shared
        (active in K languages), partial_shared (2 to K - 1), specific (1), non_activated (0). They sum to 1.

    Raises
    ------
    InputError
        If there are fewer than two languages, their tensors differ in shape or are empty, a value is not finite, or there is no
        threshold.

    Notes
    -----
    Sharing Matters (Wang et al. 2024, arXiv 2406.09265) and its released code.
    """
    shapes = {tuple(one.shape) for one in activations.values()}
    if len(activations) < 2 or len(shapes) > 1 or len(next(iter(shapes))) != 3 or 0 in next(iter(shapes)):
        found = ", ".join(f"{code} {list(one.shape)}" for code, one in activations.items())
        raise InputError(f"sharing needs [L, N, I] of one shape for two languages or more, not {found or 'nothing'}")
    broken = [code for code, one in activations.items() if not torch.isfinite(one).all()]
    if broken:
        raise InputError(f"activations are not finite (NaN or infinite): {' '.join(broken)}")
    if not len(thresholds):
        raise InputError("sharing needs a threshold or more")
    tables = []
    for threshold in thresholds:
        number = sum((one > threshold).to(torch.int16) for one in activations.values())
        types = {
            "all_shared": number == len(activations),
            "partial_shared": (number > 1) & (number < len(activations)),
            "specific": number == 1,
            "non_activated": number == 0,
        }
        shares = {name: one.double().mean(dim=(1, 2)).numpy() for name, one in types.items()}
        tables.append(pd.DataFrame({"threshold": threshold, "layer": range(len(number)), **shares}))
    return pd.concat(tables, ignore_index=True)
