"""Figure of what the similarity of languages in a model agrees with outside it."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ._style import LINE, PALETTE, drawing


def agreement_tests(table: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Mantel's r of each measure of similarity with each reference; squares with the script held constant.

    A filled point has p < 0.05, corrected for the number of all tests.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure and reference, of `agreement`: kind, reference, r, p_holm, partial_r, partial_p_holm.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Examples
    --------
    >>> rows = [("lift", "family", 0.5, 0.01, 0.4, 0.2), ("lift", "typology", 0.3, 0.2, 0.1, 0.6)]
    >>> columns = ["kind", "reference", "r", "p_holm", "partial_r", "partial_p_holm"]
    >>> figure = agreement_tests(pd.DataFrame(rows, columns=columns))
    """
    kinds, references = list(table.kind.unique()), list(table.reference.unique())
    tests = (("r", "p_holm", "o", -0.09), ("partial_r", "partial_p_holm", "s", 0.09))
    with drawing(ax, 6.2, 1.3 + 0.36 * len(kinds)) as (figure, axes):
        axes.axvline(0, color="0.6", linewidth=0.8)
        for reference, colour in zip(references, PALETTE, strict=False):
            rows = table[table.reference == reference]
            shift = 0.36 * (references.index(reference) - (len(references) - 1) / 2)
            for r, p, marker, offset in tests:
                heights = [kinds.index(kind) + shift + offset for kind in rows.kind]
                faces = [colour if corrected < 0.05 else (1.0, 1.0, 1.0) for corrected in rows[p]]
                axes.scatter(rows[r], heights, c=faces, edgecolors=[colour] * len(rows), marker=marker, s=26, zorder=3)
        axes.set(yticks=range(len(kinds)), yticklabels=kinds, xlabel="Mantel r (filled: corrected p < 0.05)")
        axes.invert_yaxis()
        axes.grid(axis="y", color="0.92")
        handles = [
            Line2D([], [], marker="o", linestyle="none", color=colour, label=reference)
            for reference, colour in zip(references, PALETTE, strict=False)
        ]
        handles += [
            Line2D([], [], marker="o", linestyle="none", color=LINE, label="as it is"),
            Line2D([], [], marker="s", linestyle="none", color=LINE, label="script held constant"),
        ]
        axes.legend(handles=handles, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
