"""Figures of neurons: by layer, by language, shared or not."""

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ._style import FAMILY_COLOURS, PALETTE, STYLE, drawing, family, language_name

#: Column of `bridgex_nb.sharing_types` -> its name and colour in a figure.
_SHARING = {
    "all_shared": ("in all languages", PALETTE[0]),
    "partial_shared": ("in some", PALETTE[1]),
    "specific": ("in one", PALETTE[2]),
    "non_activated": ("in none", "0.88"),
}
_CONTROL = "in all, with another item in each"


def neurons_by_layer(
    sets: Mapping[str, torch.Tensor], title: str = "Language neurons by layer", *, ax: Axes | None = None
) -> Figure:
    """How many neurons of each set every layer has, one row per set (`neurons_by_layer_table` gives the numbers).

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language, or another name, -> neuron set, bool [L, N].
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Examples
    --------
    >>> figure = neurons_by_layer({"sw": torch.tensor([[True, False], [True, True]])})
    """
    table = neurons_by_layer_table(sets)
    layers = table.shape[1]
    with drawing(ax, min(max(6.4, 2.2 + 0.28 * layers), 13.5), 3.6) as (figure, axes):
        sns.heatmap(
            table.rename(index=language_name),
            ax=axes,
            cmap="viridis",
            annot=layers <= 40,  # more would overlap
            fmt="d",
            annot_kws={"size": 7},
            cbar_kws={"label": "neurons"},
        )
        axes.set(xlabel="layer", ylabel="", title=title)
        axes.tick_params(axis="y", rotation=0)
    return figure


def neurons_by_layer_table(sets: Mapping[str, torch.Tensor]) -> pd.DataFrame:
    """Number of neurons of each set in each layer.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> neuron set, bool [L, N].

    Returns
    -------
    pandas.DataFrame
        [language x layer], counts of neurons.

    Examples
    --------
    >>> neurons_by_layer_table({"sw": torch.tensor([[True, False], [True, True]])}).loc["sw"].tolist()
    [1, 2]
    """
    table = pd.DataFrame({code: neuron_set.sum(dim=1).tolist() for code, neuron_set in sets.items()}).T
    return table.rename_axis(index="language", columns="layer")


def sharing_types(table: pd.DataFrame) -> Figure:
    """How many languages share the neurons of each layer: stacked shares, one panel per threshold.

    The hatched part is the control, the neurons active in all languages at once when each has another item: only what is above
    it is shared because of the item.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `bridgex_nb.sharing_types`; without its control (``permutations=0``) nothing is hatched.
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
            layers = table[table.threshold == threshold]
            below = pd.Series(0.0, index=layers.index)
            for kind, (label, colour) in _SHARING.items():
                axes.bar(layers.layer, layers[kind] * 100, 1, bottom=below, color=colour, label=label)
                below += layers[kind] * 100
            if "all_shared_mismatched" in table:
                control = layers.all_shared_mismatched * 100
                axes.bar(layers.layer, control, 1, fill=False, edgecolor="white", hatch="/////", linewidth=0, label=_CONTROL)
            axes.set(title=f"active above {threshold:g}", xlim=(-0.5, layers.layer.max() + 0.5), ylim=(0, 100))
            axes.xaxis.get_major_locator().set_params(integer=True)
        for axes in panels.flat[: len(thresholds)][-columns:]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("layer", fontsize=9)
        figure.supylabel("share of the layer's neurons (%)", fontsize=9)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        if _CONTROL in labels:  # white on white in the key otherwise
            handles[labels.index(_CONTROL)] = Patch(facecolor=PALETTE[0], edgecolor="white", hatch="/////", linewidth=0)
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def neuron_by_language(probability: pd.Series, title: str, *, ax: Axes | None = None) -> Figure:
    """How often one neuron is active in each language.

    Parameters
    ----------
    probability : pandas.Series
        Language -> share of its tokens on which the neuron is active.
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.
    """
    order = probability.sort_values(ascending=False, kind="stable")
    families = [family(code) for code in order.index]
    with drawing(ax, 5.2, 0.8 + 0.2 * len(order)) as (figure, axes):
        axes.barh([language_name(code) for code in order.index], order * 100, color=[FAMILY_COLOURS[name] for name in families])
        axes.invert_yaxis()
        axes.set(xlabel="tokens on which it is active (%)", xlim=(0, 100), title=title)
        key = [Patch(color=FAMILY_COLOURS[name], label=name) for name in dict.fromkeys(families)]
        axes.legend(handles=key, frameon=False, fontsize=7)
    return figure
