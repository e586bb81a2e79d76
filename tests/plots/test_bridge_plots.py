"""Figures of bridges show what their tables hold."""

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
