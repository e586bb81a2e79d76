"""Figures of what bridges gain and what selectors of bridges lose. They are reached through `plots`."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import PALETTE, STYLE, language_name

#: Direction of a difference that is there beyond chance -> its colour and name.
_DIFFERENCES = {
    1: (PALETTE[0], "better than zero-shot"),
    -1: (PALETTE[3], "worse than zero-shot"),
    0: ("0.6", "not distinct (corrected p at least 0.05)"),
}


def bridge_gains(table: pd.DataFrame) -> Figure:
    """What each bridge gains over zero-shot on each pair, with 95 % intervals, a panel a bridge.

    Coloured are the differences whose Holm-corrected p lies below 0.05.

    Parameters
    ----------
    table : pandas.DataFrame
        What `compare` gives.
    """
    pairs = list(dict.fromkeys(zip(table.src, table.tgt, strict=True)))
    bridges = table.groupby("bridge").gain.mean().sort_values(ascending=False).index
    sign = np.sign(table.gain).where(table.p_holm < 0.05, 0)
    key = [
        Line2D([], [], color=colour, marker="o", markersize=5, label=label)
        for way, (colour, label) in _DIFFERENCES.items()
        if way in set(sign)
    ]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.4 + 1.45 * len(bridges), 1.5 + 0.27 * len(pairs)), layout="constrained")
        panels = figure.subplots(1, len(bridges), sharex=True, sharey=True, squeeze=False)[0]
        for axes, bridge in zip(panels, bridges, strict=True):
            rows = table[table.bridge == bridge]
            heights = [pairs.index(pair) for pair in zip(rows.src, rows.tgt, strict=True)]
            colours = [_DIFFERENCES[one][0] for one in sign[rows.index]]
            _points(axes, heights, 100 * rows[["gain", "low", "high"]], colours)
            axes.set(
                title=language_name(bridge), yticks=range(len(pairs)), yticklabels=[f"{src} → {tgt}" for src, tgt in pairs]
            )
        panels[0].invert_yaxis()
        figure.supxlabel("accuracy through the bridge less zero-shot (percentage points)", fontsize=9)
        figure.legend(handles=key, loc="outside upper center", ncols=3, frameon=False)
    return figure


def selector_leaderboard(table: pd.DataFrame) -> Figure:
    """Selectors of bridges: their regret, their accuracy beside always-English's, both with 95 % intervals, and their ranks.

    Parameters
    ----------
    table : pandas.DataFrame
        What `leaderboard` gives.
    """
    heights = range(len(table))
    colours = [{"oracle": PALETTE[2], "english": PALETTE[1]}.get(name, PALETTE[0]) for name in table.selector]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.2, 1.1 + 0.28 * len(table)), layout="constrained")
        regret, lead, ranks = figure.subplots(1, 3, sharey=True, width_ratios=[3, 3, 2])
        _points(regret, heights, 100 * table[["regret", "low", "high"]], colours)
        _points(lead, heights, 100 * table[["lead", "lead_low", "lead_high"]], colours)
        ranks.scatter(table.spearman, heights, color=colours, s=16, zorder=3)
        ranks.axvline(0, color="0.4", linewidth=0.8)
        ranks.grid(axis="y", color="0.92")
        regret.set(xlabel="regret: accuracy lost against\nthe best bridge (percentage points)", yticks=heights)
        regret.set_yticklabels(table.selector)
        lead.set(xlabel="accuracy less that of\nalways-English (percentage points)")
        ranks.set(xlabel="Spearman of scores and\naccuracies within a pair", xlim=(-1.05, 1.05))
        regret.invert_yaxis()
    return figure


def _points(axes: Axes, heights, values: pd.DataFrame, colours) -> None:
    """Points with their intervals; the columns of values are those of point, low end and high end."""
    middle, low, high = (values[column] for column in values)
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.hlines(heights, low, high, color=colours, linewidth=1.6)
    axes.scatter(middle, heights, color=colours, s=16, zorder=3)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
