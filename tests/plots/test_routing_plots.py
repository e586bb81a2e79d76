"""The figure of routers and combinations shows what its table holds."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

import bridgex_nb as bx
from bridgex_nb.plots._style import PALETTE


def test_strategies_stand_in_the_order_of_their_regret(routing):
    regret, lead = bx.plots.routing_leaderboard(routing).axes
    ordered = routing.sort_values("regret", kind="stable")
    names = [label.get_text() for label in regret.get_yticklabels()]
    assert names[0] == "best bridge of each item"
    assert {"router", "English", "French", "zero-shot", "en+fr by vote", "best bridge of each pair"} < set(names)
    for axes, column in ((regret, "regret"), (lead, "lead")):
        x, y = np.ma.getdata(axes.collections[-1].get_offsets()).T
        assert x == pytest.approx(100 * ordered[column].to_numpy())
        assert y.tolist() == list(range(len(ordered)))
    low, high = np.array([line[:, 0] for line in lead.collections[0].get_segments()]).T / 100
    assert (low == pytest.approx(ordered.lead_low), high == pytest.approx(ordered.lead_high)) == (True, True)


def test_the_colour_says_what_a_strategy_knows(routing):
    figure = bx.plots.routing_leaderboard(routing)
    drawn = [tuple(colour) for colour in figure.axes[0].collections[-1].get_facecolors()]
    ordered = routing.sort_values("regret", kind="stable").strategy
    colour = dict(zip(ordered, drawn, strict=True))
    assert colour["oracle"] == colour["best"] == to_rgba("black")
    assert colour["router"] == colour["surest"] == colour["en+fr by vote"] == to_rgba(PALETTE[0])
    assert colour["en"] == colour["elsewhere"] == colour["zero-shot"] == to_rgba(PALETTE[1])
    assert colour["dealt"] == colour["random"] == to_rgba("0.6")
    assert len(figure.legends[0].get_texts()) == 4


def test_the_labels_name_score_and_baseline(routing):
    labels = [axes.get_xlabel() for axes in bx.plots.routing_leaderboard(routing, score="log P(gold)").axes]
    assert labels == [
        "regret: log P(gold) lost against\nthe best bridge of each item (nats)",
        "log P(gold) minus that of the strategy\n“best bridge of each pair” (nats)",
    ]


def test_a_table_without_its_card_is_drawn(routing, tmp_path):
    routing.to_csv(tmp_path / "routing.csv", index=False)
    again = bx.plots.routing_leaderboard(pd.read_csv(tmp_path / "routing.csv"))
    assert again.axes[1].get_xlabel() == "accuracy minus that of the\nbaseline (percentage points)"


def test_another_table_is_refused(board):
    with pytest.raises(bx.InputError, match="not a table of routing_regret: no column 'strategy'"):
        bx.plots.routing_leaderboard(board)
