"""What all figures look like, on the screen and in print."""

import seaborn as sns
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..datasets._languages import LANGUAGES

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


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure, sizes in inches, with one pair of axes; pyplot does not know it."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


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
