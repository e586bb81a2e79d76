"""Figures of bridges show what their tables hold."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import bridgex_nb as bx


def test_the_ranking_shows_the_best_on_top(ranking):
    axes = bx.plots.bridge_ranking(ranking).axes[0]
    assert axes.yaxis_inverted()
    assert axes.patches[0].get_width() == max(patch.get_width() for patch in axes.patches)
    assert axes.get_yticklabels()[0].get_text() == bx.language(ranking.best).name


def test_bridges_beside_the_usual_ones_have_colours_of_their_own(mini):
    sets = bx.top_neurons(bx.count_active(mini, bx.core_sentences()), 0.05)
    probe = bx.probe(mini, bx.core_lexicon("sw", "tl"))
    ranking = bx.rank_bridges(probe, sets, [*bx.BRIDGES, "ar", "hu"], resamples=0)
    left, right = bx.plots.bridge_overview(ranking).axes[:2]
    bars = [bar.get_facecolor()[:3] for bar in left.patches]
    lines = [to_rgb(line.get_color()) for line in right.lines]
    assert bars == lines
    assert len(set(bars)) == len(ranking.table)


def test_the_leaderboard_shows_regret_lead_and_rank_correlation(board):
    regret, lead, ranks = bx.plots.selector_leaderboard(board).axes
    assert [label.get_text() for label in regret.get_yticklabels()] == board.selector.tolist()
    for axes, column, scale in ((regret, "regret", 100), (lead, "lead", 100), (ranks, "spearman", 1)):
        x, y = np.ma.getdata(axes.collections[-1].get_offsets()).T
        assert x == pytest.approx(scale * board[column].to_numpy(), nan_ok=True)
        assert y.tolist() == list(range(len(board)))
    low, high = np.array([one[:, 0] for one in lead.collections[0].get_segments()]).T / 100
    assert (low == pytest.approx(board.lead_low), high == pytest.approx(board.lead_high)) == (True, True)


@pytest.mark.parametrize(("options", "score", "scores"), [({}, "accuracy", "accuracies"), ({"score": "chrF"}, "chrF", "chrF")])
def test_the_leaderboard_names_the_score(board, options, score, scores):
    assert [axes.get_xlabel() for axes in bx.plots.selector_leaderboard(board, **options).axes] == [
        f"regret: {score} lost against\nthe best bridge (percentage points)",
        f"{score} minus that of\nalways-English (percentage points)",
        f"Spearman correlation of scores\nand {scores} within a pair",
    ]
