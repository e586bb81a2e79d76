"""Progress bars in a notebook: shown during the work, not saved with the notebook."""

import nbformat
from nbclient import NotebookClient

CELL = """
import time
from bridgex_nb.utils._progress import progress_bar

with progress_bar(total=3{}) as bar:
    for _ in range(3):
        time.sleep(0.2)
        bar.update()
"""
SHOWN = {"": 1, ", delay=0.3": 1, ", delay=60": 0}


def test_a_saved_notebook_has_no_trace_of_a_bar(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    bars = [0] * len(SHOWN)

    class Client(NotebookClient):
        def process_message(self, message, cell, cell_index):
            if message["msg_type"] == "display_data":
                bars[cell_index] += "application/vnd.jupyter.widget-view+json" in message["content"]["data"]
            return super().process_message(message, cell, cell_index)

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.format(options)) for options in SHOWN])
    Client(notebook, timeout=300).execute()
    assert bars == [*SHOWN.values()]
    for cell, shown in zip(notebook.cells, bars, strict=True):
        assert [output.data for output in cell.outputs] == [{"text/plain": ""}] * shown
