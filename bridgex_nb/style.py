"""What all figures look like, on the screen and in print."""

from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from .errors import InputError
from .languages import LANGUAGES

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "svg.hashsalt": "bridgex",
    "pdf.fonttype": 42,  # publishers refuse matplotlib's own kind, Type 3
}
PALETTE = sns.color_palette("colorblind", 10)
#: One colour a family, the same in every figure; "other" is for languages that are not among the fifteen.
FAMILY_COLOURS = dict(zip(dict.fromkeys(one.family for one in LANGUAGES.values()), PALETTE, strict=False))
FAMILY_COLOURS["other"] = (0.6, 0.6, 0.6)

#: Widths in print, in inches: one column of the ACL's two (7.7 cm), and both (16 cm).
COLUMNS = {"single": 7.7 / 2.54, "double": 16 / 2.54}
#: Points of the smallest letters in print, and how much letters may grow beside the picture until it is crowded.
SMALLEST_PRINT, CROWDED = 6.0, 1.6


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure, sizes in inches, with one pair of axes; pyplot does not know it."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


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


def language_name(code: str) -> str:
    """A language's name in Latin script; its code where it is not among the fifteen."""
    return LANGUAGES[code].name if code in LANGUAGES else code


def family(code: str) -> str:
    """A language's family; "other" where it is not among the fifteen."""
    return LANGUAGES[code].family if code in LANGUAGES else "other"


def _show_in_notebooks() -> None:
    """Let notebooks draw a `Figure` that pyplot does not know; by itself IPython does so only after pyplot's first figure."""
    shell = get_ipython()
    if shell and not any(Figure in one.type_printers for one in shell.display_formatter.formatters.values()):
        select_figure_formats(shell, "png")


_show_in_notebooks()
