"""The quickstart in a real browser: the one browser test of the fast tier."""

import nbformat

import bridgex_nb as bx


def test_the_quickstart_in_jupyterlab(visit, lab, direct, folder, failures):
    page = visit(lab.format("lab/workspaces/quickstart/tree/00_quickstart.ipynb"))
    page.get_by_role("cell", name="zero-shot").wait_for(timeout=180_000)  # of the last cell's table
    ranking = direct("sw", "tl")
    page.get_by_text(f"Best bridge: {ranking.table.name[0]}, first in").wait_for()
    scores = (
        page.locator(".jp-OutputArea table")
        .first.locator("tbody tr")
        .evaluate_all("rows => rows.map(row => [row.cells[1].textContent.trim(), row.cells[2].textContent.trim()])")
    )
    assert scores == bx.plots.ranking_table(ranking)[["bridge", "excess"]].values.tolist()
    assert page.locator(".jp-OutputArea img").count() == 1
    assert (folder / "figures" / "00_ranking.png").is_file()
    assert failures(page) == []
    assert page.complaints == []
    # Progress bars leave nothing that a saved notebook could not show any more.
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = nbformat.read(folder / "00_quickstart.ipynb", as_version=4)
    outputs = [output for cell in saved.cells for output in cell.get("outputs", [])]
    assert len(outputs) >= 4
    kinds = [mime for output in outputs for mime in output.get("data", {})]
    assert not any("widget-view" in mime for mime in kinds), outputs
    page.close()
