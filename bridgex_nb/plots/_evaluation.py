"""Figures of what prompting through a bridge changes."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ..datasets._languages import LANGUAGES
from ..evaluation._xicl import ZERO_SHOT
from ._style import PALETTE, STYLE, language_name, new_figure


def xicl_heatmap(table: pd.DataFrame, chosen: Mapping[tuple[str, str], str]) -> Figure:
    """X-ICL accuracy, pair x bridge, with the zero-shot column; the chosen and the best bridge are marked.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `evaluate` for all pairs: src, tgt, bridge, accuracy.
    chosen : mapping of (src, tgt) to str
        The bridge that a selector picks for each pair.
    """
    wide = table.pivot(index=["src", "tgt"], columns="bridge", values="accuracy")
    pairs = list(dict.fromkeys(zip(table.src, table.tgt, strict=True)))
    columns = [code for code in (ZERO_SHOT, *LANGUAGES) if code in wide]
    wide = wide.loc[pairs, columns] * 100
    best = wide.drop(columns=ZERO_SHOT).idxmax(axis=1)
    shown = wide.set_axis([f"{src} → {tgt}" for src, tgt in pairs]).rename(
        columns=lambda code: code if code == ZERO_SHOT else language_name(code)
    )
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(6.8, 1.3 + 0.34 * len(pairs))
        sns.heatmap(
            shown,
            ax=axes,
            cmap="viridis",
            annot=True,
            fmt=".0f",
            annot_kws={"size": 8},
            cbar_kws={"label": "accuracy (%)"},
        )
        for row, pair in enumerate(pairs):
            axes.add_patch(_frame(columns.index(best.loc[pair]), row, 0.07, "white", "-"))
            if pair in chosen:
                axes.add_patch(_frame(columns.index(chosen[pair]), row, 0.16, "red", "--"))
        axes.axvline(1, color="black", linewidth=2)
        axes.set(xlabel="", ylabel="", title="Word translation, zero-shot and through each bridge")
        axes.tick_params(axis="y", rotation=0)
        axes.tick_params(axis="x", rotation=30)
        dark = mpl.colormaps["viridis"](0.25)  # the frames are seen against the colours they lie on
        square = {"marker": "s", "markersize": 11, "markeredgewidth": 1.8, "markerfacecolor": dark, "linestyle": "none"}
        axes.legend(
            handles=[
                Line2D([], [], markeredgecolor="white", label="best bridge (solid)", **square),
                Line2D([], [], markeredgecolor="red", label="bridge chosen by HSIC (dashed)", **square),
            ],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.12),
            ncols=2,
            facecolor=dark,
            framealpha=1,
            labelcolor="white",
        )
    return figure


def _frame(column: int, row: int, inset: float, colour: str, line: str) -> Rectangle:
    side = 1 - 2 * inset
    return Rectangle((column + inset, row + inset), side, side, fill=False, edgecolor=colour, linestyle=line, linewidth=1.8)


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


def _points(axes: Axes, heights, values: pd.DataFrame, colours) -> None:
    """Points with their intervals; the columns of values are those of point, low end and high end."""
    middle, low, high = (values[column] for column in values)
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.hlines(heights, low, high, color=colours, linewidth=1.6)
    axes.scatter(middle, heights, color=colours, s=16, zorder=3)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
