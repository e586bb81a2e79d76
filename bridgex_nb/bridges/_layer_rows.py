"""The two sides of each layer that a ranking of bridges compares: their neurons, and their rows over the probe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..activations._results import ProbeActivations
from ..neurons._probe_rows import finite_rows
from ..neurons._sets import active_neurons, bridge_candidates, check_rule


@dataclass(frozen=True)
class Sides:
    """Neurons that source and target share, bool [L, N], and those of each bridge."""

    shared: torch.Tensor
    bridges: dict[str, torch.Tensor]


@dataclass(frozen=True)
class LayerRows:
    """Rows [n, S] of one layer, and which of them, bool [n], are shared and which are a bridge's; bridges without any are left
    out."""

    layer: int
    rows: torch.Tensor
    shared: torch.Tensor
    bridges: dict[str, torch.Tensor]


def two_sides(
    probe: ProbeActivations, drawn: Sequence[Mapping[str, torch.Tensor]], bridges: Sequence[str], rule: str
) -> list[Sides]:
    """`shared_neurons` and `bridge_neurons` of several draws of the sets; which neurons are active is read only once."""
    src, tgt = probe.src, probe.tgt
    for sets in drawn:
        check_rule(sets, (src, tgt, *bridges), rule)
    both = [
        Sides(sets[src] & sets[tgt], {code: bridge_candidates(sets, src, tgt, code, rule) for code in bridges})
        for sets in drawn
    ]
    if rule not in ("fully_activated", "active"):
        return both
    asked = torch.zeros_like(both[0].shared)
    for sides in both:
        for neurons in ((sides.shared,) if rule == "fully_activated" else ()) + tuple(sides.bridges.values()):
            asked |= neurons
    active = active_neurons(probe, asked, rule)
    return [
        Sides(
            sides.shared & active if rule == "fully_activated" else sides.shared,
            {code: neurons & active for code, neurons in sides.bridges.items()},
        )
        for sides in both
    ]


def layer_rows(
    probe: ProbeActivations, sides: Sides, layers: Iterable[int], device: str | torch.device | None
) -> list[LayerRows]:
    """The rows of the layers in which neurons are shared."""
    found = []
    for layer in layers:
        shared = sides.shared[layer]
        if shared.any():
            own = {code: neurons[layer] for code, neurons in sides.bridges.items() if neurons[layer].any()}
            needed = torch.stack([shared, *own.values()]).any(dim=0)
            rows = finite_rows(probe, layer, needed, device)
            found.append(LayerRows(layer, rows, shared[needed], {code: neurons[needed] for code, neurons in own.items()}))
    return found
