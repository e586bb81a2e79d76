"""Figures of similarity show what their tables hold."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI


def test_depth_profile_shows_every_band_and_fills_points_that_stand_correction(depth):
    assert (depth.p < 0.05).sum() > (depth.p_holm < 0.05).sum()  # otherwise this would not tell them apart
    figure = bx.plots.depth_profile(depth)
    below = figure.axes[2:]
    for axes, (_, rows) in zip(below, depth.groupby("kind", sort=False), strict=True):
        filled = sum(len(one.get_offsets()) for one in axes.collections if tuple(one.get_facecolor()[0][:3]) != (1, 1, 1))
        assert filled == (rows[["p_holm", "partial_p_holm"]] < 0.05).sum().sum()
        assert sum(len(one.get_offsets()) for one in axes.collections) == 2 * len(rows)
    assert "script held constant" in {text.get_text() for text in below[-1].get_legend().get_texts()}


def test_alignment_shows_chance_and_what_is_not_above_it(alignment):
    table, by_layer = alignment.table.copy(), alignment.by_layer.copy()
    table.loc[table.language == "sw", "p_holm"] = 0.2
    by_layer.loc[(by_layer.language == "fi") & (by_layer.layer == 3), "p_holm"] = 0.2
    axes = bx.plots.alignment_by_layer(dataclasses.replace(alignment, table=table, by_layer=by_layer)).axes
    points = next(one for part in axes for one in part.collections if len(one.get_offsets()) == 14)
    line = next(line for part in axes for line in part.get_lines() if line.get_linestyle() == ":")
    assert set(line.get_xdata()) == {1 / 39}  # 20 words
    assert (points.get_facecolor()[:, :3] == 1).all(axis=1).sum() == (table.p_holm >= 0.05).sum() > 0
    bracketed = sum(text.get_text().startswith("(") for part in axes for text in part.texts)
    assert bracketed == (by_layer.p_holm >= 0.05).sum() > 0


def test_labels_that_are_no_known_languages_are_shown_as_they_are(alignment, matrix):
    new = {"sw": "x1", "fi": "hi"}
    other = dataclasses.replace(alignment, table=alignment.table.replace(new), by_layer=alignment.by_layer.replace(new))
    for figure in (bx.plots.alignment_by_layer(other), bx.plots.spectrum_clustermap(matrix.rename(index=new, columns=new))):
        figure.draw_without_rendering()
        names = {label.get_text() for axes in figure.axes for label in axes.get_yticklabels()}
        assert {"x1", "Hindi", "German"} <= names
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


def test_alignment_and_accuracy_of_each_language():
    table = pd.DataFrame(
        {"language": ["de", "sw", "fi", "he"], "score": [0.9, 0.2, 0.5, 0.4], "accuracy": [0.6, 0.1, 0.3, 0.2]}
    )
    table = table.assign(low=table.accuracy - 0.1, high=table.accuracy + 0.1)
    fit = bx.correlate(table.set_index("language").score, table.set_index("language").accuracy)
    figure = bx.plots.alignment_and_accuracy(table, fit)
    axes = figure.axes[0]
    assert axes.collections[1].get_offsets().data == pytest.approx(np.column_stack([table.score, 100 * table.accuracy]))
    assert [text.get_text() for text in axes.texts] == table.language.tolist()
    assert axes.get_title() == f"r = {fit.r.pearson:.2f} [{fit.low.pearson:.2f}, {fit.high.pearson:.2f}], 4 languages"
    with pytest.raises(bx.InputError, match="no column 'low'"):
        bx.plots.alignment_and_accuracy(table.drop(columns="low"), fit)


def test_agreement_fills_what_stands_correction():
    rows = [("lift", "family", 0.5, 0.01, 0.4, 0.2), ("lift", "typology", 0.3, 0.2, 0.1, 0.04)]
    table = pd.DataFrame(rows, columns=["kind", "reference", "r", "p_holm", "partial_r", "partial_p_holm"])
    axes = bx.plots.agreement_tests(table).axes[0]
    points = {float(dots.get_offsets()[0, 0]): dots.get_facecolor()[0, :3].tolist() for dots in axes.collections}
    assert {r: face == [1, 1, 1] for r, face in points.items()} == {0.5: False, 0.4: True, 0.3: True, 0.1: False}
