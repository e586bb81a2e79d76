"""Figures of how similar languages are: matrices, alignment, by depth, during training."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from ..exceptions import InputError
from ..similarity._alignment import Alignment
from ._style import FAMILY_COLOURS, LINE, PALETTE, STYLE, drawing, family, language_name


def overlap_heatmap(
    matrix: pd.DataFrame,
    label: str = "shared neurons",
    title: str = "Neurons shared by two languages",
    *,
    ax: Axes | None = None,
) -> Figure:
    """The language x language matrix of `overlap_matrix`; the diagonal is left blank.

    Parameters
    ----------
    matrix : pandas.DataFrame
        [language x language].
    label : str
        What a cell shows, with its unit: the colour bar's label.
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.
    """
    shown = matrix.astype(float)
    for code in matrix.index:
        shown.loc[code, code] = float("nan")
    whole = bool((matrix == matrix.round()).all(axis=None))
    with drawing(ax, 7.4, 6.2) as (figure, axes):
        sns.heatmap(
            shown.rename(index=language_name, columns=language_name),
            ax=axes,
            cmap="viridis",
            square=True,
            annot=True,
            fmt=".0f" if whole else ".2f",
            annot_kws={"size": 6.5},
            cbar_kws={"label": label},
        )
        axes.set(title=title, xlabel="", ylabel="")
        axes.tick_params(axis="x", rotation=90)
        axes.tick_params(axis="y", rotation=0)
    return figure


def spectrum_clustermap(matrix: pd.DataFrame, label: str = "HSIC score") -> Figure:
    """The linguistic spectrum: a matrix of any kind, with languages ordered by clustering and families in colour.

    Average linkage, with (largest score - score) as the distance. The diagonal is left blank; so are cells without a score,
    which are as distant as with a score of 0.

    Parameters
    ----------
    matrix : pandas.DataFrame
        [language x language], symmetric, higher where languages are more similar: of `spectrum` or `language_matrix`.
    label : str
        The colour bar's label.
    """
    diagonal = np.eye(len(matrix), dtype=bool)
    matrix = matrix.astype(float).mask(diagonal)
    distance = (matrix.max(axis=None) - matrix).fillna(matrix.max(axis=None)).mask(diagonal, 0.0).to_numpy()
    tree = linkage(squareform(distance, checks=False), method="average", optimal_ordering=True)
    families = pd.Series({code: FAMILY_COLOURS[family(code)] for code in matrix.index}, name="family")
    with mpl.rc_context(STYLE):
        grid = sns.clustermap(
            matrix.rename(index=language_name, columns=language_name),
            row_linkage=tree,
            col_linkage=tree,
            row_colors=families.rename(index=language_name),
            col_colors=families.rename(index=language_name),
            cmap="viridis",
            figsize=(8.2, 7.4),
            mask=matrix.isna().to_numpy(),
            dendrogram_ratio=(0.14, 0.14),
            colors_ratio=0.025,
            cbar_pos=(0.02, 0.84, 0.03, 0.13),
        )
        grid.ax_cbar.set_title(label, loc="left", fontsize=8)
        figure = grid.figure
        plt.close(figure)  # clustermap draws through pyplot, which would show the figure a second time
        grid.ax_heatmap.set(xlabel="", ylabel="")
        grid.ax_heatmap.tick_params(axis="x", rotation=90)
        present = dict.fromkeys(map(family, matrix.index))
        figure.legend(
            handles=[Patch(color=FAMILY_COLOURS[name], label=name) for name in present],
            title="language family",
            loc="lower center",
            ncols=4,
            frameon=False,
            bbox_to_anchor=(0.5, -0.1),
        )
    return figure


def alignment_by_layer(result: Alignment) -> Figure:
    """Alignment with the pivot: each language's score by layer, and beside it the mean over layers with its 95 % interval.

    Cells in brackets and open points are not above chance (corrected p >= 0.05).

    Parameters
    ----------
    result : Alignment
        Result of `alignment`.

    Examples
    --------
    >>> figure = alignment_by_layer(alignment(model, sentences))  # doctest: +SKIP
    """
    order = result.table.sort_values("score", ascending=False, kind="stable")
    wide = result.by_layer.pivot(index="language", columns="layer", values="score").loc[order.language]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 1.2 + 0.26 * len(order)), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1), sharey=True)
        above = result.by_layer.pivot(index="language", columns="layer", values="p_holm").loc[order.language] < 0.05
        numbers = wide.map("{:.2f}".format)
        numbers = numbers.where(above, "(" + numbers + ")")
        few = wide.shape[1] <= 12  # more numbers would be too small to read
        sns.heatmap(
            wide.rename(index=language_name),
            ax=left,
            cmap="viridis",
            annot=numbers if few else None,
            fmt="",
            annot_kws={"size": 7},
            cbar_kws={"label": "share of sentences aligned", "location": "left", "pad": 0.02},
        )
        left.set(
            xlabel="layer\n(in brackets: not above chance)" if few else "layer",
            ylabel="",
            title=f"Alignment with {language_name(result.pivot)} ({result.state})",
        )
        left.tick_params(axis="y", rotation=0)
        rows = np.arange(len(order)) + 0.5
        right.hlines(rows, order.low, order.high, color=LINE, linewidth=1.2)
        colours = [FAMILY_COLOURS[family(code)] for code in order.language]
        faces = [colour if p < 0.05 else (1.0, 1.0, 1.0) for colour, p in zip(colours, order.p_holm, strict=True)]
        right.scatter(order.score, rows, c=faces, edgecolors=colours, zorder=3, clip_on=False)
        right.axvline(order.chance.iloc[0], color="0.6", linestyle=":", linewidth=1)
        right.set(xlabel="mean over layers, 95 % interval\n(dotted: chance; filled: above chance)")
        right.set_xlim(left=0)
        present = dict.fromkeys(map(family, order.language))
        right.legend(
            handles=[Line2D([], [], marker="o", linestyle="none", color=FAMILY_COLOURS[name], label=name) for name in present],
            title="language family",
            frameon=False,
            fontsize=7,
            loc="center left",
            bbox_to_anchor=(1, 0.5),
        )
    return figure


def depth_profile(table: pd.DataFrame) -> Figure:
    """How similar languages are in each band of layers, and below it what that similarity agrees with.

    Squares and dashed lines below are the same tests with the script (or whatever was given) held constant. A filled point has
    p < 0.05, corrected for the number of all tests.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `agreement_by_depth`.
    """
    kinds, references = table.kind.unique(), table.reference.unique()
    lowest = np.nanmin(table[["r", "partial_r"]].to_numpy(float))
    tests = (("r", "p_holm", "o", "-"), ("partial_r", "partial_p_holm", "s", "--"))
    given = table.attrs.get("card", {}).get("options", {}).get("given", "script")
    held = f"{given if isinstance(given, str) else 'what is given'} held constant"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.4 + 2.4 * len(kinds), 4.8), layout="constrained")
        axes = figure.subplots(2, len(kinds), sharex=True, squeeze=False)
        for column, kind in zip(axes.T, kinds, strict=True):
            rows = table[table.kind == kind]
            bands = rows.drop_duplicates("start")
            middle = (bands.start + bands.end) / 2
            column[0].plot(middle, bands.similarity, color=LINE, marker="o", markersize=4, label="all pairs")
            column[0].plot(
                middle, bands.family_similarity, color=LINE, marker="s", markersize=4, linestyle="--", label="same family"
            )
            column[0].set(title=kind)
            column[1].axhline(0, color="0.8", linewidth=1)
            for reference, colour in zip(references, PALETTE, strict=False):
                curve = rows[rows.reference == reference]
                middle = (curve.start + curve.end) / 2
                for r, p, marker, line in tests:
                    column[1].plot(middle, curve[r], color=colour, linestyle=line, linewidth=1.2)
                    significant = curve[p] < 0.05
                    for chosen, face in ((significant, colour), (~significant, "white")):
                        column[1].scatter(
                            middle[chosen], curve[r][chosen], color=colour, facecolor=face, marker=marker, zorder=3, s=22
                        )
            column[1].set(xlabel="depth", ylim=(min(-0.1, lowest - 0.1), 1), xlim=(0, 1))
        axes[0, 0].set_ylabel("similarity, mean over pairs")
        axes[1, 0].set_ylabel("Mantel r\n(filled: corrected p < 0.05)")
        axes[0, -1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        handles = [
            Line2D([], [], color=colour, label=reference) for reference, colour in zip(references, PALETTE, strict=False)
        ]
        handles += [
            Line2D([], [], color=LINE, marker="o", markersize=4, label="as it is"),
            Line2D([], [], color=LINE, marker="s", markersize=4, linestyle="--", label=held),
        ]
        axes[1, -1].legend(handles=handles, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        figure.suptitle("Similarity of languages by depth", fontsize=10)
    return figure


def emergence_curves(table: pd.DataFrame, group: str = "group") -> Figure:
    """How similar languages are at the checkpoints of a training run: one panel per kind, one line per group of pairs.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `emergence`, with one more column that says which group a pair is in, or its means. Columns checkpoint, kind,
        value and the group's; a line is the mean over the rows of a group.
    group : str
        Name of the column of groups.
    """
    kinds = table.kind.unique()
    shown = table.assign(checkpoint=table.checkpoint.astype(str))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.8 + 3.2 * len(kinds), 3.4), layout="constrained")
        for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
            sns.lineplot(
                shown[shown.kind == kind],
                x="checkpoint",
                y="value",
                hue=group,
                style=group,
                markers=True,
                dashes=False,
                palette="colorblind",
                errorbar=None,
                sort=False,
                ax=axes,
            )
            axes.set(xlabel="checkpoint", ylabel=kind, title=kind)
            axes.set_ylim(bottom=0)
            axes.tick_params(axis="x", rotation=30)
            handles, labels = axes.get_legend_handles_labels()
            axes.get_legend().remove()
        axes.legend(handles, labels, title=group, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        figure.suptitle("Similarity of languages during training", fontsize=10)
    return figure


def alignment_and_accuracy(table: pd.DataFrame, fit: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """How well each language is aligned with the pivot, and how well the model translates into it.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per language: language, score (`Alignment.table`), accuracy with low and high (`accuracy`, 0 to 1).
    fit : pandas.DataFrame
        Result of `correlate`; Pearson's r stands above the figure.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Raises
    ------
    InputError
        If the table lacks a column.

    Examples
    --------
    >>> table = pd.DataFrame({"language": ["de", "sw", "fi"], "score": [0.9, 0.2, 0.5], "accuracy": [0.6, 0.1, 0.2]})
    >>> table = table.assign(low=table.accuracy - 0.1, high=table.accuracy + 0.1)
    >>> fit = correlate(table.set_index("language").score, table.set_index("language").accuracy)
    >>> figure = alignment_and_accuracy(table, fit)
    """
    if missing := [column for column in ("language", "score", "accuracy", "low", "high") if column not in table]:
        raise InputError(f"the table has no column {missing[0]!r}; it needs language, score, accuracy, low and high")
    with drawing(ax, 5.6, 3.8) as (figure, axes):
        colours = [FAMILY_COLOURS[family(code)] for code in table.language]
        axes.vlines(table.score, 100 * table.low, 100 * table.high, color=colours, linewidth=1.2, alpha=0.5)
        axes.scatter(table.score, 100 * table.accuracy, color=colours, s=22, zorder=3)
        for row in table.itertuples():
            axes.annotate(str(row.language), (row.score, 100 * row.accuracy), (4, 3), textcoords="offset points", fontsize=8)
        r = fit.loc["pearson"]
        axes.set(
            xlabel="alignment with the pivot, mean over layers",
            ylabel="word translation accuracy (%)",
            title=f"r = {r.r:.2f} [{r.low:.2f}, {r.high:.2f}], {r.languages:.0f} languages",
        )
        present = dict.fromkeys(map(family, table.language))
        axes.legend(
            handles=[Line2D([], [], marker="o", linestyle="none", color=FAMILY_COLOURS[name], label=name) for name in present],
            title="language family",
            loc="center left",
            bbox_to_anchor=(1.02, 0.5),
            frameon=False,
            fontsize=8,
        )
    return figure
