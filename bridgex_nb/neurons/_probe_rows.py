"""Rows of a probe for neuron sets, checked."""

import warnings
from collections.abc import Mapping

import torch

from ..activations._results import ProbeActivations
from ..exceptions import InputError


def _check_shapes(probe: ProbeActivations, sets: Mapping[str, torch.Tensor]) -> None:
    """Refuse sets that are not [L, N] of the probe."""
    shape = list((probe.values if probe.kept is None else probe.kept).shape[:2])
    for code, mask in sets.items():
        if list(mask.shape) != shape:
            raise InputError(
                f"the set of {code} is {list(mask.shape)} and the probe has {shape} neurons: sets of another model"
            )


def _rows(probe: ProbeActivations, layer: int, neurons: torch.Tensor, device: str | torch.device | None) -> torch.Tensor:
    """Rows of a layer, refused where a value is not finite, with a warning where a neuron never changes."""
    rows = probe.rows(layer, neurons).to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not torch.isfinite(rows).all():
        raise InputError(f"layer {layer}: activations are not finite (NaN or infinite); was the model run in float16?")
    constant = int((rows == rows[:, :1]).all(dim=1).sum())
    if constant:
        warnings.warn(f"layer {layer}: {constant} neuron(s) are constant over the probe; their HSIC is 0", stacklevel=3)
    return rows
