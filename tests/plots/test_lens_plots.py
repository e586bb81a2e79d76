"""Figures of the lens show what its tables hold."""

import numpy as np
import pytest

import bridgex_nb as bx
from bridgex_nb.lens import pivot


def test_a_line_and_a_band_for_each_language(lenses):
    lens = lenses[0]
    axes = bx.plots.lens_by_layer(lens).axes[0]
    drawn = {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}
    names = {"tl": "Tagalog (output)", "sw": "Swahili (source)", "en": "English", "fr": "French", "de": "German"}
    assert set(drawn) == set(names.values())
    bands = [band.get_paths()[0].vertices for band in axes.collections]
    for code, name in names.items():
        rows = lens.table[lens.table.language == code]
        assert drawn[name].get_ydata() == pytest.approx(rows.probability.to_numpy())
        dotted = [
            line for line in axes.get_lines() if line.get_linestyle() == ":" and line.get_color() == drawn[name].get_color()
        ]
        assert any(line.get_ydata() == pytest.approx(rows.null.to_numpy()) for line in dotted)
        ends = {
            (layer, round(end, 6))
            for layer, low, high in zip(rows.layer, rows.low, rows.high, strict=True)
            for end in (low, high)
        }
        assert any(ends <= {(int(x), round(float(y), 6)) for x, y in band} for band in bands)
    assert drawn["Tagalog (output)"].get_linewidth() > drawn["English"].get_linewidth()
    assert len({line.get_color() for line in drawn.values()}) == 5


def test_a_language_without_words_is_not_drawn(mini):
    words = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    english, french = bx.Lexicon("sw", "en", {"moto": ["fire"]}), bx.Lexicon("sw", "fr", {"jua": ["soleil"]})
    lens = bx.language_lens(mini, words, ["en", "fr"], forms={"en": english, "fr": french}, resamples=10)
    labels = [text.get_text() for text in bx.plots.lens_by_layer(lens).axes[0].get_legend().get_texts()]
    assert "English" in labels
    assert "French" not in labels


def cells(figure):
    """Values of a heat map, and its texts, by [row, column]."""
    axes = figure.axes[0]
    mesh = axes.collections[0].get_array()
    written = {}
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        written[row, column] = text.get_text()
    rows, columns = len(axes.get_yticklabels()), len(axes.get_xticklabels())
    return mesh.reshape(rows, columns), written, [label.get_text() for label in axes.get_xticklabels()]


def test_the_likeliest_language_besides_source_and_target(lenses):
    shown, written, _ = cells(bx.plots.lens_heatmap(lenses))
    for row, lens in enumerate(lenses):
        for layer in range(6):
            rows = lens.table[(lens.table.layer == layer) & ~lens.table.language.isin([lens.src, lens.tgt])]
            best = rows.loc[rows.excess.idxmax()]
            assert shown[row, layer] == pytest.approx(best.excess)
            assert written.get((row, layer), "") == (best.language if best.excess_low > 0 else "")


def test_scores_by_language_and_a_frame_around_the_pivot(lenses):
    figure = bx.plots.lens_heatmap(lenses, "language")
    shown, written, columns = cells(figure)
    assert columns == ["English", "French", "German"]
    assert np.ma.getmaskarray(shown)[1, 0]  # English is the source of the second pair
    framed = {(int(patch.get_y()), int(patch.get_x())) for patch in figure.axes[0].patches}
    tables = [pivot(lens) for lens in lenses]
    for row, table in enumerate(tables):
        for code, score in zip(table.language, table.score, strict=True):
            column = columns.index(bx.language(code).name)
            assert shown[row, column] == pytest.approx(score)
            assert written[row, column] == f"{round(score, 2) + 0.0:.2f}"  # never -0.00
            assert ((row, column) in framed) == (code == table.attrs["pivot"])
    assert len(framed) == sum(table.attrs["pivot"] is not None for table in tables) > 0


def test_lenses_that_make_no_heat_map(lenses, mini):
    with pytest.raises(bx.InputError, match="at least one lens"):
        bx.plots.lens_heatmap([])
    with pytest.raises(bx.InputError, match="at least one lens"):
        bx.plots.lens_heatmap(lenses[0])
    with pytest.raises(bx.InputError, match="by='pair'"):
        bx.plots.lens_heatmap(lenses, "pair")
