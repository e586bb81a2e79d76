"""Neuron sets: boolean tensors [L, N]. Set algebra is ``&``, ``|`` and ``~``."""

import warnings
from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..activations._results import ActivationCounts, ProbeActivations
from ..exceptions import InputError
from ..utils._run_card import run_card, set_card
from ._always_on import always_on, check_exclude
from ._probe_rows import finite_rows
from ._ties import tie_notes

#: Share of all neurons in a language's set, by default. The papers take 1 % of the neurons of much larger models.
RATE = 0.05
#: Which neurons of source and target, and of the bridge, are compared; see `bridge_neurons`. The first is the default.
RULES = ("fully_activated", "exclusive", "active", "minus_overlap")
#: Kinds of `overlap_matrix`.
OVERLAPS = ("count", "jaccard", "lift")


def top_neurons(counts: ActivationCounts, rate: float = RATE, exclude: str | None = None) -> dict[str, torch.Tensor]:
    """Language neurons: for each language, the share `rate` of all neurons of the model that are active most often.

    The threshold is the value at rank round((1 - rate) L N) over all layers together, and neurons tied with it are kept, so a
    set may be larger than rate L N.

    Parameters
    ----------
    counts : ActivationCounts
    rate : float
        Share of the L N neurons, in (0, 1). The paper takes 1 % of Llama-3-8B's neurons.
    exclude : {"always_on"}, optional
        Leave out the neurons that are active at almost every token of every language (`always_on`), and fill the sets with the
        next ones. By default nothing is left out, as in the paper; but in a real model such neurons can be most of a set.

    Returns
    -------
    dict of str to torch.Tensor
        Language -> bool [L, N].

    Raises
    ------
    InputError
        If `rate` is not between 0 and 1, `exclude` is unknown, leaves fewer neurons than `rate` asks for, or is "always_on"
        where only one language was counted.

    Warns
    -----
    UserWarning
        If ties make a set larger than asked for, by a tenth and by more than five neurons: of how many neurons are tied, and
        how many texts would help.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078, section 3, and its released code).

    Examples
    --------
    >>> sentences = core_sentences()
    >>> counts = count_active(load_model(), {code: sentences[code] for code in ("sw", "tl")})
    >>> sets = top_neurons(counts, rate=0.01)
    >>> shared = sets["sw"] & sets["tl"]
    """
    sets, notes = sets_without_warnings(counts, rate, exclude)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return sets


def sets_without_warnings(
    counts: ActivationCounts, rate: float, exclude: str | None
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """`top_neurons`, and what it warns of."""
    check_share("rate", rate)
    check_exclude(exclude)
    excluded = always_on(counts) if exclude == "always_on" else None
    chosen, thresholds = top_share(counts.probability, rate, excluded)
    notes = tie_notes(counts, rate, chosen, thresholds, excluded)
    return dict(zip(counts.languages, chosen, strict=True)), notes


def top_share(
    probability: torch.Tensor, rate: float, excluded: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The share `rate` of the neurons with the largest values, of values [K, L, N]: bool [K, L, N], and the K smallest values.

    Neurons of `excluded`, bool [L, N], are not chosen; the share is still of all L N.
    """
    values = probability.flatten(1)
    if excluded is not None:
        values = values.masked_fill(excluded.flatten(), -1.0)
        left = int((~excluded).sum())
        if left < rate * values.shape[1]:
            raise InputError(
                f"rate={rate} asks for {round(rate * values.shape[1]):,} neurons, but without those always on {left:,} are left"
            )
    rank = max(1, round((1 - rate) * values.shape[1]))
    thresholds = values.kthvalue(rank, dim=1, keepdim=True).values
    chosen = values >= thresholds.clamp(min=0)
    return chosen.view(probability.shape), thresholds[:, 0]


def overlap_matrix(sets: Mapping[str, torch.Tensor], kind: str = "count") -> pd.DataFrame:
    """How many neurons every two languages share.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    kind : {"count", "jaccard", "lift"}
        `count`: |A & B| (as in the paper); `jaccard`: |A & B| / |A | B|; `lift`: observed over expected by chance,
        |A & B| L N / (|A| |B|). The last two do not grow with the size of the sets.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the kind is unknown, there is no set, or the sets differ in shape.

    Examples
    --------
    >>> sets = {"sw": torch.tensor([[True, True, False]]), "tl": torch.tensor([[False, True, True]])}
    >>> int(overlap_matrix(sets).loc["sw", "tl"])
    1
    """
    if kind not in OVERLAPS:
        raise InputError(f"unknown kind of overlap {kind!r}; choose from {', '.join(OVERLAPS)}")
    if not sets:
        raise InputError("overlap_matrix needs the neuron set of one language or more; there is none")
    shapes = {code: list(neuron_set.shape) for code, neuron_set in sets.items()}
    if len({tuple(shape) for shape in shapes.values()}) > 1:
        listed = ", ".join(f"{code} {shape}" for code, shape in shapes.items())
        raise InputError(f"sets of one model have one shape [L, N]; these differ: {listed}")
    flat = torch.stack([neuron_set.flatten() for neuron_set in sets.values()]).double()
    shared = flat @ flat.T
    sizes = shared.diagonal()
    if kind == "jaccard":
        union = sizes[:, None] + sizes - shared
        shared = torch.where(union > 0, shared / union.clamp(min=1), 0.0)
    elif kind == "lift":
        expected = sizes[:, None] * sizes / flat.shape[1]
        shared = torch.where(expected > 0, shared / expected.clamp(min=1e-300), 0.0)
    table = pd.DataFrame(shared.numpy(), index=list(sets), columns=list(sets)).astype(int if kind == "count" else float)
    table.attrs["card"] = run_card("overlap_matrix", {}, options={"kind": kind, "sets": set_card(sets)})
    return table


def bridge_neurons(
    sets: Mapping[str, torch.Tensor],
    src: str,
    tgt: str,
    bridge: str,
    rule: str = RULES[0],
    probe: ProbeActivations | None = None,
) -> torch.Tensor:
    """Bridge neurons: those of a bridge language that are compared with the neurons that source and target share.

    BridgeX-ICL reads this set from a file that its released code does not create, so the rule is a named choice.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    src, tgt, bridge : str
        Language codes.
    rule : {"fully_activated", "exclusive", "active", "minus_overlap"}
        `fully_activated`: the neurons of T_bridge whose mean on `probe` is above 0 (and `shared_neurons` are restricted
        alike). `exclusive`: T_bridge without T_src and T_tgt. `active`: of these, the neurons whose mean on `probe` is above 0.
        `minus_overlap`: T_bridge without the neurons that source and target share.
    probe : ProbeActivations, optional
        Needed by the rules `fully_activated` and `active`; it must hold the neurons that they choose from.

    Returns
    -------
    torch.Tensor
        bool [L, N].

    Raises
    ------
    InputError
        If a language has no set, the rule is unknown, a rule that needs a probe has none, or the probe's activations are not
        finite.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078, section 3). `fully_activated` is the default because it is the reading
    nearest to the figure in the released repository, which draws the bridge's neurons as a subset of T_bridge, tied to the
    overlap of source and target by the words "Fully activated". It has a price: a shared neuron that the bridge has, too,
    stands on both sides and matches itself perfectly, so that the ranking then follows how many of the shared neurons each
    bridge has. The other rules keep such neurons out of Y.

    Examples
    --------
    >>> codes = {"sw": [True, False, False], "tl": [True, True, False], "en": [True, True, True]}
    >>> sets = {code: torch.tensor([row]) for code, row in codes.items()}
    >>> bridge_neurons(sets, "sw", "tl", "en", rule="exclusive")
    tensor([[False, False,  True]])
    """
    check_rule(sets, (src, tgt, bridge), rule)
    chosen = bridge_candidates(sets, src, tgt, bridge, rule)
    return active_neurons(probe, chosen, rule) if rule in ("fully_activated", "active") else chosen


def shared_neurons(
    sets: Mapping[str, torch.Tensor],
    src: str,
    tgt: str,
    rule: str = RULES[0],
    probe: ProbeActivations | None = None,
) -> torch.Tensor:
    """The neurons that source and target share, as a rule of `bridge_neurons` has them compared with those of a bridge.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    src, tgt : str
        Language codes.
    rule : str
        `fully_activated`: the neurons of T_src & T_tgt whose mean on `probe` is above 0. With the other rules, all of them.
    probe : ProbeActivations, optional
        Needed by the rule `fully_activated`.

    Returns
    -------
    torch.Tensor
        bool [L, N].

    Raises
    ------
    InputError
        As `bridge_neurons`.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078, section 3).

    Examples
    --------
    >>> sets = {"sw": torch.tensor([[True, True, False]]), "tl": torch.tensor([[False, True, True]])}
    >>> shared_neurons(sets, "sw", "tl", rule="exclusive")
    tensor([[False,  True, False]])
    """
    check_rule(sets, (src, tgt), rule)
    shared = sets[src] & sets[tgt]
    return active_neurons(probe, shared, rule) if rule == "fully_activated" else shared


def check_rule(sets: Mapping[str, torch.Tensor], languages: Sequence[str], rule: str) -> None:
    """Refuse languages without a set, and unknown rules."""
    missing = [code for code in languages if code not in sets]
    if missing:
        raise InputError(f"no neuron set for {', '.join(missing)}; available: {', '.join(sets) or 'none'}")
    if rule not in RULES:
        raise InputError(f"unknown bridge rule {rule!r}; choose from {', '.join(RULES)}")


def bridge_candidates(sets: Mapping[str, torch.Tensor], src: str, tgt: str, bridge: str, rule: str) -> torch.Tensor:
    """The neurons from which a rule takes all, or the active ones, as `bridge_neurons`."""
    if rule == "fully_activated":
        return sets[bridge]
    return sets[bridge] & ~(sets[src] & sets[tgt] if rule == "minus_overlap" else sets[src] | sets[tgt])


def active_neurons(probe: ProbeActivations | None, neurons: torch.Tensor, rule: str) -> torch.Tensor:
    """Those of the neurons, bool [L, N], whose mean on the probe is above 0."""
    if probe is None:
        raise InputError(f"the bridge rule {rule!r} needs a probe: give probe=, or take rule='exclusive'")
    active = torch.zeros_like(neurons)
    for layer, chosen in enumerate(neurons):
        if chosen.any():
            active[layer, chosen] = finite_rows(probe, layer, chosen, "cpu").mean(dim=1) > 0
    return active


def check_share(name: str, value: float) -> None:
    """Refuse a share that is not between 0 and 1."""
    if not 0 < value < 1:
        raise InputError(f"{name} is a share, between 0 and 1; not {value}")
