"""Figures of similarity show what their tables hold."""

import dataclasses

import numpy as np
import pandas as pd

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI


def test_depth_profile_shows_every_band_and_fills_significant_points(depth):
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
