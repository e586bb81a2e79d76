"""Figure of what selectors of bridges lose and gain, and of how much there is to gain."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ._style import LOGPROB, PALETTE, SHADE, STYLE, draw_intervals, score_unit

#: First word of a verdict -> colour; "" is of the oracle and the baseline, which have none.
_COLOURS = {"better": PALETTE[0], "not": "0.6", "worse": PALETTE[3], "": "black"}


def selector_leaderboard(table: pd.DataFrame, *, score: str = "accuracy") -> Figure:
    """Selectors of bridges: regret, lead over the baseline, and rank correlation, coloured by verdict.

    Lines are 95 % intervals over pairs. The light bands in the middle panel are the leads that such a study finds with less
    than 80 % power. Above the panels stands the headroom, if the table still has it in its ``.attrs``.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `leaderboard` or `regret`.
    score : str
        What the scores of the answers are, for the labels: "chrF" for translations, "log P(gold)" for those of
        `by_gold_logprob`.
    """
    factor, unit = score_unit(score)
    heights = range(len(table))
    words = table.verdict.str.split().str[0].fillna("")
    colours = [_COLOURS[word] for word in words]
    baseline = table.selector[(table.verdict == "") & (table.selector != "oracle")].iloc[0]
    than = "always-English" if baseline == "english" else baseline
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.2, 1.7 + 0.28 * len(table)), layout="constrained")
        regret, lead, ranks = figure.subplots(1, 3, sharey=True, width_ratios=[3, 3, 2])
        reach = factor * table.detectable.where(table.verdict != "", 0.0).fillna(0.0)
        lead.barh(heights, 2 * reach, left=-reach, height=0.8, color=SHADE, zorder=0)
        draw_intervals(regret, heights, factor * table[["regret", "low", "high"]], colours)
        draw_intervals(lead, heights, factor * table[["lead", "lead_low", "lead_high"]], colours)
        ranks.scatter(table.spearman, heights, color=colours, s=16, zorder=3)
        ranks.axvline(0, color="0.4", linewidth=0.8)
        ranks.grid(axis="y", color="0.92")
        regret.set(xlabel=f"regret: {score} lost against\nthe best bridge ({unit})", yticks=heights)
        regret.set_yticklabels(table.selector)
        lead.set(xlabel=f"{score} minus that of\n{than} ({unit})")
        measured = "accuracies" if score == "accuracy" else score
        ranks.set(xlabel=f"Spearman correlation of scores\nand {measured} within a pair", xlim=(-1.05, 1.05))
        regret.invert_yaxis()
        key = [
            Line2D([], [], color=colour, marker="o", markersize=5, label=table.verdict[words == word].iloc[0])
            for word, colour in _COLOURS.items()
            if word and word in set(words)
        ]
        if reach.any():
            key.append(Patch(color=SHADE, label="leads found with less than 80 % power"))
        figure.legend(handles=key, loc="outside lower center", ncols=4, frameon=False)
        if "headroom" in table.attrs:
            figure.suptitle(_headroom(table.attrs["headroom"], score), fontsize=9)
    return figure


def _headroom(room: dict, score: str) -> str:
    factor, unit = score_unit(score)
    interval = f" [{factor * room['headroom_low']:.1f}, {factor * room['headroom_high']:.1f}]" if room["pairs"] > 1 else ""
    unit = unit if score == LOGPROB else "points"
    reliability = f"; split-half reliability {room['reliability']:.2f}" if room["reliability"] == room["reliability"] else ""
    gap = f"{factor * room['headroom']:.1f}{interval} {unit} of {score}"
    return f"Headroom: the best bridge is {gap} above the mean one{reliability}"
