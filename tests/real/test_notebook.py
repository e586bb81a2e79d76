"""One notebook of the study on gemma-3-270m, with few words."""

import json

import nbformat
import pandas as pd
import pytest

import bridgex_nb as bx
from bridgex_nb.cli import main

pytestmark = pytest.mark.real


def test_the_quickstart_runs_on_gemma(gemma, tmp_path, capsys):
    out = tmp_path / "figures"
    assert main(["figures", "--model", "gemma-3-270m", "--only", "00", "--limit", "8", "--out", str(out)]) == 0
    assert "1 figure" in capsys.readouterr().out
    cells = nbformat.read(out / "notebooks" / "00_quickstart.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    card = json.loads((out / "00_ranking.json").read_text())
    assert (card["model"], card["quantisation"], card["dtype"]) == ("gemma-3-270m", "Q4_K_M", "float32")
    assert card["weights_sha256"] == gemma.card["weights_sha256"]
    src, tgt = card["data"]["src"], card["data"]["tgt"]
    table = pd.read_csv(out / "00_ranking.csv").set_index("bridge")
    assert set(table.index) == {code for code in bx.BRIDGES if code not in (src, tgt)}
    assert table.notna().all(axis=None)
    assert (out / "index.html").is_file()
