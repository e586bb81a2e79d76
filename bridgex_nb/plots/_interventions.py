"""Figures of interventions: what changes, beside what random sets of neurons change."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ..interventions._deactivation_matrix import DeactivationMatrix
from ._style import PALETTE, STYLE, language_name, new_figure


def deactivation_heatmap(result: DeactivationMatrix) -> Figure:
    """Change of log perplexity, language changed x language evaluated; beside it the same for random neurons."""
    largest = result.change.abs().max(axis=None)
    with mpl.rc_context(STYLE):
        size = 0.9 + 0.27 * len(result.change)
        figure = Figure(figsize=(2 * size + 1.6, size + 0.6), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, matrix, title in (
            (panels[0], result.change, "the language's neurons"),
            (panels[1], result.random, "random neurons"),
        ):
            sns.heatmap(
                matrix.rename(index=language_name, columns=language_name),
                ax=axes,
                cmap="vlag",
                vmin=-largest,
                vmax=largest,
                square=True,
                cbar=axes is panels[1],
                cbar_kws={"label": "change of log perplexity (nats a token)", "shrink": 0.8},
            )
            axes.set(title=title, xlabel="perplexity of", ylabel="neurons off" if axes is panels[0] else "")
            axes.tick_params(axis="x", rotation=90)
            axes.tick_params(axis="y", rotation=0)
        figure.suptitle("Deactivated neurons and perplexity", fontsize=10)
    return figure


def amplification_curve(table: pd.DataFrame, own: str) -> Figure:
    """Perplexity of every language as the neurons of one are multiplied by a factor.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `perplexity` at each factor: factor, language, perplexity; factor 1 among them.
    own : str
        The language whose neurons are changed.
    """
    wide = table.pivot(index="factor", columns="language", values="perplexity")
    ratio = wide / wide.loc[1]
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(6.0, 3.6)
        others = [code for code in ratio if code != own]
        axes.plot(ratio.index, ratio[others], color="0.8", linewidth=1)
        axes.plot(ratio.index, ratio[others].mean(axis=1), color="0.3", marker="s", markersize=4, label="mean of the others")
        axes.plot(ratio.index, ratio[own], color=PALETTE[0], marker="o", markersize=5, label=language_name(own))
        axes.axhline(1, color="0.6", linestyle=":", linewidth=1)
        axes.set(
            yscale="log",
            xlabel="factor (0: off, 1: as it is)",
            ylabel="perplexity, relative to factor 1",
            title=f"{language_name(own)}'s neurons amplified",
        )
        axes.yaxis.set_major_formatter("{x:.3g}")
        axes.yaxis.set_minor_formatter("{x:.3g}")
        axes.legend(frameon=False)
    return figure


def beyond_random(table: pd.DataFrame, rows: Sequence[str], label: str, title: str) -> Figure:
    """What a set of neurons does beside what random sets do, with 95 % intervals, a line a row of the table.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `bridge_causality` or `contrast_shift`: change, low, high, random, random_low, random_high, shares of 1.
    rows : sequence of str
        Columns that name a row.
    label : str
        What is changed: the axis shows it in percentage points.
    title : str
    """
    names = [", ".join(map(str, one)) for one in table[list(rows)].itertuples(index=False)]
    places = np.arange(len(table))
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(6.6, 1.0 + 0.42 * len(table))
        axes.axvline(0, color="0.8", linewidth=1, zorder=0)
        for columns, shift, colour, marker, name in (
            (("change", "low", "high"), -0.13, PALETTE[0], "o", "these neurons"),
            (("random", "random_low", "random_high"), 0.13, "0.5", "s", "random neurons"),
        ):
            value, low, high = (100 * table[column] for column in columns)
            axes.hlines(places + shift, low, high, color=colour, linewidth=1.4)
            axes.plot(value, places + shift, linestyle="none", marker=marker, markersize=5, color=colour, label=name)
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.set(xlabel=f"change of {label} (percentage points)", title=title)
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
