"""A figure on disk: PNG with its table and run card, and PDF in print widths."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text
from pandas.io.formats.style import Styler

from ..exceptions import InputError
from ._style import STYLE

#: Widths in print, in inches: one column of the ACL's two (7.7 cm), and both (16 cm).
COLUMNS = {"single": 7.7 / 2.54, "double": 16 / 2.54}
#: Points of the smallest letters in print, and how much letters may grow beside the picture until it is crowded.
SMALLEST_PRINT, CROWDED = 6.0, 1.6


def save_pdf(figure: Figure, path: str | Path, columns: str | None = None) -> Path:
    """Write a figure as a vector PDF to be printed at its own size: no wider than a page's columns, no letter below 6 points.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Left as it is.
    path : str or Path
    columns : {"single", "double"}, optional
        At most 7.7 cm or 16 cm wide. By default one column where the figure is not crowded there, else both.

    Returns
    -------
    Path
        The same figure, newly drawn, gives the same PDF, to the last byte.

    Raises
    ------
    InputError
        If there is no such width, or the figure has too much in it to be read there.
    """
    if columns not in (None, *COLUMNS):
        raise InputError(f"unknown width {columns!r}; there are {', '.join(COLUMNS)}")
    width, height = figure.get_size_inches()
    with mpl.rc_context(STYLE):
        figure.draw_without_rendering()  # ticks have no labels before
    sizes = {text: text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    # Where a size makes room for another tick, its label is made anew: the size is the axis' too.
    axes = [axis for one in figure.axes for axis in (one.xaxis, one.yaxis) if axis.get_ticklabels()]
    ticks = {axis: axis.get_ticklabels()[0].get_fontsize() for axis in axes}
    smallest = min(sizes.values(), default=SMALLEST_PRINT)

    def growth(scale):
        return max(1.0, SMALLEST_PRINT / (scale * smallest))

    def draw(scale):
        """Letters are not scaled as far as the rest where they would get too small; then the height leaves them their room."""
        for axis, size in ticks.items():
            axis.set_tick_params(labelsize=scale * growth(scale) * size)
        for text, size in sizes.items():
            text.set_fontsize(scale * growth(scale) * size)
        figure.set_size_inches(scale * width, scale * growth(scale) * height)
        figure.draw_without_rendering()
        return figure.get_tightbbox().width

    with mpl.rc_context(STYLE):
        try:
            taken = draw(1.0)
            columns = columns or ("single" if growth(COLUMNS["single"] / taken) <= CROWDED else "double")
            scale = min(1.0, COLUMNS[columns] / taken)
            if growth(scale) > CROWDED:
                raise InputError(f"{Path(path).name}: the figure has too much in it for the width {columns!r}")
            for _ in range(5):  # letters that grew may stick out
                if (taken := draw(scale)) <= COLUMNS[columns]:
                    break
                scale *= 0.99 * COLUMNS[columns] / taken
            figure.savefig(path, format="pdf", bbox_inches="tight", pad_inches=0, metadata={"CreationDate": None})
        finally:
            draw(1.0)
    return Path(path)


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
