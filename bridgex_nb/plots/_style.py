"""What all figures have in common: style, colours, names of languages, and axes to draw on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..datasets._languages import LANGUAGES, families, known_language

#: Colours without a meaning of their own: text and axes, lines beside the data, and shaded regions. The explorers, which stand
#: on pages that may be dark, replace exactly these (`widgets/_parts.py`); figures that they show use no other grey.
INK, LINE, SHADE = "#000000", "#404040", "#ededed"

STYLE = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "svg.hashsalt": "bridgex",
    "pdf.fonttype": 42,  # publishers refuse Type 3 fonts, matplotlib's default
}
PALETTE = sns.color_palette("colorblind", 10)
#: What answers may be scored by that is no share; its unit is not percentage points.
LOGPROB = "log P(gold)"
#: One colour per family, the same in every figure: first those of the study, then those with most languages in FLORES-200.
FAMILY_COLOURS = dict(
    zip(
        dict.fromkeys((*(language.family for language in LANGUAGES.values()), *families())),
        [*PALETTE[:7], *PALETTE[8:], *sns.color_palette("tab20b", 20)[::2], *sns.color_palette("tab20b", 20)[1::2]],
        strict=False,
    )
)
#: For families that are added, and for labels that are no languages.
FAMILY_COLOURS["other"] = (0.6, 0.6, 0.6)


@contextmanager
def drawing(ax: Axes | None, width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """The figure and the axes to draw on, in the style of all figures.

    These are `ax` and the figure that it belongs to or, where `ax` is None, those of a new figure of `width` x `height` inches
    that pyplot does not know.
    """
    with mpl.rc_context(STYLE):
        if ax is None:
            figure = Figure(figsize=(width, height), layout="constrained")
            yield figure, figure.subplots()
        else:
            yield ax.figure.figure, ax  # a subfigure's figure is the whole one


def draw_intervals(axes: Axes, heights: Sequence[float], values: pd.DataFrame, colours: Sequence) -> None:
    """Points with their intervals beside a line at 0; the columns of `values` are point, low end and high end."""
    middle, low, high = (values[column] for column in values)
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.hlines(heights, low, high, color=colours, linewidth=1.6)
    axes.scatter(middle, heights, color=colours, s=16, zorder=3)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)


def language_name(code: str) -> str:
    """A language's English name; the code if it is no language that is known."""
    found = known_language(code)
    return found.name if found else code


def family(code: str) -> str:
    """A language's family; "other" if it has no colour."""
    found = known_language(code)
    return found.family if found and found.family in FAMILY_COLOURS else "other"


def _show_in_notebooks() -> None:
    """Let notebooks display a `Figure` that pyplot does not know.

    IPython learns to do so only when pyplot is first used; until then a cell that ends in a figure shows its repr. This adds
    the printer to the running shell if it has none, and does nothing outside IPython.
    """
    shell = get_ipython()
    if shell and not any(Figure in one.type_printers for one in shell.display_formatter.formatters.values()):
        select_figure_formats(shell, "png")


_show_in_notebooks()


def score_unit(score: str) -> tuple[float, str]:
    """What differences of a score are multiplied with to be shown, and their unit: log-probabilities are not percentages."""
    return (1, "nats") if score == LOGPROB else (100, "percentage points")
