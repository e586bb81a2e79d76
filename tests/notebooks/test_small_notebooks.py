"""Small notebooks in the fast tier, and the notebooks as they stand in the repository."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest

import bridgex_nb as bx
from bridgex_nb.cli._main import main
from bridgex_nb.cli._notebooks import notebook_folder
from bridgex_nb.models._load_model import MINI


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folder that `bridgex figures` wrote three small notebooks to."""
    out = tmp_path_factory.mktemp("study") / "figures"
    assert main(["figures", "--only", "00", "01", "07", "--out", str(out)]) == 0
    return out


def test_00_names_the_best_bridge(study, ranking):
    table = pd.read_csv(study / "00_ranking.csv")
    assert table.bridge[0] == ranking.best
    assert table.score[0] == pytest.approx(ranking.table.score[0], rel=1e-3)


def test_figures_drawn_twice_are_the_same_to_the_last_byte(study, ranking, tmp_path):
    """In the notebook's process and in this one."""
    card = json.loads((study / "00_ranking.json").read_text())
    bx.plots.save(bx.plots.bridge_ranking(ranking), ranking.table, tmp_path, "00_ranking", card)
    for kind in ("png", "csv", "json"):
        name = f"00_ranking.{kind}"
        assert (tmp_path / name).read_bytes() == (study / name).read_bytes()


@pytest.mark.slow
def test_one_notebook_of_another_model_and_pair_beside_the_study(study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MINI, "mymodel")
    shutil.copytree(study, "figures")
    bundled = {path: path.read_bytes() for path in Path("figures").rglob("*") if path.is_file()}
    more = ["--model", "mymodel", "--pair", "ar-he", "--compare", "figures", "--pdf"]
    assert main(["figures", "--only", "00_quickstart", *more]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 figure in figures/mymodel, new or changed: 00_ranking.png")
    assert "figures/mymodel/compare.html" in out
    assert {path: path.read_bytes() for path in bundled} == bundled
    folder = Path("figures", "mymodel")
    names = {"00_ranking.png", "00_ranking.pdf", "00_ranking.csv", "00_ranking.json", "index.html", "compare.html"}
    assert {path.name for path in folder.iterdir() if path.is_file()} == names
    card = json.loads((folder / "00_ranking.json").read_text())
    assert (card["model"], card["data"]["src"], card["data"]["tgt"]) == ("mymodel", "ar", "he")
    assert (folder / "00_ranking.pdf").read_bytes().startswith(b"%PDF")
    page = (folder / "index.html").read_text()
    assert '<img src="00_ranking.png"' in page
    assert "<h2>Quickstart: the bridge between two languages</h2>" in page
    assert "<th>p_holm</th>" in page
    assert re.findall('<img src="(.+?)"', (folder / "compare.html").read_text()) == ["00_ranking.png", "../00_ranking.png"]


def test_01_counts_the_neurons_of_each_layer(study, counts):
    table = pd.read_csv(study / "01_neurons_by_layer.csv", index_col=0)
    sets = bx.top_neurons(counts, bx.neurons.RATE)
    assert table.loc["sw"].tolist() == sets["sw"].sum(dim=1).tolist()


def test_07_counts_the_lape_neurons(study, counts):
    table = pd.read_csv(study / "07_lape.csv", index_col=0)
    assert table.loc["sw"].tolist() == bx.lape(counts, bx.neurons.RATE)["sw"].sum(dim=1).tolist()


def test_no_notebook_wrote_to_stderr_or_shows_no_figure(study):
    for path in [*(study / "notebooks").glob("*.ipynb"), *notebook_folder().glob("*.ipynb")]:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not any(output.get("name") == "stderr" for output in cell.get("outputs", [])), path
            if cell.source.endswith("\nfigure"):
                assert any("image/png" in output.get("data", {}) for output in cell.outputs), (path, cell.source)


def test_the_notebooks_in_the_repository_are_executed():
    for path in notebook_folder().glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count and "execution" not in cell.metadata for cell in code), path.name  # run, and no times
        assert any("parameters" in cell.metadata.get("tags", []) for cell in code), path.name
