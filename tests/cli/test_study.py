"""Notebooks as one study: interrupted and gone on with, and what changed."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bridgex_nb import plots
from bridgex_nb.cli._gallery import write_comparison, write_gallery
from bridgex_nb.cli._study import UNFINISHED, run_notebooks
from bridgex_nb.exceptions import InputError
from bridgex_nb.models._load_model import MINI

FIGURE = """
from pathlib import Path
for kind, text in [("png", "a picture"), ("csv", "height"), ("json", "{}")]:
    Path(figures, "00_line").with_suffix("." + kind).write_text(text)
"""


@pytest.fixture
def place(tmp_path):
    """Two notebooks, of which the second fails as long as there is a file `broken`; each says in `ran` that it ran."""
    (tmp_path / "broken").touch()
    sources = {
        "00_first": FIGURE,
        "01_second": f"assert not __import__('pathlib').Path({str(tmp_path / 'broken')!r}).exists()",
    }
    for name, source in sources.items():
        parameters = nbformat.v4.new_code_cell("figures = None", metadata={"tags": ["parameters"]})
        log = nbformat.v4.new_code_cell(f"print({name!r}, file=open({str(tmp_path / 'ran')!r}, 'a'))")
        notebook = nbformat.v4.new_notebook(cells=[parameters, log, nbformat.v4.new_code_cell(source)])
        notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    return tmp_path


def notebooks(place: Path) -> list[Path]:
    return sorted(place.glob("*.ipynb"))


def ran(place: Path) -> list[str]:
    return (place / "ran").read_text().split()


def test_a_run_that_ended_early_goes_on_behind_what_is_finished(place):
    out = place / "out"
    with pytest.raises(RuntimeError, match=r"01_second\.ipynb failed"):
        run_notebooks(notebooks(place), out, {"rate": "0.1"})
    assert [path.name for path in (out / "notebooks").glob("*.ipynb")] == ["00_first.ipynb"]  # nothing is half there
    (out / "00_line.png").unlink()
    with pytest.raises(RuntimeError):
        run_notebooks(notebooks(place), out, {})  # with other parameters it is another run
    assert ran(place) == ["00_first", "01_second"] * 2
    assert json.loads((out / "notebooks" / UNFINISHED).read_text())["done"] == ["00_first.ipynb"]
    (place / "broken").unlink()
    assert run_notebooks(notebooks(place), out, {}) == ["00_line.png"]  # against what was there before the first try
    assert ran(place)[4:] == ["01_second"]
    assert not (out / "notebooks" / UNFINISHED).exists()
    assert run_notebooks(notebooks(place), out, {}) == []  # a run that was finished is done again
    assert ran(place)[5:] == ["00_first", "01_second"]


def test_what_a_notebook_refuses_is_an_input_error(place):
    path = place / "01_second.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (place / "config.json").write_text((MINI / "config.json").read_text())  # a model without weights
    notebook.cells[2].source = f"import bridgex_nb as bx\nbx.load_model({str(place)!r})"
    nbformat.write(notebook, path)
    with pytest.raises(InputError, match=r"01_second\.ipynb: .*: no model that loads here"):
        run_notebooks([path], place / "out", {})


def test_two_folders_side_by_side(place, monkeypatch):
    monkeypatch.delenv("BRIDGEX_PDF", raising=False)
    for name, height, model in (("a", 1, "none"), ("b", 2, "<other>")):
        figure = Figure()
        figure.subplots().plot([0, height])
        plots.save(figure, pd.DataFrame({"height": [height]}), place / name, "00_line", {"model": model})
    assert not list(place.glob("?/*.pdf"))
    for kind in ("png", "csv", "json"):
        shutil.copy(place / "b" / f"00_line.{kind}", place / "b" / f"00_more.{kind}")
    (place / "b" / "00_mine.png").touch()  # somebody's own picture
    page = write_comparison(place / "b", place / "a").read_text()
    assert re.findall('<img src="(.+?)"', page) == ["00_line.png", "../a/00_line.png"]
    assert re.findall("<td>(.+?)</td>", page) == ["2", "1"]
    assert "Left <b>&lt;other&gt;</b>, right <b>none</b>" in page
    assert "Only one of the two has: 00_more" in page
    (place / "b" / "00_more.png").unlink()
    assert "<b>00_line</b> · &lt;other&gt;" in write_gallery(place / "b").read_text()
    (place / "empty").mkdir()
    with pytest.raises(InputError, match="no figure there has the name"):
        write_comparison(place / "b", place / "empty")
