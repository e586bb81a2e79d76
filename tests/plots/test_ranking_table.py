"""The readable table of a ranking, and its figures in the same unit."""

import dataclasses
import re

import numpy as np
import pytest

import bridgex_nb as bx
from bridgex_nb.plots._ranking_table import shown_values


@pytest.fixture(scope="module")
def bare(mini):
    """A ranking without resamples."""
    sets = bx.top_neurons(bx.count_active(mini, bx.core_sentences()), 0.05)
    return bx.rank_bridges(bx.probe(mini, bx.core_lexicon("sw", "tl")), sets, resamples=0)


def test_the_table_is_the_excess_in_percent_of_the_best_bridge(ranking):
    table, raw = bx.plots.ranking_table(ranking), ranking.table
    assert table.bridge.tolist() == raw.name.tolist()
    assert table.excess.astype(float).tolist() == pytest.approx((100 * raw.excess / raw.excess[0]).tolist(), abs=0.5)
    ends = table.interval.str.split(" to ", expand=True).astype(float)
    for column, end in ((0, "excess_low"), (1, "excess_high")):
        assert ends[column].tolist() == pytest.approx((100 * raw[end] / raw.excess[0]).tolist(), abs=0.5)
    assert (table.tied == "tied").tolist() == raw.tied.tolist()
    assert table["first in"].str.rstrip("%").astype(float).tolist() == pytest.approx((100 * raw.wins).tolist(), abs=0.5)


def test_nothing_to_read_has_a_power_of_ten(ranking, bare):
    for shown in (ranking, bare):
        assert not re.search(r"\de[-+]?\d", bx.plots.ranking_table(shown).to_string())
        figure = bx.plots.bridge_overview(shown)
        figure.draw_without_rendering()
        texts = [text.get_text() for axes in figure.axes for text in axes.findobj(match=lambda a: hasattr(a, "get_text"))]
        assert not [text for text in texts if re.search(r"\de[-−+]?\d|10\^|10\}", text)]


def test_without_resamples_the_score_is_shown(bare):
    table = bx.plots.ranking_table(bare)
    assert table.columns.tolist() == ["bridge", "score", "shared", "specific", "layers"]
    assert table.score[1] == "100"
    assert bx.plots.bridge_ranking(bare).axes[0].get_xlabel() == "HSIC score (best bridge: 100)"


def test_the_figures_are_in_the_unit_of_the_table(ranking):
    bars = [bar.get_width() for bar in bx.plots.bridge_ranking(ranking).axes[0].patches]
    assert bars == pytest.approx((100 * ranking.table.excess / ranking.table.excess[0]).tolist())
    curves = bx.plots.hsic_by_layer(ranking).axes[0].lines
    for bridge, line in zip(ranking.table.bridge, curves, strict=True):
        layers = ranking.by_layer[ranking.by_layer.bridge == bridge]
        assert line.get_ydata() == pytest.approx((100 * layers.excess / ranking.table.excess[0]).to_numpy())
        inside = layers.in_window.to_numpy()
        assert np.mean(line.get_ydata()[inside]) == pytest.approx(bars[ranking.table.bridge.tolist().index(bridge)])


def test_a_first_bridge_below_chance_does_not_turn_the_figure_round(ranking):
    table = ranking.table.assign(excess=-ranking.table.excess[::-1].to_numpy())
    shown = shown_values(dataclasses.replace(ranking, table=table))
    assert (shown.value < 0).all()
    assert shown.value.min() == pytest.approx(-100)


def test_a_layer_far_above_the_others_does_not_flatten_them(ranking):
    by_layer = ranking.by_layer.copy()
    outside = by_layer.layer == by_layer.layer[~by_layer.in_window].iloc[0]
    by_layer.loc[outside, "excess"] = 30 * by_layer.excess[by_layer.in_window].max()
    axes = bx.plots.hsic_by_layer(dataclasses.replace(ranking, by_layer=by_layer)).axes[0]
    shown = 100 * by_layer.excess / ranking.table.excess[0]
    assert shown[~outside].max() < axes.get_ylim()[1] < 2 * shown[~outside].max()
    assert min(0, shown.min()) - 0.1 * axes.get_ylim()[1] < axes.get_ylim()[0] <= min(0, shown.min())
    assert [text.get_text() for text in axes.texts] == [f"↑ {shown[outside].max():,.0f}"]
    assert not bx.plots.hsic_by_layer(ranking).axes[0].texts
