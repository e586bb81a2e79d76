"""Figures: what they show is what their tables hold."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.text import Text

import bridgex_nb as bx
from bridgex_nb.plots import STYLE

CODES = list(bx.LANGUAGES)


@pytest.fixture(scope="module")
def matrix():
    values = np.random.default_rng(0).uniform(size=(15, 15))
    values = np.where(np.eye(15, dtype=bool), np.nan, values + values.T)
    return pd.DataFrame(values, index=CODES, columns=CODES)


@pytest.fixture(scope="module")
def accuracies():
    rng = np.random.default_rng(0)
    rows = [
        (src, tgt, bridge, rng.uniform())
        for src, tgt in bx.PAIRS
        for bridge in ("zero-shot", *bx.BRIDGES)
        if bridge not in (src, tgt)
    ]
    return pd.DataFrame(rows, columns=["src", "tgt", "bridge", "accuracy"])


@pytest.fixture(scope="module")
def ranking(mini):
    sets = bx.top_neurons(bx.count_active(mini, bx.core_sentences()), 0.05)
    return bx.rank_bridges(bx.probe(mini, bx.core_lexicon("sw", "tl")), sets)


@pytest.fixture
def figures(matrix, accuracies, ranking):
    return [
        bx.plots.overlap_heatmap(matrix.fillna(1)),
        bx.plots.spectrum_clustermap(matrix),
        bx.plots.hsic_by_layer(ranking),
        bx.plots.bridge_ranking(ranking),
        bx.plots.xicl_heatmap(accuracies, {("sw", "tl"): "en"}),
    ]


def test_no_figure_stays_in_pyplot(figures):
    # A figure that pyplot holds is drawn a second time at the end of a notebook cell.
    assert plt.get_fignums() == []


def test_no_letter_is_a_box(figures):
    has = font_manager.get_font(font_manager.findfont(STYLE["font.family"])).get_charmap()
    for figure in figures:
        letters = {char for text in figure.findobj(Text) for char in text.get_text() if not char.isspace()}
        assert all(ord(char) in has for char in letters)


def test_axes_are_labelled(figures):
    for figure in figures[2:4]:
        assert all(axes.get_xlabel() for axes in figure.axes)


def test_the_heatmap_marks_chosen_and_best(accuracies):
    chosen = {("sw", "tl"): "de", ("ar", "he"): "fr"}
    axes = bx.plots.xicl_heatmap(accuracies, chosen).axes[0]
    dashed = [patch for patch in axes.patches if patch.get_linestyle() == "--"]
    solid = [patch for patch in axes.patches if patch.get_linestyle() == "-"]
    columns = ["zero-shot", *bx.BRIDGES]
    cells = {(int(patch.get_y()), columns[int(patch.get_x())]) for patch in dashed}
    assert cells == {(bx.PAIRS.index(pair), bridge) for pair, bridge in chosen.items()}
    assert len(solid) == len(bx.PAIRS)
    for patch in solid:
        src, tgt = bx.PAIRS[int(patch.get_y())]
        row = accuracies[(accuracies.src == src) & (accuracies.tgt == tgt) & (accuracies.bridge != "zero-shot")]
        assert columns[int(patch.get_x())] == row.loc[row.accuracy.idxmax(), "bridge"]


def test_saved_with_numbers_and_run_card_and_the_same_bytes_twice(tmp_path, ranking):
    for place in ("one", "two"):
        figure = bx.plots.bridge_ranking(ranking)
        bx.plots.save(figure, ranking.table, tmp_path / place, "ranking", ranking.card)
    assert (tmp_path / "one" / "ranking.png").read_bytes() == (tmp_path / "two" / "ranking.png").read_bytes()
    assert pd.read_csv(tmp_path / "one" / "ranking.csv").bridge.tolist() == ranking.table.bridge.tolist()
    assert json.loads((tmp_path / "one" / "ranking.json").read_text()) == ranking.card


def test_the_ranking_shows_the_best_on_top(ranking):
    axes = bx.plots.bridge_ranking(ranking).axes[0]
    assert axes.yaxis_inverted()
    assert axes.patches[0].get_width() == max(patch.get_width() for patch in axes.patches)
    assert axes.get_yticklabels()[0].get_text() == bx.language(ranking.best).name
