"""Results in, matplotlib Figure out.

Figures are plain `matplotlib.figure.Figure` objects, apart from pyplot's state, so that a notebook never draws one twice. They
name languages in Latin script, since a fresh machine has no font for the other autonyms.
"""

import json
import os
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from pandas.io.formats.style import Styler

from .bridges import BridgeRanking
from .causal_plots import amplification_curve, beyond_random, deactivation_heatmap
from .language_plots import (
    alignment_by_layer,
    depth_profile,
    emergence_curves,
    neuron_by_language,
    overlap_heatmap,
    spectrum_clustermap,
)
from .languages import BRIDGES, LANGUAGES
from .regret_plots import bridge_gains, selector_leaderboard
from .style import PALETTE, STYLE, language_name, new_figure, save_pdf
from .xicl import ZERO_SHOT

__all__ = [
    "STYLE",
    "alignment_by_layer",
    "amplification_curve",
    "beyond_random",
    "bridge_gains",
    "bridge_overview",
    "bridge_ranking",
    "deactivation_heatmap",
    "depth_profile",
    "emergence_curves",
    "hsic_by_layer",
    "html_table",
    "neuron_by_language",
    "neurons_by_layer",
    "neurons_by_layer_table",
    "overlap_heatmap",
    "save",
    "save_pdf",
    "selector_leaderboard",
    "sharing_types",
    "spectrum_clustermap",
    "xicl_heatmap",
]

_BRIDGE_COLOURS = dict(zip(BRIDGES, PALETTE, strict=False))
_BRIDGE_MARKERS = dict(zip(BRIDGES, "osD^vP", strict=True))
#: Column of `bridgex_nb.sharing_types` -> its name and colour in a figure.
_SHARING = {
    "all_shared": ("in all languages", PALETTE[0]),
    "partial_shared": ("in some", PALETTE[1]),
    "specific": ("in one", PALETTE[2]),
    "non_activated": ("in none", "0.88"),
}


def save(figure: Figure, table: pd.DataFrame, folder: str | Path, name: str, card: Mapping) -> Path:
    """Write a figure as PNG, with the table it was drawn from (CSV) and the run card (JSON) beside it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    table : pandas.DataFrame
        The numbers of the figure.
    folder : str or Path
        Made if it is not there.
    name : str
        File name without suffix.
    card : mapping
        The run card of the result.

    With ``BRIDGEX_PDF=1`` in the environment, as under ``bridgex figures --pdf``, `save_pdf` writes a PDF beside it.

    Returns
    -------
    Path
        The PNG.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    with mpl.rc_context(STYLE):
        figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
    named_index = not isinstance(table.index, pd.RangeIndex)
    table.to_csv(path.with_suffix(".csv"), index=named_index, float_format="%.6g", lineterminator="\n")
    path.with_suffix(".json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if os.environ.get("BRIDGEX_PDF"):
        save_pdf(figure, path.with_suffix(".pdf"))
    return path


def html_table(table: pd.DataFrame) -> Styler:
    """A table for a notebook in which words of every script read in their own direction."""
    floats = table.select_dtypes("float").columns
    return table.style.format("{:.4g}", floats).set_properties(**{"unicode-bidi": "plaintext", "text-align": "left"})


def neurons_by_layer(sets: Mapping[str, torch.Tensor]) -> Figure:
    """How many language neurons each layer holds, a line a language (`neurons_by_layer_table` has the numbers)."""
    table = neurons_by_layer_table(sets)
    layers = table.shape[1]
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(min(max(6.4, 2.2 + 0.28 * layers), 13.5), 3.6)
        sns.heatmap(
            table.rename(index=language_name),
            ax=axes,
            cmap="viridis",
            annot=layers <= 40,  # more do not fit beside each other
            fmt="d",
            annot_kws={"size": 7},
            cbar_kws={"label": "neurons"},
        )
        axes.set(xlabel="layer", ylabel="", title="Language neurons by layer")
        axes.tick_params(axis="y", rotation=0)
    return figure


def neurons_by_layer_table(sets: Mapping[str, torch.Tensor]) -> pd.DataFrame:
    """Number of neurons of each set in each layer, [language x layer]."""
    table = pd.DataFrame({code: one.sum(dim=1).tolist() for code, one in sets.items()}).T
    return table.rename_axis(index="language", columns="layer")


def sharing_types(table: pd.DataFrame) -> Figure:
    """Shares of a layer's neurons that languages share, stacked, a panel a threshold.

    Parameters
    ----------
    table : pandas.DataFrame
        What `bridgex_nb.sharing_types` gives.
    """
    thresholds = table.threshold.unique()
    columns = min(3, len(thresholds))
    rows = -(-len(thresholds) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.2 + 2.6 * columns, 1 + 2.1 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in panels.flat[len(thresholds) :]:
            axes.remove()
        for axes, threshold in zip(panels.flat, thresholds, strict=False):
            some = table[table.threshold == threshold]
            below = pd.Series(0.0, index=some.index)
            for kind, (label, colour) in _SHARING.items():
                axes.bar(some.layer, some[kind] * 100, 1, bottom=below, color=colour, label=label)
                below += some[kind] * 100
            axes.set(title=f"active above {threshold:g}", xlim=(-0.5, some.layer.max() + 0.5), ylim=(0, 100))
            axes.xaxis.get_major_locator().set_params(integer=True)
        for axes in panels.flat[: len(thresholds)][-columns:]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("layer", fontsize=9)
        figure.supylabel("share of the layer's neurons (%)", fontsize=9)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def hsic_by_layer(ranking: BridgeRanking) -> Figure:
    """HSIC score by layer, a curve a candidate bridge; the layers that decide are shaded."""
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(6.4, 3.8)
        _draw_layers(axes, ranking)
        axes.set_title(f"Candidate bridges by layer, {_pair(ranking.src, ranking.tgt)}")
    return figure


def bridge_ranking(ranking: BridgeRanking) -> Figure:
    """Score of each candidate bridge with its 95 % bootstrap interval, best on top."""
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(5.2, 0.6 + 0.38 * len(ranking.table))
        _draw_ranking(axes, ranking)
        axes.set_title(f"Bridges for {_pair(ranking.src, ranking.tgt)}")
    return figure


def bridge_overview(ranking: BridgeRanking) -> Figure:
    """`bridge_ranking` and `hsic_by_layer` beside each other."""
    with mpl.rc_context(STYLE):
        height = max(3.2, 1.1 + 0.3 * len(ranking.table))
        figure = Figure(figsize=(10.4, height))
        # Fixed places: where one picture follows another, nothing jumps; and a layout engine would draw everything twice.
        edges = {"left": 0.09, "right": 0.85, "wspace": 0.22, "bottom": 0.5 / height, "top": 1 - 0.4 / height}
        left, right = figure.subplots(1, 2, gridspec_kw=edges)
        _draw_ranking(left, ranking)
        _draw_layers(right, ranking)
        figure.suptitle(f"Bridges for {_pair(ranking.src, ranking.tgt)}", fontsize=10)
    return figure


def _colours(ranking: BridgeRanking) -> dict[str, tuple]:
    """The colour of each bridge: the six usual ones keep theirs, others share the rest, in the order of `LANGUAGES`."""
    others = [code for code in LANGUAGES if code in set(ranking.table.bridge) and code not in BRIDGES]
    return _BRIDGE_COLOURS | dict(zip(others, cycle(PALETTE[len(BRIDGES) :]), strict=False))


def _draw_layers(axes: Axes, ranking: BridgeRanking) -> None:
    table, colours = ranking.by_layer, _colours(ranking)
    inside = table.layer[table.in_window]
    axes.axvspan(inside.min() - 0.5, inside.max() + 0.5, color="0.93", zorder=0, label="layers that decide")
    for bridge in ranking.table.bridge:
        curve = table[table.bridge == bridge]
        axes.plot(
            curve.layer,
            curve.score,
            color=colours[bridge],
            marker=_BRIDGE_MARKERS.get(bridge, "o"),
            markersize=4,
            label=language_name(bridge),
        )
    axes.set(xlabel="layer", ylabel="HSIC score")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def _draw_ranking(axes: Axes, ranking: BridgeRanking) -> None:
    table = ranking.table
    axes.barh(table.name, table.score, color=[_colours(ranking)[code] for code in table.bridge])
    if "low" in table:
        axes.hlines(table.name, table.low, table.high, color="0.25", linewidth=1.2)
        for row in table.itertuples():
            axes.annotate(
                f"first in {row.wins:.0%}",
                (row.high, row.name),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.margins(x=0.28)
    axes.invert_yaxis()
    axes.set_xlabel("HSIC score, mean over layers", loc="left")  # the power of ten stands on the right


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


def _pair(src: str, tgt: str) -> str:
    return f"{language_name(src)} → {language_name(tgt)}"
