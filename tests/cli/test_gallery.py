"""Pages of figures."""

import re
import shutil

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bridgex_nb import plots
from bridgex_nb.cli._gallery import ROWS, write_comparison, write_gallery
from bridgex_nb.exceptions import InputError


def test_two_folders_side_by_side(tmp_path):
    for name, height, model in (("a", 1, "none"), ("b", 2, "<other>")):
        figure = Figure()
        figure.subplots().plot([0, height])
        plots.save(figure, pd.DataFrame({"height": [height]}), tmp_path / name, "00_line", {"model": model})
    for kind in ("png", "csv", "json"):
        shutil.copy(tmp_path / "b" / f"00_line.{kind}", tmp_path / "b" / f"00_more.{kind}")
    (tmp_path / "b" / "00_mine.png").touch()  # somebody's own picture
    page = write_comparison(tmp_path / "b", tmp_path / "a").read_text()
    assert re.findall('<img src="(.+?)"', page) == ["00_line.png", "../a/00_line.png"]
    assert re.findall("<td>(.+?)</td>", page) == ["2", "1"]
    assert "Left <b>&lt;other&gt;</b>, right <b>none</b>" in page
    assert "Only in one of the two: 00_more" in page
    (tmp_path / "b" / "00_more.png").unlink()
    assert "<b>00_line</b> · &lt;other&gt;" in write_gallery(tmp_path / "b").read_text()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no figure has the name of one in"):
        write_comparison(tmp_path / "b", tmp_path / "empty")


def test_a_long_table_begins_on_the_page_and_is_whole_in_its_file(tmp_path):
    figure = Figure()
    figure.subplots().plot([0, 1])
    plots.save(figure, pd.DataFrame({"row": range(10, 10 + 3 * ROWS)}), tmp_path, "00_long", {"model": "<m>"})
    page = write_gallery(tmp_path).read_text()
    assert re.findall("<td>(.+?)</td>", page) == [str(row) for row in range(10, 10 + ROWS)]
    assert f'The first {ROWS} of {3 * ROWS} rows; all of them: <a href="00_long.csv">00_long.csv</a>' in page
    assert "<title>Figures of &lt;m&gt;</title>" in page
