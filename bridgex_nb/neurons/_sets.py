"""Neuron sets: boolean tensors [L, N]. Set algebra is ``&``, ``|`` and ``~``."""

from collections.abc import Mapping

import pandas as pd
import torch

from ..activations._results import ActivationCounts, ProbeActivations
from ..exceptions import InputError

#: How the neurons that speak for a bridge are told from those of source and target; see `bridge_neurons`.
RULES = ("exclusive", "active", "minus_overlap")


def top_neurons(counts: ActivationCounts, rate: float = 0.01) -> dict[str, torch.Tensor]:
    """Language neurons: for each language the share `rate` of all neurons of the model that is active most often.

    The bar is the value at rank round((1 - rate) L N) of all layers together, and ties with it are kept, so a set may be
    larger than rate L N.

    Parameters
    ----------
    counts : ActivationCounts
    rate : float
        Share of the L N neurons, in (0, 1).

    Returns
    -------
    dict of str to torch.Tensor
        Language -> bool [L, N].

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078, section 3, and its released code).

    Examples
    --------
    >>> sets = top_neurons(counts, rate=0.01)  # doctest: +SKIP
    >>> shared = sets["sw"] & sets["tl"]  # doctest: +SKIP
    """
    if not 0 < rate < 1:
        raise InputError(f"rate is the share of all neurons to take, between 0 and 1; not {rate}")
    probability = counts.probability.flatten(1)
    rank = max(1, round((1 - rate) * probability.shape[1]))
    bar = probability.kthvalue(rank, dim=1, keepdim=True).values
    return {
        code: chosen.view(counts.active.shape[1:]) for code, chosen in zip(counts.languages, probability >= bar, strict=True)
    }


def overlap_matrix(sets: Mapping[str, torch.Tensor], kind: str = "count") -> pd.DataFrame:
    """How many neurons each two languages share.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    kind : {"count", "jaccard", "lift"}
        `count`: |A & B| (the paper's); `jaccard`: |A & B| / |A | B|; `lift`: observed over expected by chance,
        |A & B| L N / (|A| |B|). The last two do not grow with the size of the sets.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric.
    """
    if kind not in ("count", "jaccard", "lift"):
        raise InputError(f"unknown kind of overlap {kind!r}; there are count, jaccard and lift")
    flat = torch.stack([one.flatten() for one in sets.values()]).double()
    shared = flat @ flat.T
    sizes = shared.diagonal()
    if kind == "jaccard":
        union = sizes[:, None] + sizes - shared
        shared = torch.where(union > 0, shared / union.clamp(min=1), 0.0)
    elif kind == "lift":
        expected = sizes[:, None] * sizes / flat.shape[1]
        shared = torch.where(expected > 0, shared / expected.clamp(min=1e-300), 0.0)
    table = pd.DataFrame(shared.numpy(), index=list(sets), columns=list(sets))
    return table.astype(int) if kind == "count" else table


def bridge_neurons(
    sets: Mapping[str, torch.Tensor],
    src: str,
    tgt: str,
    bridge: str,
    rule: str = "exclusive",
    probe: ProbeActivations | None = None,
) -> torch.Tensor:
    """The neurons that speak for a bridge language, told from those of source and target.

    BridgeX-ICL reads this set from a file that its released code makes nowhere, so the rule is a named choice.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    src, tgt, bridge : str
        Language codes.
    rule : {"exclusive", "active", "minus_overlap"}
        `exclusive`: T_bridge without T_src and T_tgt. `active`: of these, the neurons whose mean on `probe` is above 0.
        `minus_overlap`: T_bridge without the neurons that source and target share.
    probe : ProbeActivations, optional
        What the rule `active` looks at; it must hold the exclusive neurons.

    Returns
    -------
    torch.Tensor
        bool [L, N].
    """
    missing = [code for code in (src, tgt, bridge) if code not in sets]
    if missing:
        raise InputError(f"no neuron set for {', '.join(missing)}; there are sets for {' '.join(sets)}")
    if rule not in RULES:
        raise InputError(f"unknown bridge rule {rule!r}; there are {', '.join(RULES)}")
    if rule == "minus_overlap":
        return sets[bridge] & ~(sets[src] & sets[tgt])
    exclusive = sets[bridge] & ~(sets[src] | sets[tgt])
    if rule == "exclusive":
        return exclusive
    if probe is None:
        raise InputError("the bridge rule 'active' needs a probe")
    active = torch.zeros_like(exclusive)
    for layer, chosen in enumerate(exclusive):
        active[layer, chosen] = probe.rows(layer, chosen).mean(dim=1) > 0
    return active
