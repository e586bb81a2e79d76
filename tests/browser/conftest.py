"""A JupyterLab server and a real browser for all tests of this folder."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

import bridgex_nb as bx
from bridgex_nb.cli._notebooks import notebook_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by Playwright; the tests skip if either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine (on Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder of the server's notebooks: copies without outputs."""
    folder = tmp_path_factory.mktemp("lab")
    for path in notebook_folder().glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                if "parameters" in cell.metadata.get("tags", []):
                    cell.source += '\nfigures = "figures"'
        nbformat.write(notebook, folder / path.name)
    return folder


@contextmanager
def serve(module, folder, home):
    """Address of a Jupyter server on `folder`, with its own settings."""
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    env = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_TOKEN": token,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--{app}.expose_app_in_browser=True" for app in ("LabApp", "JupyterNotebookApp")]
    with open(home / "log", "w") as log:
        server = subprocess.Popen([*command, f"--notebook-dir={folder}"], env=env, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(900):
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, (home / "log").read_text()
                time.sleep(0.1)
        yield f"{address}/{{}}?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="session")
def lab(browser, folder, tmp_path_factory):
    """Address of a JupyterLab server."""
    with serve("jupyterlab", folder, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="session")
def notebook_7(browser, folder, tmp_path_factory):
    """Address of a server of the classic notebook; the tests skip if it is not installed."""
    pytest.importorskip("notebook", reason="Notebook 7 is not installed")
    with serve("notebook", folder, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="session")
def visit(browser):
    """Open a notebook in the browser and run all of it.

    Errors of the page and of the browser's console are in `page.complaints`.
    """

    def visit(address):
        page = browser.new_page(viewport={"width": 1300, "height": 1400})
        page.set_default_timeout(60_000)  # the machine may be busy with other tests
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info")  # until it has answered
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        return page

    return visit


@pytest.fixture(scope="session")
def direct(mini):
    """`rank_bridges` called without the widget."""
    counts = bx.count_active(mini, bx.core_sentences())
    probes = {}

    def rank(src, tgt, rate=0.05, bridges=bx.BRIDGES, **options):
        if (src, tgt) not in probes:
            probes[src, tgt] = bx.probe(mini, bx.known_words(mini, bx.core_lexicon(src, tgt)))
        sets, redraws = bx.top_neurons(counts, rate), bx.redraw_sets(counts, rate)
        return bx.rank_bridges(probes[src, tgt], sets, bridges, redraws=redraws, **options)

    return rank


@pytest.fixture(scope="session")
def failures():
    """What a notebook shows of errors and warnings."""

    def failures(page):
        return page.locator("[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type*=error]").all_inner_texts()

    return failures
