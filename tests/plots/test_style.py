"""What all figures have in common."""

import pandas as pd
import pytest
import torch
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

import bridgex_nb as bx
from bridgex_nb.plots._style import STYLE


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


@pytest.fixture
def one_axes(matrix, accuracies, ranking, lenses):
    """Every function that takes `ax`, with what it draws."""
    sets = {"en": torch.ones(3, 5, dtype=torch.bool), "sw": torch.zeros(3, 5, dtype=torch.bool)}
    curve = pd.DataFrame({"factor": [0, 1] * 2, "language": ["en", "en", "sw", "sw"], "perplexity": [9.0, 8.0, 7.0, 6.0]})
    effect = dict.fromkeys(["change", "low", "high", "random", "random_low", "random_high", "p"], 0.1) | {"random_sets": 19}
    return [
        (bx.plots.hsic_by_layer, ranking),
        (bx.plots.bridge_ranking, ranking),
        (bx.plots.xicl_heatmap, accuracies),
        (bx.plots.neurons_by_layer, sets),
        (bx.plots.neuron_by_language, pd.Series({"en": 0.5, "sw": 0.1}), "a neuron"),
        (bx.plots.overlap_heatmap, matrix.fillna(1)),
        (bx.plots.lens_by_layer, lenses[0]),
        (bx.plots.lens_heatmap, lenses),
        (bx.plots.amplification_curve, curve, "sw"),
        (bx.plots.beyond_random, pd.DataFrame({"set": "shared", **effect}, index=[0]), ["set"], "accuracy", "a title"),
    ]


def test_axes_of_your_own_are_drawn_on(one_axes):
    for function, *data in one_axes:
        whole = Figure(figsize=(9, 4))
        left, right = whole.subfigures(1, 2)[1].subplots(1, 2)
        size = whole.get_size_inches().tolist()
        assert function(*data, ax=right) is whole
        alone = function(*data).axes[0]
        assert right.get_title() == alone.get_title()
        assert right.get_xlabel() == alone.get_xlabel()
        assert [len(right.lines), len(right.patches)] == [len(alone.lines), len(alone.patches)]
        assert not left.has_data()
        assert whole.get_size_inches().tolist() == size


def test_a_style_of_your_own_does_not_reach_the_figures(ranking):
    with plt.style.context("dark_background"):
        axes = bx.plots.bridge_ranking(ranking).axes[0]
    assert axes.xaxis.label.get_color() == axes.title.get_color() == "#000000"
