"""What a reader of a ranking of bridges should know about it, in sentences."""

from collections.abc import Sequence

import pandas as pd
import torch

from ..datasets._languages import language
from ._bridge_ranking import FEW_NEURONS


def span(inside: range) -> str:
    """The layers of a window, in words."""
    return f"layers {inside[0]}-{inside[-1]}" if len(inside) > 1 else f"layer {inside[0]}"


def why_empty(shared: torch.Tensor, bridges: Sequence[str], inside: range, rule: str) -> str:
    """Why no bridge has a score in the window."""
    if not shared[inside.start : inside.stop].any():
        active = " and active on the probe" if rule == "fully_activated" else ""
        return f"no neurons are shared{active} in {span(inside)}"
    return f"none of {', '.join(bridges)} has neurons of its own where neurons are shared in {span(inside)}"


def left_out_note(bridges: Sequence[str], inside: range, rule: str) -> str | None:
    """Bridges without a score."""
    if not bridges:
        return None
    kind = "active neurons" if rule == "fully_activated" else "neurons of their own"
    return f"Left out, without {kind} in {span(inside)}: {_names(bridges)}. A higher rate may give them some."


def few_note(in_window: pd.DataFrame, inside: range) -> str | None:
    """Sets with fewer than `FEW_NEURONS` neurons in the window, from its rows of `BridgeRanking.by_layer`."""
    shared = int(in_window.groupby("layer").shared.first().sum())
    own = in_window.groupby("bridge", sort=False).specific.sum()
    parts = [f"{shared} shared"] if shared < FEW_NEURONS else []
    parts += [f"{count} of {language(code).name}" for code, count in own.items() if count < FEW_NEURONS]
    return f"Few neurons in {span(inside)}: {', '.join(parts)}. Their scores mean little." if parts else None


def absent_note(layers: Sequence[int]) -> str | None:
    """Layers without shared neurons."""
    return f"No shared neurons in layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}." if layers else None


def redraw_note(unusable: int, redraws: int, inside: range) -> str | None:
    """Draws of the sets in which there is nothing to rank."""
    if not unusable:
        return None
    return f"Left out of the intervals: {unusable} of {redraws} draws of the sets, without shared neurons in {span(inside)}."


def _names(codes: Sequence[str]) -> str:
    return ", ".join(language(code).name for code in codes)
