"""Figures of interventions show what their tables hold."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

import bridgex_nb as bx


@pytest.fixture(scope="module")
def matrix():
    languages = pd.Index(["en", "sw", "English B"])
    values = np.random.default_rng(0).normal(size=(2, 3, 3))
    change, random = (pd.DataFrame(one, index=languages, columns=languages) for one in values)
    return bx.DeactivationMatrix(change, random, pd.DataFrame(), {})


def test_the_heatmap_has_both_matrices_on_one_scale(matrix):
    figure = bx.plots.deactivation_heatmap(matrix)
    own, random = (axes.collections[0] for axes in figure.axes[:2])
    assert np.array_equal(own.get_array().reshape(3, 3), matrix.change)
    assert np.array_equal(random.get_array().reshape(3, 3), matrix.random)
    assert own.get_clim() == random.get_clim()
    assert sum(own.get_clim()) == 0
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["English", "Swahili", "English B"]
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["perplexity of"] * 2


def test_amplification_is_relative_to_the_unchanged_model(mini):
    neuron_set = torch.zeros(mini.num_layers, mini.num_neurons, dtype=torch.bool)
    neuron_set[2, :40] = True
    tables = []
    for factor in (0, 1, 8):
        with bx.amplify(mini, neuron_set, factor):
            texts = {"en": ["The sun is hot."], "sw": ["Jua ni kali."], "fi": ["Aurinko on kuuma."]}
            tables.append(bx.perplexity(mini, texts).assign(factor=factor))
    table = pd.concat(tables, ignore_index=True)
    axes = bx.plots.amplification_curve(table, "sw").axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    own = table[table.language == "sw"].perplexity.to_numpy()
    assert lines["Swahili"].get_ydata() == pytest.approx(own / own[1])
    assert list(lines["Swahili"].get_xdata()) == [0, 1, 8]
    others = np.array([table[table.language == code].perplexity.to_numpy() for code in ("en", "fi")])
    assert lines["mean of the others"].get_ydata() == pytest.approx((others / others[:, 1:2]).mean(axis=0))


@pytest.mark.parametrize(("most", "minor_labels"), [(2.5, True), (3e5, False)])
def test_labels_of_the_amplification_axis_do_not_cover_each_other(most, minor_labels):
    rows = [(factor, code, perplexity) for factor, perplexity in ((0, 1.5), (1, 1.0), (8, most)) for code in ("en", "sw")]
    axes = bx.plots.amplification_curve(pd.DataFrame(rows, columns=["factor", "language", "perplexity"]), "sw").axes[0]
    axes.figure.canvas.draw()
    low, high = axes.get_ylim()
    labels = [
        label for label in axes.get_yticklabels(which="both") if label.get_text() and low <= label.get_position()[1] <= high
    ]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(boxes))
    assert any(label.get_text() for label in axes.get_yticklabels(minor=True)) == minor_labels
    assert not any("e" in label.get_text() for label in labels)


def effects():
    return pd.DataFrame(
        {
            "set": ["shared", "shared"],
            "asked": ["zero-shot", "en"],
            "change": [-0.1, 0.02],
            "low": [-0.2, -0.01],
            "high": [-0.05, 0.04],
            "random": [-0.01, 0.0],
            "random_low": [-0.03, -0.02],
            "random_high": [0.01, 0.02],
            "p": [0.01, 0.453],
            "random_sets": [99, 99],
        }
    )


def test_nats_are_drawn_as_they_are():
    axes = bx.plots.beyond_random(effects(), ["set"], "log perplexity", "title", unit="nats per token").axes[0]
    assert axes.get_xlabel() == "change in log perplexity (nats per token)"
    assert axes.get_lines()[1].get_xdata() == pytest.approx([-0.1, 0.02])
    with pytest.raises(bx.InputError, match="unit='bits': choose from percentage points, nats per token"):
        bx.plots.beyond_random(effects(), ["set"], "log perplexity", "title", unit="bits")


def test_effects_are_drawn_beside_random_ones_in_percentage_points():
    table = effects()
    axes = bx.plots.beyond_random(table, ["set", "asked"], "accuracy", "title").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "shared, zero-shot\n(p = 0.01)",
        "shared, en\n(p = 0.45)",
    ]
    assert "percentage points" in axes.get_xlabel()
    points = {line.get_label(): line.get_xdata() for line in axes.get_lines()}
    assert points["these neurons:\n95 % interval"] == pytest.approx([-10, 2])
    assert points["99 random sets:\nmean and middle 95 %"] == pytest.approx([-1, 0])
    own, random = axes.collections
    assert [tuple(one[:, 0]) for one in own.get_segments()] == [pytest.approx((-20, -5)), pytest.approx((-1, 4))]
    assert [tuple(one[:, 0]) for one in random.get_segments()] == [pytest.approx((-3, 1)), pytest.approx((-2, 2))]
    assert axes.yaxis_inverted()
    fewer = bx.plots.beyond_random(table.assign(random_sets=19), ["set", "asked"], "accuracy", "title").axes[0]
    assert fewer.get_legend_handles_labels()[1][1] == "19 random sets:\nmean and range"
    assert plt.get_fignums() == []
