"""`bridgex figures`, the whole study: every notebook runs, and one number of each is the one that the package gives directly.

Figures are written with four significant digits."""

import json
import math
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

RATE = 0.05


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folder that `bridgex figures` wrote to."""
    out = tmp_path_factory.mktemp("study") / "figures"
    assert main(["figures", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def counts(mini):
    return bx.count_active(mini, bx.core_sentences())


@pytest.fixture(scope="module")
def ranking(mini, counts):
    known = bx.known_words(mini, bx.core_lexicon("sw", "tl"))
    return bx.rank_bridges(bx.probe(mini, known), bx.top_neurons(counts, RATE))


def test_every_notebook_ran_without_errors_or_stray_output(study):
    executed = sorted((study / "notebooks").glob("*.ipynb"))
    assert [path.name for path in executed] == sorted(path.name for path in notebook_folder().glob("*.ipynb"))
    for path in executed:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                assert output.output_type != "error"
                assert output.get("name") != "stderr", output.text


def test_every_figure_is_shown(study):
    for path in [*(study / "notebooks").glob("*.ipynb"), *notebook_folder().glob("*.ipynb")]:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.source.endswith("\nfigure"):
                assert any("image/png" in output.get("data", {}) for output in cell.outputs), (path, cell.source)


def test_every_figure_has_its_numbers_and_its_run_card(study):
    names = {path.stem for path in study.glob("*.png")}
    assert names >= {
        "02_overlap",
        "02_spectrum",
        "03_hsic_by_layer",
        "03_ranking",
        "04_xicl_accuracy",
        "04_gains",
        "04_leaderboard",
    }
    for name in names:
        assert len(pd.read_csv(study / f"{name}.csv"))
        card = json.loads((study / f"{name}.json").read_text())
        assert card["model"] == "bridgex-mini"
        assert card["site"] == "act"
    assert not list(study.glob("*.pdf"))  # nobody asked for them


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
    sets = bx.top_neurons(counts, RATE)
    assert table.loc["sw"].tolist() == sets["sw"].sum(dim=1).tolist()


def test_02_overlap_is_the_number_of_shared_neurons(study, counts):
    table = pd.read_csv(study / "02_overlap.csv", index_col=0)
    sets = bx.top_neurons(counts, RATE)
    assert table.loc["sw", "tl"] == (sets["sw"] & sets["tl"]).sum().item()


def test_02_agreement_is_that_of_the_matrices_by_depth(study, mini, counts):
    table = pd.read_csv(study / "02_depth.csv")
    row = table[(table.kind == "lift") & (table.reference == "family")].iloc[-1]
    matrix = bx.language_matrix(bx.Evidence(mini, counts, RATE), "lift", window=(4 / 6, 1))
    assert row.r == pytest.approx(bx.agreement(matrix).set_index("reference").r["family"], rel=1e-3)


def test_03_has_a_score_for_every_bridge(study, ranking):
    table = pd.read_csv(study / "03_ranking.csv").set_index("bridge")
    assert table.score.to_dict() == pytest.approx(ranking.table.set_index("bridge").score.to_dict(), rel=1e-3)


def test_04_has_every_pair_zero_shot_and_through_every_bridge(study, mini):
    table = pd.read_csv(study / "04_xicl_accuracy.csv")
    assert len(table) == sum(1 + sum(bridge not in pair for bridge in bx.BRIDGES) for pair in bx.PAIRS)
    row = table[(table.src == "sw") & (table.tgt == "tl") & (table.bridge == "es")].iloc[0]
    assert row.correct == bx.evaluate(mini, "bli", "sw", "tl", ["es"]).correct[0]


def test_04_tells_gains_and_regrets(study):
    gains = pd.read_csv(study / "04_gains.csv").set_index(["src", "tgt", "bridge"])
    accuracy = pd.read_csv(study / "04_xicl_accuracy.csv").set_index(["src", "tgt", "bridge"]).accuracy
    assert len(gains) == sum(bridge not in pair for pair in bx.PAIRS for bridge in bx.BRIDGES)
    expected = accuracy["sw", "tl", "es"] - accuracy["sw", "tl", "zero-shot"]
    assert gains.gain["sw", "tl", "es"] == pytest.approx(expected, abs=2e-4)
    # What the notebook says in words: confidence wins, beyond chance; the paper's selector lies below always-English.
    board = pd.read_csv(study / "04_leaderboard.csv").set_index("selector")
    assert list(board.index[:4]) == ["oracle", "confidence_min", "confidence_sum", "english"]
    assert (board.lead_low[["confidence_min", "confidence_sum"]] > 0).all()
    assert board.lead_high["hsic"] < 0
    bridged = accuracy.drop("zero-shot", level="bridge").groupby(["src", "tgt"])
    assert board.accuracy["random"] == pytest.approx(bridged.mean().mean(), abs=2e-4)


def test_05_alignment_of_every_language(study, mini):
    scores = pd.read_csv(study / "05_alignment.csv").groupby("language").score.mean()
    words = {code: bx.core_words()[code][:100] for code in ("en", "es", "he")}
    directly = bx.alignment(mini, words, "en").table.set_index("language").score
    assert scores[directly.index].to_dict() == pytest.approx(directly.to_dict(), rel=1e-3)


def test_06_counts_the_lape_neurons(study, counts):
    table = pd.read_csv(study / "06_lape.csv", index_col=0)
    assert table.loc["sw"].tolist() == bx.lape(counts, RATE)["sw"].sum(dim=1).tolist()


def test_07_deactivation_changes_perplexity(study, mini):
    table = pd.read_csv(study / "07_deactivation.csv", index_col=0)
    sentences = bx.core_sentences()
    counts = bx.count_active(mini, {code: some[:75] for code, some in sentences.items()})
    texts = {"fr": sentences["fr"][75:83]}
    before = bx.perplexity(mini, texts).perplexity[0]
    with bx.deactivate(mini, bx.lape(counts, RATE)["fr"]):
        after = bx.perplexity(mini, texts).perplexity[0]
    assert table.loc["fr", "fr"] == pytest.approx(math.log(after / before), rel=1e-3)


def test_08_shows_the_ranking_of_rank_bridges(study, ranking):
    table = pd.read_csv(study / "08_explorer.csv").set_index("bridge")
    for column in ("score", "low", "wins"):
        assert table[column].to_dict() == pytest.approx(ranking.table.set_index("bridge")[column].to_dict(), rel=1e-3)


def test_the_notebooks_in_the_repository_are_executed():
    for path in notebook_folder().glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count and "execution" not in cell.metadata for cell in code), path.name  # run, and no times
        assert any("parameters" in cell.metadata.get("tags", []) for cell in code), path.name
