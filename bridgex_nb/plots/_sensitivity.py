"""Figure of which bridge is chosen under which setting."""

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..bridges._sensitivity import FACTORS, compared_bridges, sensitivity_by_factor, sensitivity_by_pair
from ..datasets._languages import BRIDGES
from ._style import PALETTE, STYLE, language_name

#: What the factors are called.
_NAMES = {
    "rate": "rate",
    "rule": "rule",
    "site": "site",
    "statistic": "token statistic",
    "special_tokens": "tokens counted",
    "estimator": "estimator",
    "sentences": "sentences",
}


def choice_sensitivity(table: pd.DataFrame) -> Figure:
    """Share of settings in which each bridge is chosen, and how often one factor alone changes the choice.

    On the left one bar per pair, with Kendall's W of the rankings; or, for a single pair, one bar per level of each factor.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `sensitivity`.
    """
    by_pair, by_factor = sensitivity_by_pair(table), sensitivity_by_factor(table)
    bars = _by_level(table, by_pair) if len(by_pair) == 1 else _by_pair(table, by_pair)
    codes = compared_bridges(table)
    others = iter(PALETTE[len(BRIDGES) :])
    usual = dict(zip(BRIDGES, PALETTE, strict=False))
    colours = {code: usual[code] if code in usual else next(others, "0.5") for code in codes}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.2, 1.5 + 0.25 * max(len(bars), len(by_factor))), layout="constrained")
        shares, moved = figure.subplots(1, 2, width_ratios=[3, 2])
        _draw_shares(shares, bars, colours)
        _draw_moved(moved, by_factor)
        if len(by_pair) == 1:
            row = by_pair.iloc[0]
            pair = f"{language_name(row.src)} → {language_name(row.tgt)}"
            w = f", Kendall's W {row.w:.2f}" if row.w == row.w else ""
            shares.set_title(f"{pair}: {row.settings} settings{w}")
        handles, labels = shares.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(codes), frameon=False)
    return figure


def _by_pair(table: pd.DataFrame, by_pair: pd.DataFrame) -> dict[str, pd.Series]:
    bars = {}
    for row in by_pair.itertuples():
        chosen = table[(table.src == row.src) & (table.tgt == row.tgt)].chosen
        name = f"{row.src} → {row.tgt}" + (f"   W {row.w:.2f}" if row.w == row.w else "")
        bars[name] = chosen.value_counts(normalize=True)
    return bars


def _by_level(table: pd.DataFrame, by_pair: pd.DataFrame) -> dict[str, pd.Series]:
    bars = {"all settings": table.chosen.value_counts(normalize=True)}
    for factor in FACTORS:
        if table[factor].nunique() > 1:
            for level, rows in table.groupby(factor, sort=False):
                bars[f"{_NAMES[factor]}: {_level(factor, level)}"] = rows.chosen.value_counts(normalize=True)
    return bars


def _level(factor: str, level: object) -> str:
    if factor == "special_tokens":
        return "added ones, too" if level else "the text's"
    return f"{level:.1%}" if factor == "rate" else str(level).replace("_", " ")


def _draw_shares(axes: Axes, bars: dict[str, pd.Series], colours: dict) -> None:
    left = pd.Series(0.0, index=list(bars))
    for code, colour in colours.items():
        widths = pd.Series({name: 100 * float(share.reindex([code], fill_value=0.0).iloc[0]) for name, share in bars.items()})
        axes.barh(widths.index, widths, left=left, color=colour, edgecolor="white", linewidth=0.6, label=language_name(code))
        for name, width in widths.items():
            if width >= 8:  # the code stands in the bar, so that it can be read without colours
                axes.annotate(code, (left[name] + width / 2, name), ha="center", va="center", fontsize=7, color="black")
        left += widths
    axes.set(xlim=(0, 100), xlabel="settings that choose the bridge (%)")
    axes.invert_yaxis()
    axes.margins(y=0.01)


def _draw_moved(axes: Axes, by_factor: pd.DataFrame) -> None:
    names = [_NAMES.get(factor, factor) for factor in by_factor.factor]
    colours = ["0.6" if factor not in _NAMES else PALETTE[0] for factor in by_factor.factor]
    axes.barh(names, 100 * by_factor.moved, color=colours)
    for name, moved in zip(names, by_factor.moved, strict=True):
        if moved == moved:
            axes.annotate(f"{moved:.0%}", (100 * moved, name), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set(xlim=(0, 105), xlabel="couples of settings that differ in this alone\nand choose another bridge (%)")
    axes.invert_yaxis()
