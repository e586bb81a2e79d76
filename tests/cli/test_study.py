"""Notebooks as one study: interrupted and resumed, and what changed."""

import json
from pathlib import Path

import nbformat
import pytest

from bridgex_nb.cli import _figures
from bridgex_nb.cli._study import UNFINISHED, _inputs, run_notebooks
from bridgex_nb.exceptions import InputError
from bridgex_nb.models._load_model import MINI

FIGURE = """
from pathlib import Path
for kind, text in [("png", "a picture"), ("csv", "height"), ("json", "{}")]:
    Path(figures, "00_line").with_suffix("." + kind).write_text(text)
"""


@pytest.fixture
def study(tmp_path):
    """A folder of two notebooks; the second fails as long as there is a file `broken`, and each says in `ran` that it ran."""
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


def notebooks(study: Path) -> list[Path]:
    return sorted(study.glob("*.ipynb"))


def ran(study: Path) -> list[str]:
    return (study / "ran").read_text().split()


def test_a_run_that_ended_early_resumes_after_what_is_finished(study):
    out = study / "out"
    with pytest.raises(RuntimeError, match=r"01_second\.ipynb failed"):
        run_notebooks(notebooks(study), out, {"rate": "0.1"})
    assert [path.name for path in (out / "notebooks").glob("*.ipynb")] == ["00_first.ipynb"]  # nothing is left half done
    (out / "00_line.png").unlink()
    with pytest.raises(RuntimeError):
        run_notebooks(notebooks(study), out, {})  # other parameters make it another run
    assert ran(study) == ["00_first", "01_second"] * 2
    assert json.loads((out / "notebooks" / UNFINISHED).read_text())["done"] == ["00_first.ipynb"]
    (study / "broken").unlink()
    assert run_notebooks(notebooks(study), out, {}) == ["00_line.png"]  # compared with what was there before the first run
    assert ran(study)[4:] == ["01_second"]
    assert not (out / "notebooks" / UNFINISHED).exists()
    assert run_notebooks(notebooks(study), out, {}) == []  # a finished run is done again
    assert ran(study)[5:] == ["00_first", "01_second"]


def test_what_a_notebook_refuses_is_an_input_error(study):
    path = study / "01_second.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (study / "config.json").write_text((MINI / "config.json").read_text())  # a model without weights
    notebook.cells[2].source = f"import bridgex_nb as bx\nbx.load_model({str(study)!r})"
    nbformat.write(notebook, path)
    with pytest.raises(InputError, match=r"01_second\.ipynb: .*: cannot be loaded as a model"):
        run_notebooks([path], study / "out", {})


@pytest.mark.parametrize("kind", ["png", "csv", "json"])
def test_a_figure_is_changed_if_any_of_its_files_is(study, kind):
    (study / "broken").unlink()
    out = study / "out"
    run_notebooks(notebooks(study), out, {})
    (out / f"00_line.{kind}").write_text("something else")
    assert run_notebooks(notebooks(study)[:1], out, {}) == ["00_line.png"]


def test_text_stays_text_and_a_switch_a_switch(study):
    path = study / "00_first.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source += "\nrate, pdf = None, False"
    notebook.cells[2].source = "assert (rate, pdf) == ('0.1', True)"
    nbformat.write(notebook, path)
    run_notebooks([path], study / "out", {"rate": "0.1", "pdf": True})


def write(folder: Path, name: str, source: str) -> Path:
    parameters = nbformat.v4.new_code_cell("figures = None", metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(source)])
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, folder / name)
    return folder / name


def test_a_notebook_finds_nothing_of_the_one_before_but_the_imports(tmp_path):
    first = """
import ipywidgets, json, os, weakref
class Model: pass
view = ipywidgets.HTML()
view.model = Model()
json.kept, json.process = weakref.ref(view.model), os.getpid()
"""
    second = """
import json, os
assert json.process == os.getpid(), "another kernel"
assert "view" not in globals() and "Model" not in globals()
assert json.kept() is None, "the model of the notebook before is still in memory"
"""
    paths = [write(tmp_path, "00_first.ipynb", first), write(tmp_path, "01_second.ipynb", second)]
    run_notebooks(paths, tmp_path / "out", {})
    counts = [
        [cell.execution_count for cell in nbformat.read(tmp_path / "out" / "notebooks" / path.name, 4).cells] for path in paths
    ]
    assert counts[0] == counts[1]  # each begins at 1


def test_a_killed_kernel_is_told_by_the_name_of_its_notebook(tmp_path):
    path = write(tmp_path, "00_dies.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(RuntimeError, match=r"00_dies\.ipynb failed"):
        run_notebooks([path], tmp_path / "out", {})
    assert not list((tmp_path / "out" / "notebooks").glob("*.ipynb"))


def test_a_folder_of_the_name_of_a_packaged_model_is_not_the_model(tmp_path, monkeypatch):
    """As `bridgex figures --model gemma-3-270m --out gemma-3-270m` leaves one, and is continued."""
    monkeypatch.chdir(tmp_path)
    before = _inputs([], {"model_name": "gemma-3-270m"})
    (tmp_path / "gemma-3-270m").mkdir()
    (tmp_path / "gemma-3-270m" / "00_line.png").touch()
    assert _inputs([], {"model_name": "gemma-3-270m"}) == before
    assert _figures._model_name("gemma-3-270m") == "gemma-3-270m"
    (tmp_path / "gemma-3-270m" / "config.json").touch()
    assert _figures._model_name("gemma-3-270m") == str(tmp_path / "gemma-3-270m")


def test_another_model_file_starts_a_run_anew(tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF")
    parameters = {"model_name": str(path)}
    before = _inputs([], parameters)
    assert _inputs([], parameters) == before
    path.write_bytes(b"GGUF of other weights")
    assert _inputs([], parameters) != before
