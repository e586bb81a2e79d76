"""Figures: what they show is what their tables hold."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.colors import same_color, to_rgb
from matplotlib.text import Text

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI
from bridgex_nb.plots._style import STYLE

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


@pytest.fixture(scope="module")
def sharing():
    generator = torch.Generator().manual_seed(0)
    codes = ("en", "vi", "sw")
    return bx.sharing_types({code: torch.randn(5, 40, 3, generator=generator) for code in codes}, [0, 0.2, 0.4, 0.5])


@pytest.fixture(scope="module")
def alignment(mini):
    return bx.alignment(mini, {code: texts[:20] for code, texts in bx.core_words().items()}, resamples=20)


@pytest.fixture(scope="module")
def depth(mini):
    words = {code: texts[:20] for code, texts in bx.core_words().items()}
    evidence = bx.Evidence(mini, bx.count_active(mini, words), 0.05, words)
    return bx.agreement_by_depth(evidence, ["lift", "alignment"], permutations=20)


@pytest.fixture(scope="module")
def gains():
    """Of `compare`: helps, harms and does nothing."""
    rows = [
        ("sw", "tl", "en", 0.3, 0.2, 0.4, 0.001),
        ("sw", "tl", "fr", 0.02, -0.02, 0.05, 0.6),
        ("ar", "he", "fr", -0.2, -0.3, -0.1, 0.01),
    ]
    return pd.DataFrame(rows, columns=["src", "tgt", "bridge", "gain", "low", "high", "p_holm"])


@pytest.fixture(scope="module")
def board(mini):
    lexicon = bx.core_lexicon("zh", "he")
    items = bx.answers(mini, "bli", lexicon.keep(list(lexicon.entries)[:12]), ["en", "fr", "es"])
    return bx.leaderboard(mini, items, ["overlap_jaccard", "typology"])


@pytest.fixture
def figures(matrix, accuracies, ranking, sharing, alignment, depth, gains, board):
    return [
        bx.plots.overlap_heatmap(matrix.fillna(1)),
        bx.plots.spectrum_clustermap(matrix),
        bx.plots.hsic_by_layer(ranking),
        bx.plots.bridge_overview(ranking),
        bx.plots.bridge_ranking(ranking),
        bx.plots.neuron_by_language(pd.Series({code: 0.5 for code in bx.LANGUAGES}), "a neuron"),
        bx.plots.xicl_heatmap(accuracies, {("sw", "tl"): "en"}),
        bx.plots.sharing_types(sharing),
        bx.plots.alignment_by_layer(alignment),
        bx.plots.depth_profile(depth),
        bx.plots.emergence_curves(pd.read_csv(MINI / "emergence.csv")),
        bx.plots.bridge_gains(gains),
        bx.plots.selector_leaderboard(board),
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


def test_sharing_types_are_stacked_to_the_whole_layer(sharing):
    figure = bx.plots.sharing_types(sharing)
    assert [axes.get_title() for axes in figure.axes] == [f"active above {t}" for t in ("0", "0.2", "0.4", "0.5")]
    for axes, threshold in zip(figure.axes, sharing.threshold.unique(), strict=True):
        some = sharing[sharing.threshold == threshold]
        bottom = np.zeros(5)
        for bars, kind in zip(axes.containers, ["all_shared", "partial_shared", "specific", "non_activated"], strict=True):
            assert [bar.get_y() for bar in bars] == pytest.approx(bottom)
            assert [bar.get_height() for bar in bars] == pytest.approx(some[kind] * 100)
            bottom += [bar.get_height() for bar in bars]
        assert bottom == pytest.approx([100] * 5)


@pytest.mark.parametrize(("name", "neurons", "layers"), [("LLaMA-2-7B", 11008, 32), ("LLaMA-2-70B", 28672, 80)])
def test_released_lape_masks_are_drawn(shared_data, name, neurons, layers):
    masks = bx.read_lape_masks(shared_data / "lape_masks" / f"{name}.neuron.pth", neurons)
    figure = bx.plots.neurons_by_layer(masks)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    # A language that is not among the fifteen goes by its code.
    assert [label.get_text() for label in axes.get_yticklabels()][:5] == ["English", "Chinese", "French", "Spanish", "vi"]
    cells = axes.collections[0].get_array().reshape(len(masks), layers)
    assert cells.sum(axis=1).tolist() == [int(mask.sum()) for mask in masks.values()]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == (cells.size if layers == 32 else 0)
    for row in range(0, len(boxes), layers):
        assert all(one.x1 < other.x0 for one, other in zip(boxes[row:], boxes[row + 1 : row + layers], strict=False))
    assert bx.plots.overlap_heatmap(bx.overlap_matrix(masks)).axes[0].get_title()


def test_depth_profile_shows_every_band_and_fills_what_is_sure(depth):
    figure = bx.plots.depth_profile(depth)
    below = figure.axes[2:]
    for axes, (_, rows) in zip(below, depth.groupby("kind", sort=False), strict=True):
        filled = sum(len(one.get_offsets()) for one in axes.collections if tuple(one.get_facecolor()[0][:3]) != (1, 1, 1))
        assert filled == (rows.p < 0.05).sum()
        assert sum(len(one.get_offsets()) for one in axes.collections) == len(rows)


def test_languages_that_are_not_among_the_fifteen_go_by_their_code(alignment, matrix):
    new = {"sw": "xh", "fi": "vi"}
    other = dataclasses.replace(alignment, table=alignment.table.replace(new), by_layer=alignment.by_layer.replace(new))
    for figure in (bx.plots.alignment_by_layer(other), bx.plots.spectrum_clustermap(matrix.rename(index=new, columns=new))):
        figure.draw_without_rendering()
        names = {label.get_text() for axes in figure.axes for label in axes.get_yticklabels()}
        assert {"xh", "vi", "German"} <= names
        legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
        assert "other" in {text.get_text() for one in legends if one for text in one.get_texts()}


def test_spectrum_blanks_a_language_with_itself(matrix):
    lifted = matrix.fillna(100)  # a diagonal that would take the whole colour scale
    axes = bx.plots.spectrum_clustermap(lifted).axes
    mesh = next(one for part in axes for one in part.collections if one.get_array() is not None and one.get_array().size == 225)
    assert mesh.get_array().mask.sum() == 15
    assert mesh.get_clim()[1] < 3


def test_emergence_draws_the_mean_of_each_group():
    table = pd.read_csv(MINI / "emergence.csv")
    axes = bx.plots.emergence_curves(table).axes[1]
    drawn = {tuple(np.round(line.get_ydata(), 4)) for line in axes.get_lines() if len(line.get_ydata())}
    kept = table[table.kind == "alignment"].groupby("group").value.agg(tuple)
    assert drawn == set(kept)


def test_gains_are_coloured_where_they_are_beyond_chance(gains):
    figure = bx.plots.bridge_gains(gains)
    assert [axes.get_title() for axes in figure.axes] == ["English", "French"]  # the higher mean gain first
    points = [(*point, colour) for axes in figure.axes for one in axes.collections[1:] for point, colour in drawn_points(one)]
    key = dict(zip(("helps", "harms", "nothing"), [line.get_color() for line in figure.legends[0].get_lines()], strict=True))
    expected = [(30, 0, key["helps"]), (2, 0, key["nothing"]), (-20, 1, key["harms"])]
    for (x, y, colour), (gain, row, wanted) in zip(points, expected, strict=True):
        assert (x, y) == pytest.approx((gain, row))
        assert same_color(colour, wanted)


def drawn_points(collection):
    return list(zip(collection.get_offsets(), collection.get_facecolor(), strict=True))


def test_the_leaderboard_shows_regret_lead_and_rank_correlation(board):
    regret, lead, ranks = bx.plots.selector_leaderboard(board).axes
    assert [label.get_text() for label in regret.get_yticklabels()] == board.selector.tolist()
    for axes, column, scale in ((regret, "regret", 100), (lead, "lead", 100), (ranks, "spearman", 1)):
        x, y = np.ma.getdata(axes.collections[-1].get_offsets()).T
        assert x == pytest.approx(scale * board[column].to_numpy(), nan_ok=True)
        assert y.tolist() == list(range(len(board)))
    low, high = np.array([one[:, 0] for one in lead.collections[0].get_segments()]).T / 100
    assert (low == pytest.approx(board.lead_low), high == pytest.approx(board.lead_high)) == (True, True)


def print_width(path):
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", path.read_bytes())
    return float(box[1]) / 72 * 2.54


def test_pdfs_are_as_wide_as_columns_of_a_page(tmp_path, figures):
    single = set()
    for name, figure in enumerate(figures):
        size = figure.get_size_inches().tolist()
        figure.draw_without_rendering()
        letters = {text: text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
        path = bx.plots.save_pdf(figure, tmp_path / f"{name}.pdf")
        assert print_width(path) <= 16.01
        if print_width(path) <= 7.71:
            single.add(name)
        assert figure.get_size_inches().tolist() == size
        assert {text: text.get_fontsize() for text in letters} == pytest.approx(letters)
        assert b"/Type3" not in path.read_bytes()
    assert single
    assert len(single) < len(figures)


def test_a_width_can_be_asked_for_and_is_refused_where_nothing_can_be_read(tmp_path, ranking, matrix):
    figure = bx.plots.bridge_ranking(ranking)
    path = bx.plots.save_pdf(figure, tmp_path / "one.pdf", "single")
    assert print_width(path) <= 7.71
    first = path.read_bytes()
    assert bx.plots.save_pdf(bx.plots.bridge_ranking(ranking), path, "single").read_bytes() == first
    assert 7.71 < print_width(bx.plots.save_pdf(figure, tmp_path / "two.pdf", "double")) <= 16.01
    crowded = bx.plots.overlap_heatmap(matrix)
    with pytest.raises(bx.InputError, match="too much in it for the width 'single'"):
        bx.plots.save_pdf(crowded, tmp_path / "heat.pdf", "single")
    with pytest.raises(bx.InputError, match="unknown width 'triple'"):
        bx.plots.save_pdf(figure, tmp_path / "three.pdf", "triple")
    assert {path.name for path in tmp_path.iterdir()} == {"one.pdf", "two.pdf"}


def test_bridges_beside_the_usual_ones_have_colours_of_their_own(mini):
    sets = bx.top_neurons(bx.count_active(mini, bx.core_sentences()), 0.05)
    probe = bx.probe(mini, bx.core_lexicon("sw", "tl"))
    ranking = bx.rank_bridges(probe, sets, [*bx.BRIDGES, "ar", "hu"], resamples=0)
    left, right = bx.plots.bridge_overview(ranking).axes[:2]
    bars = [bar.get_facecolor()[:3] for bar in left.patches]
    lines = [to_rgb(line.get_color()) for line in right.lines]
    assert bars == lines
    assert len(set(bars)) == len(ranking.table)


def test_tables_of_notebooks_show_small_numbers():
    assert "1.234e-06" in bx.plots.html_table(pd.DataFrame({"score": [1.23412e-6]})).to_html()
