"""Figures for print: PDF in the width of a page's columns, with letters that can be read."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text

from ..exceptions import InputError
from ._style import STYLE

#: Widths in print, in inches: one column of the ACL's two (7.7 cm), and both (16 cm).
COLUMNS = {"single": 7.7 / 2.54, "double": 16 / 2.54}
#: Points of the smallest letters in print, and how much letters may grow beside the picture before it is crowded.
SMALLEST_PRINT, CROWDED = 6.0, 1.6


def save_pdf(figure: Figure, path: str | Path, columns: str | None = None) -> Path:
    """Write a figure as a vector PDF to be printed at its own size: no wider than a page's columns, no letter below 6 points.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Left unchanged.
    path : str or Path
    columns : {"single", "double"}, optional
        At most 7.7 cm or 16 cm wide. By default one column unless the figure would be crowded there, else both.

    Returns
    -------
    Path
        The same figure, drawn again, gives the same PDF, byte for byte.

    Raises
    ------
    InputError
        If `columns` is neither width, or the figure has too much in it to be readable at that width.

    Examples
    --------
    >>> save_pdf(bridge_ranking(ranking), "ranking.pdf", "single")  # doctest: +SKIP
    """
    if columns not in (None, *COLUMNS):
        raise InputError(f"unknown width {columns!r}; choose from {', '.join(COLUMNS)}")
    width, height = figure.get_size_inches()
    with mpl.rc_context(STYLE):
        figure.draw_without_rendering()  # before that, ticks have no labels
    sizes = {text: text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    # A new size may make room for another tick, whose label is then new: so the axis has to know the size too.
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis) if axis.get_ticklabels()]
    ticks = {axis: axis.get_ticklabels()[0].get_fontsize() for axis in axes}
    smallest = min(sizes.values(), default=SMALLEST_PRINT)

    def growth(scale):
        return max(1.0, SMALLEST_PRINT / (scale * smallest))

    def draw(scale):
        """Letters shrink less than the rest once they would get too small; the height then leaves them room."""
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
