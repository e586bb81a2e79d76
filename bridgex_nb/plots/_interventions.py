"""Figures of interventions: their effect beside that of random neuron sets."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from ..exceptions import InputError
from ..interventions._deactivation_matrix import DeactivationMatrix
from ._style import PALETTE, STYLE, drawing, language_name

#: What `beyond_random` shows, and how many of it are one unit of its table.
_UNITS = {"percentage points": 100, "nats per token": 1}


def deactivation_heatmap(result: DeactivationMatrix) -> Figure:
    """Change in log perplexity, language deactivated x language evaluated, and beside it the mean of the same for random sets.

    Parameters
    ----------
    result : DeactivationMatrix
        Result of `deactivation_matrix`.

    Examples
    --------
    >>> figure = deactivation_heatmap(deactivation_matrix(model, sets, texts))  # doctest: +SKIP
    """
    largest = result.change.abs().max(axis=None)
    with mpl.rc_context(STYLE):
        size = 0.9 + 0.27 * len(result.change)
        figure = Figure(figsize=(2 * size + 1.6, size + 0.6), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, matrix, title in (
            (panels[0], result.change, "language neurons"),
            (panels[1], result.random, "random neurons (mean)"),
        ):
            sns.heatmap(
                matrix.rename(index=language_name, columns=language_name),
                ax=axes,
                cmap="vlag",
                vmin=-largest,
                vmax=largest,
                square=True,
                cbar=axes is panels[1],
                cbar_kws={"label": "change in log perplexity (nats per token)", "shrink": 0.8},
            )
            axes.set(title=title, xlabel="perplexity of", ylabel="neurons deactivated" if axes is panels[0] else "")
            axes.tick_params(axis="x", rotation=90)
            axes.tick_params(axis="y", rotation=0)
        figure.suptitle("Deactivated neurons and perplexity", fontsize=10)
    return figure


def amplification_curve(table: pd.DataFrame, language: str, *, ax: Axes | None = None) -> Figure:
    """Perplexity of every language as the neurons of one of them are multiplied by a factor.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `perplexity` at each factor, with the columns factor, language and perplexity; one of the factors is 1.
    language : str
        The language whose neurons are changed.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.
    """
    wide = table.pivot(index="factor", columns="language", values="perplexity")
    ratio = wide / wide.loc[1]
    others = ratio.drop(columns=language)
    name = language_name(language)
    with drawing(ax, 6.0, 3.6) as (figure, axes):
        axes.plot(ratio.index, others, color="0.8", linewidth=1)
        axes.plot(ratio.index, others.mean(axis=1), color="0.3", marker="s", markersize=4, label="mean of the others")
        axes.plot(ratio.index, ratio[language], color=PALETTE[0], marker="o", markersize=5, label=name)
        axes.axhline(1, color="0.6", linestyle=":", linewidth=1)
        axes.set(
            yscale="log",
            xlabel="factor (0: deactivated, 1: unchanged)",
            ylabel="perplexity relative to factor 1",
            title=f"Amplifying the neurons of {name}",
        )
        axes.yaxis.set_major_formatter("{x:,.10g}")
        # Over many powers of ten, labels between them would cover each other.
        wide_range = ratio.max(axis=None) > 30 * ratio.min(axis=None)
        axes.yaxis.set_minor_formatter(NullFormatter() if wide_range else StrMethodFormatter("{x:,.10g}"))
        axes.legend(frameon=False)
    return figure


def beyond_random(
    table: pd.DataFrame,
    rows: Sequence[str],
    label: str,
    title: str,
    *,
    unit: str = "percentage points",
    ax: Axes | None = None,
) -> Figure:
    """The effect of a neuron set, with its 95 % interval, beside the middle 95 % of random sets, one line per row of the table.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `bridge_causality` or `contrast_shift`, or the dominance of `deactivation_matrix`: change, low, high, random,
        random_low, random_high, as shares of 1 or, for the dominance, in nats per token; p and random_sets.
    rows : sequence of str
        Columns that name a row.
    label : str
        The quantity that changes.
    title : str
    unit : {"percentage points", "nats per token"}
        What the axis shows; shares of 1 become percentage points.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Raises
    ------
    InputError
        If the unit is unknown.
    """
    if unit not in _UNITS:
        raise InputError(f"unit={unit!r}: choose from {', '.join(_UNITS)}")
    names = [", ".join(map(str, row)) for row in table[list(rows)].itertuples(index=False)]
    names = [f"{name}\n(p = {p:.2g})" for name, p in zip(names, table.p, strict=True)]
    draws = int(table.random_sets.iloc[0])
    width = "middle 95 %" if draws >= 39 else "range"  # fewer sets have no 2.5 % and 97.5 % quantiles between them
    heights = np.arange(len(table))
    with drawing(ax, 6.6, 1.3 + 0.48 * len(table)) as (figure, axes):
        axes.axvline(0, color="0.8", linewidth=1, zorder=0)
        for columns, shift, colour, marker, name in (
            (("change", "low", "high"), -0.13, PALETTE[0], "o", "these neurons:\n95 % interval"),
            (("random", "random_low", "random_high"), 0.13, "0.5", "s", f"{draws} random sets:\nmean and {width}"),
        ):
            value, low, high = (_UNITS[unit] * table[column] for column in columns)
            axes.hlines(heights + shift, low, high, color=colour, linewidth=1.4)
            axes.plot(value, heights + shift, linestyle="none", marker=marker, markersize=5, color=colour, label=name)
        axes.set_yticks(heights, names)
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.set(xlabel=f"change in {label} ({unit})", title=title)
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
