"""Figures for print."""

import re

import pytest
from matplotlib.text import Text

import bridgex_nb as bx


def print_width(path):
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", path.read_bytes())
    return float(box[1]) / 72 * 2.54


@pytest.mark.slow
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
