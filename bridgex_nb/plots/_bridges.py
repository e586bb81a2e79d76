"""Figures of bridge rankings."""

from itertools import cycle

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..bridges._bridge_ranking import BridgeRanking
from ..datasets._languages import BRIDGES, LANGUAGES
from ._ranking_table import shown_values
from ._style import LINE, PALETTE, SHADE, STYLE, drawing, language_name

_BRIDGE_COLOURS = dict(zip(BRIDGES, PALETTE, strict=False))
#: Labels of what `shown_values` shows.
_LABELS = {"excess": "HSIC over chance (best bridge: 100)", "score": "HSIC score (best bridge: 100)"}
#: How far above the layers averaged a layer is left out of the axes, as a multiple of their highest value.
_PEAK = 4
_BRIDGE_MARKERS = dict(zip(BRIDGES, "osD^vP", strict=True))


def hsic_by_layer(ranking: BridgeRanking, *, ax: Axes | None = None) -> Figure:
    """Excess over chance by layer, one curve per bridge; the layers that a bridge's value is the mean of are shaded.

    A layer four times as high as any of these lies above the axes, with its value.

    The unit is that of `bridge_ranking`: 100 is the mean of the best bridge over the shaded layers. Without resamples, the
    score is shown instead of its excess.

    Parameters
    ----------
    ranking : BridgeRanking
        Result of `rank_bridges`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Examples
    --------
    >>> figure = hsic_by_layer(rank_bridges(probe, sets))  # doctest: +SKIP
    """
    with drawing(ax, 6.4, 3.8) as (figure, axes):
        _draw_layers(axes, ranking)
        axes.set_title(f"Bridges by layer, {_pair(ranking.src, ranking.tgt)}")
    return figure


def bridge_ranking(ranking: BridgeRanking, *, ax: Axes | None = None) -> Figure:
    """Excess over chance of each bridge with its 95 % bootstrap interval, the best at the top.

    The excess is the score minus its mean when the prompts are permuted, in percent of the best bridge's. Without resamples,
    the score is shown instead.

    Parameters
    ----------
    ranking : BridgeRanking
        Result of `rank_bridges`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Examples
    --------
    >>> figure = bridge_ranking(rank_bridges(probe, sets))  # doctest: +SKIP
    """
    with drawing(ax, 5.2, 0.6 + 0.38 * len(ranking.table)) as (figure, axes):
        _draw_ranking(axes, ranking)
        axes.set_title(f"Bridges for {_pair(ranking.src, ranking.tgt)}")
    return figure


def bridge_overview(ranking: BridgeRanking) -> Figure:
    """`bridge_ranking` and `hsic_by_layer` side by side.

    Parameters
    ----------
    ranking : BridgeRanking
        Result of `rank_bridges`.

    Examples
    --------
    >>> figure = bridge_overview(rank_bridges(probe, sets))  # doctest: +SKIP
    """
    with mpl.rc_context(STYLE):
        height = max(3.2, 1.1 + 0.3 * len(ranking.table))
        figure = Figure(figsize=(10.4, height))
        # Fixed margins: nothing jumps when one picture replaces another, and a layout engine would draw everything twice.
        edges = {"left": 0.09, "right": 0.85, "wspace": 0.22, "bottom": 0.5 / height, "top": 1 - 0.4 / height}
        left, right = figure.subplots(1, 2, gridspec_kw=edges)
        _draw_ranking(left, ranking)
        _draw_layers(right, ranking)
        figure.suptitle(f"Bridges for {_pair(ranking.src, ranking.tgt)}", fontsize=10)
    return figure


def _colours(ranking: BridgeRanking) -> dict[str, tuple]:
    """The colour of each bridge: the six usual ones keep theirs, others take what is left, those of the study first."""
    ranked = dict.fromkeys([*LANGUAGES, *sorted(ranking.table.bridge)])  # not by rank: a bridge keeps its colour
    others = [code for code in ranked if code in set(ranking.table.bridge) and code not in BRIDGES]
    return _BRIDGE_COLOURS | dict(zip(others, cycle(PALETTE[len(BRIDGES) :]), strict=False))


def _draw_layers(axes: Axes, ranking: BridgeRanking) -> None:
    table, colours, shown = ranking.by_layer, _colours(ranking), shown_values(ranking).attrs
    averaged = table.layer[table.in_window]
    axes.axvspan(averaged.min() - 0.5, averaged.max() + 0.5, color=SHADE, linewidth=0, zorder=0, label="layers averaged")
    for bridge in ranking.table.bridge:
        curve = table[table.bridge == bridge]
        axes.plot(
            curve.layer,
            curve[shown["name"]] / shown["unit"],
            color=colours[bridge],
            marker=_BRIDGE_MARKERS.get(bridge, "o"),
            markersize=4,
            label=language_name(bridge),
        )
    axes.set(xlabel="layer", ylabel=_LABELS[shown["name"]])
    axes.xaxis.get_major_locator().set_params(integer=True)
    _cut_peaks(axes, table.assign(shown=table[shown["name"]] / shown["unit"]))
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def _cut_peaks(axes: Axes, table: pd.DataFrame) -> None:
    """Leave layers far above those that are averaged, such as one of nearly constant neurons, above the axes, with their value:
    beside them, the bridges could not be told apart."""
    highest = table.shown[table.in_window].max()
    peaks = table.groupby("layer").shown.max()
    peaks = peaks[peaks > _PEAK * highest]
    if highest <= 0 or peaks.empty:
        return
    top = 1.15 * max(highest, table.shown[~table.layer.isin(peaks.index)].max())
    # Without it, the margin below would be one in twenty of the peak.
    axes.set_ylim(min(0, table.shown.min() - 0.05 * top), top)
    for layer, value in peaks.items():
        axes.annotate(
            f"↑ {value:,.0f}",
            (layer, 1),
            (0, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )


def _draw_ranking(axes: Axes, ranking: BridgeRanking) -> None:
    table, shown = ranking.table, shown_values(ranking)
    axes.barh(table.name, shown.value, color=[_colours(ranking)[code] for code in table.bridge])
    if "wins" in table:
        axes.hlines(table.name, shown.low, shown.high, color=LINE, linewidth=1.2)
        for name, wins, high in zip(table.name, table.wins, shown.high, strict=True):
            axes.annotate(
                f"first in {wins:.0%}",
                (max(high, 0), name),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.margins(x=0.28)
    axes.invert_yaxis()
    axes.set_xlabel(_LABELS[shown.attrs["name"]])


def _pair(src: str, tgt: str) -> str:
    return f"{language_name(src)} → {language_name(tgt)}"
