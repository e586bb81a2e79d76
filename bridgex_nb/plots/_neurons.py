"""Figures of neurons: by layer, by language, shared or not."""

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
import seaborn as sns
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ._style import FAMILY_COLOURS, PALETTE, STYLE, family, language_name, new_figure

#: Column of `bridgex_nb.sharing_types` -> its name and colour in a figure.
_SHARING = {
    "all_shared": ("in all languages", PALETTE[0]),
    "partial_shared": ("in some", PALETTE[1]),
    "specific": ("in one", PALETTE[2]),
    "non_activated": ("in none", "0.88"),
}


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


def neuron_by_language(probability: pd.Series, name: str) -> Figure:
    """Share of each language's tokens at which one neuron is active; `probability` is language -> share, `name` the title."""
    order = probability.sort_values(ascending=False, kind="stable")
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(5.2, 0.8 + 0.2 * len(order))
        axes.barh(
            [language_name(code) for code in order.index], order * 100, color=[FAMILY_COLOURS[family(c)] for c in order.index]
        )
        axes.invert_yaxis()
        axes.set(xlabel="tokens at which it is active (%)", xlim=(0, 100), title=name)
        present = dict.fromkeys(map(family, order.index))
        axes.legend(handles=[Patch(color=FAMILY_COLOURS[one], label=one) for one in present], frameon=False, fontsize=7)
    return figure
