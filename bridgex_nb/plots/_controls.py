"""Figure of the controls of X-ICL: what helps, the content of the bridge word or the format of the prompt?"""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..evaluation._answer_table import MODEL
from ..exceptions import InputError
from ._style import PALETTE, STYLE, draw_intervals, language_name

#: Control -> its colour and name; also their order within a bridge.
_CONTROLS = {
    MODEL: (PALETTE[0], "the model's own word"),
    "gold": (PALETTE[2], "gold word"),
    "source": (PALETTE[1], "source word again"),
    "nonsense": (PALETTE[4], "nonsense word"),
    "wrong": (PALETTE[3], "wrong word"),
}


def control_gains(table: pd.DataFrame) -> Figure:
    """What each bridge and its controls gain over zero-shot, with 95 % intervals: in accuracy, and in log P of the gold answer.

    One row of panels per pair; a title says where zero-shot, the line at 0, stands.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `control_gains`.

    Raises
    ------
    InputError
        If the table lacks a column.

    Examples
    --------
    >>> table = pd.DataFrame({"src": "sw", "tgt": "tl", "bridge": "en", "control": ["model", "wrong"], "zero_shot": 0.2})
    >>> table = table.assign(gain=[0.3, -0.1], low=[0.2, -0.2], high=[0.4, 0.0], gold_logprob=[-2.0, -9.0])
    >>> table = table.assign(logprob_gain=[3.0, -4.0], logprob_low=[2.0, -5.0], logprob_high=[4.0, -3.0])
    >>> figure = control_gains(table)
    """
    needed = ("src", "tgt", "bridge", "control", "zero_shot", "gain", "low", "high")
    needed += ("gold_logprob", "logprob_gain", "logprob_low", "logprob_high")
    if missing := [name for name in needed if name not in table]:
        raise InputError(f"this is not a table of control_gains: no column {missing[0]!r}")
    pairs = list(dict.fromkeys(zip(table.src, table.tgt, strict=True)))
    shown = [name for name in _CONTROLS if name in set(table.control)]
    bridges = max(table[(table.src == src) & (table.tgt == tgt)].bridge.nunique() for src, tgt in pairs)
    height = 0.22 * (len(shown) + 1) * bridges + 0.5
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 1.3 + height * len(pairs)), layout="constrained")
        grid = figure.subplots(len(pairs), 2, sharex="col", squeeze=False)
        for (src, tgt), (left, right) in zip(pairs, grid, strict=True):
            rows = table[(table.src == src) & (table.tgt == tgt)]
            codes = list(rows.bridge.unique())
            ranks = rows.bridge.map(codes.index) * (len(shown) + 1) + rows.control.map(shown.index)
            colours = [_CONTROLS[name][0] for name in rows.control]
            draw_intervals(left, list(ranks), 100 * rows[["gain", "low", "high"]], colours)
            draw_intervals(right, list(ranks), rows[["logprob_gain", "logprob_low", "logprob_high"]], colours)
            zero_logprob = (rows.gold_logprob - rows.logprob_gain).iloc[0]
            left.set_title(f"{src} → {tgt}: zero-shot {100 * rows.zero_shot.iloc[0]:.0f} %")
            right.set_title(f"{src} → {tgt}: zero-shot " + f"{zero_logprob:.1f}".replace("-", "\u2212"))
            middles = np.arange(len(codes)) * (len(shown) + 1) + (len(shown) - 1) / 2
            left.set(yticks=middles, yticklabels=[f"through {language_name(code)}" for code in codes])
            right.set(yticks=middles, yticklabels=[])
            for axes in (left, right):
                axes.grid(visible=False)
                axes.set_ylim(len(codes) * (len(shown) + 1) - 1, -1)
                for edge in range(1, len(codes)):
                    axes.axhline(edge * (len(shown) + 1) - 1, color="0.92", linewidth=0.8)
        grid[-1, 0].set_xlabel("accuracy minus zero-shot (percentage points)")
        grid[-1, 1].set_xlabel("log P(gold answer) minus zero-shot (nats)")
        key = [Line2D([], [], color=_CONTROLS[name][0], marker="o", markersize=5, label=_CONTROLS[name][1]) for name in shown]
        figure.legend(handles=key, loc="outside upper center", ncols=3, frameon=False)
    return figure
