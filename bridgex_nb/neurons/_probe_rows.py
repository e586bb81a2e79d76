"""Rows of a probe for neuron sets, checked."""

from collections.abc import Mapping

import torch

from ..activations._results import ProbeActivations
from ..exceptions import InputError


def check_shapes(probe: ProbeActivations, sets: Mapping[str, torch.Tensor]) -> None:
    """Refuse sets that are not [L, N] of the probe."""
    shape = list((probe.values if probe.kept is None else probe.kept).shape[:2])
    for code, neuron_set in sets.items():
        if list(neuron_set.shape) != shape:
            raise InputError(
                f"the set of {code} is {list(neuron_set.shape)}, but the probe has {shape} neurons: is it from another model?"
            )


def finite_rows(probe: ProbeActivations, layer: int, neurons: torch.Tensor, device: str | torch.device | None) -> torch.Tensor:
    """Rows [n, S] of the neurons of a layer that the bool [N] selects, on the device; refused if a value is not finite."""
    rows = probe.rows(layer, neurons).to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not torch.isfinite(rows).all():
        raise InputError(f"layer {layer}: activations are not finite (NaN or infinite); was the model run in float16?")
    return rows


def constant_note(rows: torch.Tensor, layer: int) -> str | None:
    """A sentence about the neurons that are constant over the probe; None if there are none."""
    constant = int((rows == rows[:, :1]).all(dim=1).sum())
    if not constant:
        return None
    subject = (
        "1 neuron is constant over the probe; its"
        if constant == 1
        else f"{constant} neurons are constant over the probe; their"
    )
    return f"Layer {layer}: {subject} HSIC is 0."
