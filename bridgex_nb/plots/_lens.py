"""Figures of the logit lens: the languages that can be read off each layer, of one pair and of many."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from ..exceptions import InputError
from ..lens._lens_result import LanguageLens
from ..lens._pivot import pivot
from ._style import INK, LINE, PALETTE, drawing, language_name

#: What the columns of `lens_heatmap` may be.
COLUMNS = ("layer", "language")


def lens_by_layer(lens: LanguageLens, *, ax: Axes | None = None) -> Figure:
    """The probability of the word in each language behind each layer, with 95 % bands over words.

    The language that is asked for is black, the source grey and dashed. Dotted lines are the null: the mean probability of the
    same language's words for other concepts. Languages that no word counts for are not drawn.

    Parameters
    ----------
    lens : LanguageLens
        Of `language_lens`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Examples
    --------
    >>> lens = language_lens(load_model(), core_lexicon("sw", "tl").sample(20), ["en", "fr"], resamples=100)
    >>> figure = lens_by_layer(lens)
    """
    colours = {lens.tgt: INK, lens.src: LINE}
    others = [code for code in lens.languages if code not in colours]
    colours |= dict(zip(others, [PALETTE[i % len(PALETTE)] for i in range(len(others))], strict=True))
    notes = {lens.tgt: " (output)", lens.src: " (source)"}
    counted = lens.table[lens.table.words > 0]
    with drawing(ax, 6.4, 3.6) as (figure, axes):
        for code in (*others, lens.src, lens.tgt):
            rows = counted[counted.language == code]
            if rows.empty:
                continue
            axes.fill_between(rows.layer, rows.low, rows.high, color=colours[code], alpha=0.15, linewidth=0)
            axes.plot(rows.layer, rows.null, color=colours[code], linestyle=":", linewidth=0.7)
            axes.plot(
                rows.layer,
                rows.probability,
                color=colours[code],
                linewidth=2.2 if code == lens.tgt else 1.4,
                linestyle="--" if code == lens.src else "-",
                marker="o",
                markersize=2.5,
                label=language_name(code) + notes.get(code, ""),
            )
        axes.set(
            xlabel="layer", ylabel="probability of the word", title=f"{language_name(lens.src)} to {language_name(lens.tgt)}"
        )
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, _ = axes.get_legend_handles_labels()
        null = Line2D([], [], color=LINE, linestyle=":", linewidth=0.7, label="null: words for other concepts")
        axes.legend(handles=[*handles[::-1], null], frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def lens_heatmap(lenses: Sequence[LanguageLens], by: str = "layer", *, ax: Axes | None = None) -> Figure:
    """Which language, neither source nor target, stands behind the layers of a model, over pairs.

    Parameters
    ----------
    lenses : sequence of LanguageLens
        One per pair, of one model.
    by : {"layer", "language"}
        "layer": a cell is the probability above the null of the likeliest such language behind that layer; its code is in the
        cell where the 95 % interval is above 0. "language": a cell is the score of `pivot`, the sum over the layers before the
        target rises; the highest of a pair has a frame where its interval is above 0, and where none has one, no pivot was
        found.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Raises
    ------
    InputError
        If there is no lens, they have different numbers of layers, or `by` is unknown.

    Examples
    --------
    >>> words = core_lexicon("sw", "tl").sample(20)
    >>> figure = lens_heatmap([language_lens(load_model(), words, ["en", "fr"], resamples=100)], "language")
    """
    if isinstance(lenses, LanguageLens) or not len(lenses):
        raise InputError("lens_heatmap needs a list of at least one lens")
    if by not in COLUMNS:
        raise InputError(f"by={by!r}: the columns are one of {', '.join(COLUMNS)}")
    if len({lens.probabilities.shape[0] for lens in lenses}) > 1:
        raise InputError("the lenses have different numbers of layers: they are of different models")
    pairs = [f"{lens.src}-{lens.tgt}" for lens in lenses]
    values, texts, framed = (_by_layer if by == "layer" else _by_language)(lenses)
    values, texts = values.set_axis(pairs), texts.set_axis(pairs)
    columns = len(values.columns)
    with drawing(ax, 2.4 + max(0.34 * columns, 2.6) + (1 if by == "language" else 0), 1.3 + 0.27 * len(pairs)) as (
        figure,
        axes,
    ):
        sns.heatmap(
            values,
            ax=axes,
            cmap="viridis",
            vmin=0,
            annot=texts.to_numpy(),
            fmt="",
            annot_kws={"size": 7 if columns <= 24 else 5},
            cbar_kws={"label": "probability above the null" + (", summed" if by == "language" else "")},
        )
        for row, column in framed:
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=PALETTE[3], linewidth=2, clip_on=False))
        axes.set(ylabel="", xlabel="layer" if by == "layer" else "", title=_TITLES[by])
        axes.tick_params(axis="y", rotation=0)
        axes.tick_params(axis="x", rotation=0 if by == "layer" else 90)
        axes.set_facecolor("white")
    return figure


_TITLES = {
    "layer": "The likeliest language besides source and target",
    "language": "Languages before the target rises",
}


def _by_layer(lenses: Sequence[LanguageLens]) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[int, int]]]:
    values, texts = [], []
    for lens in lenses:
        rows = lens.table[~lens.table.language.isin([lens.src, lens.tgt]) & lens.table.excess.notna()]
        best = rows.loc[rows.groupby("layer").excess.idxmax()].set_index("layer")
        values.append(best.excess)
        texts.append(best.language.where(best.excess_low > 0, ""))
    return pd.DataFrame(values), pd.DataFrame(texts), []


def _by_language(lenses: Sequence[LanguageLens]) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[int, int]]]:
    """Scores, how they are written, and the cells of pivots; blank where a language is an end of the pair or has no words."""
    tables = [pivot(lens) for lens in lenses]
    codes = dict.fromkeys(code for lens in lenses for code in lens.languages)
    known = [code for code in codes if any(code in set(table.language) for table in tables)]
    values = pd.DataFrame([table.set_index("language").score.reindex(known) for table in tables])
    texts = values.map(lambda score: "" if np.isnan(score) else f"{score:.2f}".replace("-0.00", "0.00")).reset_index(drop=True)
    framed = [(row, known.index(code)) for row, table in enumerate(tables) if (code := table.attrs["pivot"]) is not None]
    return values.rename(columns=language_name), texts.rename(columns=language_name), framed
