"""Figure of routers and combinations of bridges beside one bridge for all items."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..exceptions import InputError
from ._style import PALETTE, STYLE, draw_intervals, language_name, score_unit

#: Strategy of `routing_regret` -> its name in the figure; the others are languages and combinations.
_NAMES = {
    "oracle": "best bridge of each item",
    "router": "router",
    "dealt": "router's bridges, dealt at random",
    "surest": "surest answer",
    "best": "best bridge of each pair",
    "elsewhere": "best bridge on other pairs",
    "random": "random bridge",
}
#: Kind of strategy -> its colour and name.
_KINDS = {
    "known": ("black", "knows these scores"),
    "item": (PALETTE[0], "chooses for each item"),
    "fixed": (PALETTE[1], "one bridge for all items"),
    "null": ("0.6", "knows nothing of the item"),
}


def routing_leaderboard(table: pd.DataFrame, *, score: str = "accuracy") -> Figure:
    """Routers and combinations of bridges beside one bridge for all, the one with the least regret first.

    On the left what each loses against the best bridge of each item, on the right its lead over the baseline, with 95 %
    intervals over the pairs.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `routing_regret`.
    score : str
        What the scores of the answers are, for the labels: "chrF" for translations, "log P(gold)" for those of
        `by_gold_logprob`.

    Raises
    ------
    InputError
        If the table lacks a column.
    """
    columns = ("strategy", "regret", "low", "high", "lead", "lead_low", "lead_high")
    if missing := [name for name in columns if name not in table]:
        raise InputError(f"this is not a table of routing_regret: no column {missing[0]!r}")
    factor, unit = score_unit(score)
    table = table.sort_values("regret", kind="stable")
    kinds = [_kind(name) for name in table.strategy]
    colours = [_KINDS[kind][0] for kind in kinds]
    baseline = table.attrs.get("card", {}).get("options", {}).get("baseline")
    than = f"the strategy\n“{_NAMES.get(baseline, language_name(baseline))}”" if baseline else "the\nbaseline"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 1.7 + 0.28 * len(table)), layout="constrained")
        regret, lead = figure.subplots(1, 2, sharey=True)
        draw_intervals(regret, range(len(table)), factor * table[["regret", "low", "high"]], colours)
        draw_intervals(lead, range(len(table)), factor * table[["lead", "lead_low", "lead_high"]], colours)
        regret.set(xlabel=f"regret: {score} lost against\nthe best bridge of each item ({unit})", yticks=range(len(table)))
        regret.set_yticklabels([_NAMES.get(name, language_name(name)) for name in table.strategy])
        lead.set(xlabel=f"{score} minus that of {than} ({unit})")
        regret.invert_yaxis()
        key = [
            Line2D([], [], color=colour, marker="o", markersize=5, label=label)
            for kind, (colour, label) in _KINDS.items()
            if kind in kinds
        ]
        figure.legend(handles=key, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _kind(strategy: str) -> str:
    if strategy in ("oracle", "best"):
        return "known"
    if strategy in ("dealt", "random"):
        return "null"
    return "item" if strategy in ("router", "surest") or "+" in strategy else "fixed"
