"""Figures of X-ICL: how accurate a model is when it is prompted through a bridge."""

from collections.abc import Mapping, Sequence

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
from ..exceptions import InputError
from ._style import PALETTE, STYLE, draw_intervals, drawing, language_name, score_unit

#: Column -> what its values are multiplied with, the format of a cell, and the label of the colour bar.
_VALUES = {
    "accuracy": (100, ".0f", "accuracy (%)"),
    "gold_logprob": (1, ".1f", "mean log-probability of the accepted answer (nats)"),
}


def xicl_heatmap(
    table: pd.DataFrame,
    chosen: Mapping[tuple[str, str], str] | None = None,
    *,
    value: str = "accuracy",
    selector: str | None = None,
    title: str = "Accuracy through each bridge",
    ax: Axes | None = None,
) -> Figure:
    """X-ICL accuracy of one task, pair x bridge, with a column for zero-shot if the table has it.

    The best bridge of each pair is marked (several where they are equal, none where all are), and the one that a selector
    chooses.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `accuracy` or `evaluate`, one per pair and bridge: src, tgt, bridge, accuracy.
    chosen : mapping of (src, tgt) to str, optional
        The bridge chosen for each pair.
    value : {"accuracy", "gold_logprob"}
        The column that is shown: the share of right answers, or the mean log-probability of the accepted answer.
    selector : str, optional
        Name of the selector that chose, for the legend.
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Raises
    ------
    InputError
        If `value` is unknown, or the table lacks a column, has several tasks or several rows for one pair and bridge, or lacks
        a chosen bridge.

    Examples
    --------
    >>> table = pd.DataFrame({"src": "sw", "tgt": "tl", "bridge": ["zero-shot", "en", "fr"], "accuracy": [0.2, 0.5, 0.4]})
    >>> figure = xicl_heatmap(table, {("sw", "tl"): "fr"}, selector="HSIC")
    """
    if value not in _VALUES:
        raise InputError(f"value={value!r}: choose from {', '.join(_VALUES)}")
    factor, digits, label = _VALUES[value]
    wide = _by_bridge(table, value) * factor
    columns = list(wide)
    through = wide.drop(columns=ZERO_SHOT, errors="ignore")
    # Where all bridges are equal, as where a model gets nothing right, none is the best.
    best = through.eq(through.max(axis=1), axis=0) & through.ne(through.min(axis=1), axis=0)
    for pair, bridge in (chosen or {}).items():
        if pair not in wide.index or bridge not in columns or pd.isna(wide.loc[pair, bridge]):
            raise InputError(f"the bridge chosen for {'-'.join(pair)}, {bridge!r}, is not in the table for that pair")
    shown = wide.set_axis([f"{src} → {tgt}" for src, tgt in wide.index]).rename(columns=language_name)
    with drawing(ax, 6.8, 1.3 + 0.34 * len(wide)) as (figure, axes):
        sns.heatmap(
            shown,
            ax=axes,
            cmap="viridis",
            annot=True,
            fmt=digits,
            annot_kws={"size": 8},
            cbar_kws={"label": label},
        )
        for row, pair in enumerate(wide.index):
            for bridge in through.columns[best.loc[pair].astype(bool)]:
                axes.add_patch(_frame(columns.index(bridge), row, 0.07, "white", "-"))
            if chosen and pair in chosen:
                axes.add_patch(_frame(columns.index(chosen[pair]), row, 0.16, "red", "--"))
        if ZERO_SHOT in columns:
            axes.axvline(1, color="black", linewidth=2)
        axes.set(xlabel="", ylabel="", title=title)
        axes.tick_params(axis="y", rotation=0)
        axes.tick_params(axis="x", rotation=30)
        dark = mpl.colormaps["viridis"](0.25)  # the frames are white and red on the colours of the map
        square = {"marker": "s", "markersize": 11, "markeredgewidth": 1.8, "markerfacecolor": dark, "linestyle": "none"}
        key = [Line2D([], [], markeredgecolor="white", label="best bridge (solid)", **square)]
        if chosen:
            by = f" by {selector}" if selector else ""
            key.append(Line2D([], [], markeredgecolor="red", label=f"bridge chosen{by} (dashed)", **square))
        axes.legend(
            handles=key,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.12),
            ncols=2,
            facecolor=dark,
            framealpha=1,
            labelcolor="white",
        )
    return figure


def _by_bridge(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """One column of the table as [pair x bridge], pairs in the order of the table, zero-shot first."""
    if missing := [column for column in ("src", "tgt", "bridge", value) if column not in table]:
        raise InputError(f"the table has no column {missing[0]!r}; accuracy and evaluate give tables with it")
    if "task" in table and table.task.nunique() > 1:
        tasks = ", ".join(table.task.unique())
        raise InputError(
            f"the table has several tasks ({tasks}); draw one at a time, such as table[table.task == {table.task.iloc[0]!r}]"
        )
    repeated = table[table.duplicated(["src", "tgt", "bridge"])]
    if len(repeated):
        src, tgt, bridge = repeated[["src", "tgt", "bridge"]].iloc[0]
        raise InputError(f"the table has several rows for {src}-{tgt} and {bridge!r}; draw one result at a time")
    wide = table.pivot(index=["src", "tgt"], columns="bridge", values=value)
    known = [code for code in (ZERO_SHOT, *LANGUAGES) if code in wide]
    pairs = list(dict.fromkeys(zip(table.src, table.tgt, strict=True)))
    return wide.loc[pairs, [*known, *wide.columns.difference(known)]]


def _frame(column: int, row: int, inset: float, colour: str, line: str) -> Rectangle:
    side = 1 - 2 * inset
    return Rectangle((column + inset, row + inset), side, side, fill=False, edgecolor=colour, linestyle=line, linewidth=1.8)


#: Sign of a significant difference, 0 for none -> its colour and name.
_DIFFERENCES = {
    1: (PALETTE[0], "better than zero-shot"),
    -1: (PALETTE[3], "worse than zero-shot"),
    0: ("0.6", "not significant (corrected p ≥ 0.05)"),
}


def bridge_gains(table: pd.DataFrame, *, score: str = "accuracy") -> Figure:
    """What each bridge gains over zero-shot on each pair, with 95 % intervals, one panel per bridge.

    Differences are coloured if their Holm-corrected p-value is below 0.05.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `compare`.
    score : str
        What the scores are, for the label: "chrF" for translations, "log P(gold)" for those of `by_gold_logprob`.

    Raises
    ------
    InputError
        If the table compares with another baseline than zero-shot, or holds controls.
    """
    if "baseline" in table or "control" in table:
        raise InputError("bridge_gains draws what compare(items) gives; control_gains draws controls")
    factor, unit = score_unit(score)
    pairs = list(dict.fromkeys(zip(table.src, table.tgt, strict=True)))
    bridges = table.groupby("bridge").gain.mean().sort_values(ascending=False).index
    sign = np.sign(table.gain).where(table.p_holm < 0.05, 0)
    key = [
        Line2D([], [], color=colour, marker="o", markersize=5, label=label)
        for direction, (colour, label) in _DIFFERENCES.items()
        if direction in set(sign)
    ]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.4 + 1.45 * len(bridges), 1.5 + 0.27 * len(pairs)), layout="constrained")
        panels = figure.subplots(1, len(bridges), sharex=True, sharey=True, squeeze=False)[0]
        for axes, bridge in zip(panels, bridges, strict=True):
            rows = table[table.bridge == bridge]
            heights = [pairs.index(pair) for pair in zip(rows.src, rows.tgt, strict=True)]
            colours = [_DIFFERENCES[direction][0] for direction in sign[rows.index]]
            draw_intervals(axes, heights, factor * rows[["gain", "low", "high"]], colours)
            axes.set(
                title=language_name(bridge), yticks=range(len(pairs)), yticklabels=[f"{src} → {tgt}" for src, tgt in pairs]
            )
        panels[0].invert_yaxis()
        figure.supxlabel(f"{score} through the bridge minus zero-shot ({unit})", fontsize=9)
        figure.legend(handles=key, loc="outside upper center", ncols=3, frameon=False)
    return figure


def accuracy_intervals(table: pd.DataFrame, rows: Sequence[str], title: str, *, ax: Axes | None = None) -> Figure:
    """Accuracies with their 95 % intervals, one row for each combination of the columns `rows`, and the number of answers.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `accuracy`.
    rows : sequence of str
        Columns that name a row.
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Examples
    --------
    >>> table = pd.DataFrame({"asked": ["zero-shot"], "n": [20], "accuracy": [0.5], "low": [0.3], "high": [0.7]})
    >>> accuracy_intervals(table, ["asked"], "Twenty words").axes[0].get_yticklabels()[0].get_text()
    'zero-shot (20)'
    """
    with drawing(ax, 6.4, 1.1 + 0.3 * len(table)) as (figure, axes):
        draw_intervals(axes, range(len(table)), 100 * table[["accuracy", "low", "high"]], [PALETTE[0]] * len(table))
        names = [", ".join(map(str, row)) for row in table[list(rows)].itertuples(index=False, name=None)]
        labels = [f"{name} ({n:,})" for name, n in zip(names, table.n, strict=True)]
        axes.set(yticks=range(len(table)), yticklabels=labels, xlim=(0, 100), xlabel="accuracy (%)", title=title)
        axes.invert_yaxis()
    return figure
