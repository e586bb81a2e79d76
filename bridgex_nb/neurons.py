"""Neuron sets: boolean tensors [L, N]. Set algebra is ``&``, ``|`` and ``~``."""

from collections.abc import Mapping, Sequence
from math import isfinite, log1p

import pandas as pd
import torch

from .activations import ActivationCounts, ProbeActivations
from .errors import InputError

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


def shared_exclusive(sets: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The neurons that all languages share, and those of each language that are not shared by all.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].

    Returns
    -------
    shared : torch.Tensor
        bool [L, N], the intersection of all sets.
    exclusive : dict of str to torch.Tensor
        Language -> bool [L, N], its set without the shared neurons. Some of them may still be in several sets.

    Raises
    ------
    InputError
        If there are fewer than two sets.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890). With the sets of `plnd` the exclusive neurons are PLND's language-specific
    ones (Zhao et al. 2024, arXiv 2402.18815).
    """
    if len(sets) < 2:
        raise InputError(f"what languages share is a matter of two or more; there are sets for: {' '.join(sets) or 'none'}")
    shared = torch.stack(list(sets.values())).all(dim=0)
    return shared, {code: one & ~shared for code, one in sets.items()}


def importance_ratio(
    sets: Mapping[str, torch.Tensor], shared_change: Mapping[str, float], exclusive_change: Mapping[str, float]
) -> pd.Series:
    """How much more a shared neuron matters to a language than one of its exclusive neurons.

    (perplexity change / number of neurons) where the shared neurons are deactivated, over the same for the exclusive ones.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N]; `shared_exclusive` tells which neurons are shared.
    shared_change, exclusive_change : mapping of str to float
        Language -> change of the perplexity of its texts, against the model as it is, when the shared neurons are deactivated;
        when the language's exclusive neurons are.

    Returns
    -------
    pandas.Series
        Language -> ratio, without unit; 1 where both matter alike. `language_agnostic_score` sums it up.

    Raises
    ------
    InputError
        If a change is missing or not finite, or a ratio has nothing to divide by: no shared or no exclusive neurons, or a
        change of 0.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890).
    """
    shared, exclusive = shared_exclusive(sets)
    changes = (shared_change, exclusive_change)
    missing = [code for code in sets if not all(code in one and isfinite(one[code]) for one in changes)]
    if missing:
        raise InputError(f"no finite perplexity change for {' '.join(missing)}")
    empty = [code for code, one in exclusive.items() if not one.any()]
    if empty or not shared.any():
        raise InputError(f"no exclusive neurons in: {' '.join(empty)}" if empty else "no neuron is in all sets")
    still = [code for code in sets if exclusive_change[code] == 0]
    if still:
        raise InputError(f"the exclusive neurons do not change the perplexity of {' '.join(still)}: no ratio to them")
    ratios = {
        code: shared_change[code] / int(shared.sum()) / (exclusive_change[code] / int(exclusive[code].sum())) for code in sets
    }
    return pd.Series(ratios, name="importance_ratio").rename_axis("language")


def language_agnostic_score(ratios: pd.Series) -> float:
    """log(1 + mean over the languages of their `importance_ratio`): how far shared neurons carry a model.

    Raises
    ------
    InputError
        If the mean is not above -1, as where deactivation makes perplexity fall: the score is not defined there.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890).
    """
    if not (mean := float(ratios.mean())) > -1:
        raise InputError(f"the mean importance ratio is {mean:.3g}, and the score is defined above -1 only")
    return log1p(mean)


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
