"""Two front ends: the quickstart in JupyterLab, and the explorer in the classic Notebook 7, in a real browser."""

import nbformat

from tests.browser.test_explorer import SECONDS, direct, pick, shows  # noqa: F401  (a fixture)


def failures(page):
    return page.locator("[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type*=error]").all_inner_texts()


def test_the_quickstart_in_jupyterlab(visit, lab, direct, folder):  # noqa: F811
    page = visit(lab.format("lab/tree/00_quickstart.ipynb"))
    page.get_by_role("cell", name="zero-shot").wait_for(timeout=60 * SECONDS)  # of the last cell's table
    ranking = direct("sw", "tl")
    page.get_by_text(f"Best bridge: {ranking.table.name[0]}, first in").wait_for()
    scores = (
        page.locator(".jp-OutputArea table")
        .first.locator("tbody tr")
        .evaluate_all("rows => rows.map(row => [row.cells[2].textContent.trim(), row.cells[3].textContent.trim()])")
    )
    assert scores == [[row.name, f"{row.score:.4g}"] for row in ranking.table.itertuples(index=False)]
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
    assert not any("widget-view" in mime for output in outputs for mime in output.get("data", {}))
    page.close()


def test_the_explorer_in_notebook_7(visit, notebook_7, direct):  # noqa: F811
    page = visit(notebook_7.format("notebooks/08_explorer.ipynb"))
    page.get_by_text("Best bridge").first.wait_for(timeout=60 * SECONDS)
    explorer = page.locator(".bridgex-explorer").first
    shows(explorer, direct("sw", "tl"))
    pick(explorer, "Target", "^Hebrew")
    shows(explorer, direct("sw", "he"))
    explorer.get_by_role("button", name="Swap").click()
    shows(explorer, direct("he", "sw"))
    # By the mouse: Notebook 7 takes arrow keys in command mode for itself, to fold headings.
    track = explorer.locator(".noUi-base").first.bounding_box()
    page.mouse.click(track["x"] + 0.6 * track["width"], track["y"] + track["height"] / 2)
    shows(explorer, direct("he", "sw", 0.04))
    assert failures(page) == []
    # Notebook 7.6 complains once of its own settings, with an empty notebook too.
    assert [one for one in page.complaints if "(reading 'schema')" not in one] == []
    page.close()
