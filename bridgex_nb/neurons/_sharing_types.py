"""How many languages activate a neuron on the same item (Sharing Matters, Wang et al. 2024, arXiv 2406.09265)."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from ..activations._results import ProbeActivations
from ..exceptions import InputError
from ..utils._run_card import RunCard, check_same_model, run_card, tensor_hash

#: The types, by how many languages activate a neuron.
_TYPES = ("all_shared", "partial_shared", "specific", "non_activated")


def sharing_types(
    activations: Mapping[str, torch.Tensor] | Mapping[str, ProbeActivations],
    thresholds: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    *,
    permutations: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Share of a layer's neurons that an item activates in all languages, in several, in one, or in none.

    Many neurons are active on nearly every item and so count as shared by all languages, whatever the items say. The control is
    the same count with the items mismatched: at every position each language has another item. What is shared because of the
    item is the excess over it.

    Parameters
    ----------
    activations : mapping of str to ProbeActivations or torch.Tensor
        Language -> a probe, or [L, N, I]: one value per neuron and item; item i is the same in each of the K languages, two or
        more. The paper takes the last token of the prompt: ``probe(model, texts, statistic="last")``; with token means the
        types are those of whole prompts.
    thresholds : sequence of float
        A neuron is active where its value is above the threshold.
    permutations : int
        How often the items are mismatched; 0 leaves the control out.
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row per threshold and layer: threshold, layer, and shares of the N neurons, averaged over the items: all_shared
        (active in K languages), partial_shared (2 to K - 1), specific (1), non_activated (0). The shares sum to 1. With the
        control, also all_shared_mismatched to non_activated_mismatched, the same shares for mismatched items, means of the
        permutations; all_shared_excess, all_shared minus all_shared_mismatched; and all_shared_z, the excess over the standard
        deviation of the permutations (0 where the two are equal). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If there are fewer than two languages, their tensors differ in shape or are empty, a value is not finite, no threshold
        is given, the probes are of different models or kept only some neurons, or there are fewer items than languages, so that
        they cannot be mismatched.

    Notes
    -----
    The types are those of Sharing Matters (Wang et al. 2024, arXiv 2406.09265) and its released code; the control is this
    project's. The items are shuffled, and language k takes the item d_k places further on, with another random d_k for each
    language, so that no two languages ever have the same item.

    Examples
    --------
    >>> values = {"sw": torch.tensor([[[0.2], [0.4], [-1.0]]]), "tl": torch.tensor([[[0.3], [-0.5], [-2.0]]])}
    >>> sharing_types(values, [0.0], permutations=0).round(2).iloc[0].to_dict()
    {'threshold': 0.0, 'layer': 0.0, 'all_shared': 0.33, 'partial_shared': 0.0, 'specific': 0.33, 'non_activated': 0.33}
    """
    values = {code: given.values if isinstance(given, ProbeActivations) else given for code, given in activations.items()}
    shapes = {tuple(one.shape) for one in values.values()}
    if len(values) < 2 or len(shapes) > 1 or len(next(iter(shapes))) != 3 or 0 in next(iter(shapes)):
        given = ", ".join(f"{code} {list(one.shape)}" for code, one in values.items())
        raise InputError(f"sharing needs tensors [L, N, I] of one shape for two or more languages, not {given or 'none'}")
    broken = [code for code, one in values.items() if not torch.isfinite(one).all()]
    if broken:
        raise InputError(f"activations are not finite (NaN or infinite): {' '.join(broken)}")
    if isinstance(thresholds, float | int) or not len(thresholds):
        raise InputError("sharing_types needs a list of one threshold or more, such as [0.0]")
    items = next(iter(shapes))[2]
    if permutations < 0 or permutations == 1:
        raise InputError(f"permutations is 0 (no control) or at least 2, not {permutations}")
    if permutations and items < len(values):
        raise InputError(
            f"{items} item(s) cannot be mismatched over {len(values)} languages; give at least as many items as languages, "
            "or leave out the control with permutations=0"
        )
    card = _card(activations, {"thresholds": list(thresholds), "permutations": permutations, "seed": seed})
    rng = random.Random(seed)
    orders = [_mismatched(items, len(values), rng) for _ in range(permutations)]
    tables = []
    for threshold in thresholds:
        # [I, L, N]: another order of the items moves whole blocks.
        active = [(one > threshold).permute(2, 0, 1).contiguous() for one in values.values()]
        shares = _shares(active)
        table = pd.DataFrame({"threshold": threshold, "layer": range(shares.shape[1])})
        table[list(_TYPES)] = shares.T.numpy()
        if orders:
            draws = torch.stack([_shares([one[order] for one, order in zip(active, given, strict=True)]) for given in orders])
            table[[f"{name}_mismatched" for name in _TYPES]] = draws.mean(dim=0).T.numpy()
            excess = (shares - draws.mean(dim=0))[0]
            spread = draws.std(dim=0)[0]
            table["all_shared_excess"] = excess.numpy()
            table["all_shared_z"] = torch.where(spread > 0, excess / spread, 0.0).numpy()
        tables.append(table)
    result = pd.concat(tables, ignore_index=True)
    result.attrs["card"] = card
    return result


def _mismatched(items: int, languages: int, rng: random.Random) -> list[list[int]]:
    """An order of the items for each language, such that no two languages have the same item at the same position."""
    shuffled = rng.sample(range(items), items)
    return [shuffled[by:] + shuffled[:by] for by in rng.sample(range(items), languages)]


def _shares(active: Sequence[torch.Tensor]) -> torch.Tensor:
    """Shares [4, L] of the neurons of each type, from the active neurons of each language, bool [I, L, N]."""
    number = torch.zeros(active[0].shape, dtype=torch.int16)
    for one in active:
        number += one
    types = [number == len(active), (number > 1) & (number < len(active)), number == 1, number == 0]
    return torch.stack([neurons.double().mean(dim=(0, 2)) for neurons in types])


def _card(activations: Mapping[str, torch.Tensor] | Mapping[str, ProbeActivations], options: dict[str, Any]) -> RunCard:
    probes = {code: given for code, given in activations.items() if isinstance(given, ProbeActivations)}
    tensors = {code: tensor_hash(given) for code, given in activations.items() if isinstance(given, torch.Tensor)}
    source: Mapping[str, Any] = next(iter(probes.values())).card if probes else {}
    for code, probe in probes.items():
        check_same_model(f"the activations of {code} are", probe.card, source, ("model", "weights_sha256", "revision", "site"))
    data = {"kind": "activations", "languages": list(activations)} | ({"sha256": tensors} if tensors else {})
    return run_card(
        "sharing_types",
        source,
        data=data,
        options=options,
        inputs={f"probe {code}": probe.card for code, probe in probes.items()},
    )
