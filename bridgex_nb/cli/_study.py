"""The notebooks as one study: they run into a folder of figures, go on where they were interrupted, and tell what changed."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from tqdm import tqdm

from ..exceptions import InputError
from ._gallery import figures_in

#: In the folder of the executed notebooks while not all of them have run: which have, and what the figures were before.
UNFINISHED = "unfinished.json"


def run_notebooks(
    notebooks: Sequence[Path], out: Path, parameters: Mapping[str, str], *, workers: int = 1, pdf: bool = False
) -> list[str]:
    """Run notebooks, each in a process of its own; figures and tables go to a folder, the executed notebooks below it.

    A run that ended early goes on behind the notebooks that it had finished, as long as notebooks, parameters, package and
    model are what they were.

    Parameters
    ----------
    notebooks : sequence of Path
    out : Path
        Folder of the figures.
    parameters : mapping of str to str
        Put in the place of those of the cells tagged `parameters`; `model_name` may be a folder.
    workers : int
        Notebooks side by side.
    pdf : bool
        Whether each figure is written as PDF too, as `bridgex_nb.plots.save_pdf` does.

    Returns
    -------
    list of str
        Names of the figures that are new, or other than before the run.

    Raises
    ------
    InputError
        What a notebook refused.
    RuntimeError
        If a notebook failed.
    """
    executed = out / "notebooks"
    executed.mkdir(parents=True, exist_ok=True)
    note = executed / UNFINISHED
    state = {"inputs": _inputs(notebooks, parameters, pdf), "before": _figures(out), "done": []}
    if note.is_file() and (earlier := json.loads(note.read_text()))["inputs"] == state["inputs"]:
        state = earlier
    open_ones = [notebook for notebook in notebooks if notebook.name not in state["done"]]
    _keep(note, state)
    # The bars of the package would fill the notebooks' outputs; there is one here.
    threads = str(max(1, (os.cpu_count() or 1) // workers))  # more of them than cores would wait for each other
    environment = {"OMP_NUM_THREADS": threads} | os.environ | {"TQDM_DISABLE": "1", "BRIDGEX_PDF": "1" if pdf else ""}
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(notebooks), initial=len(state["done"]), desc="notebooks", unit="notebook", disable=False) as bar,
    ):
        running = {pool.submit(_execute, notebook, executed, out, parameters, environment): notebook for notebook in open_ones}
        try:
            for one in as_completed(running):
                one.result()
                state["done"].append(running[one].name)
                _keep(note, state)
                bar.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error nothing new is started
    note.unlink()
    return [name for name, digest in _figures(out).items() if digest != state["before"].get(name)]


def _inputs(notebooks, parameters, pdf) -> str:
    """A hash of all that the figures follow from."""
    files = [*notebooks, *sorted(Path(__file__).parents[1].rglob("*.py"))]
    parts = [[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files]
    model = Path(parameters.get("model_name", ""))
    if "model_name" in parameters and model.is_dir():  # weights may be many gigabytes: their times tell enough
        parts += [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in sorted(model.iterdir())]
    return hashlib.sha256(json.dumps([parts, dict(parameters), pdf]).encode()).hexdigest()


def _figures(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in figures_in(out)}


def _keep(note: Path, state: dict) -> None:
    beside = note.with_suffix(".tmp")
    beside.write_text(json.dumps(state, indent=1))
    os.replace(beside, note)


def _execute(notebook: Path, executed: Path, out: Path, parameters, environment) -> None:
    """Run one notebook in a process of its own, which Ctrl-C reaches too. What is left of one that failed is removed."""
    running = executed / f".{notebook.name}"
    raw = [part for name, value in {**parameters, "figures": str(out)}.items() for part in ("-r", name, value)]
    options = ["--cwd", str(executed), "--no-progress-bar", "--log-level", "ERROR"]
    command = [sys.executable, "-m", "papermill", str(notebook), str(running), *raw, *options]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            os.replace(running, executed / notebook.name)
            return
        cells = nbformat.read(running, as_version=4).cells if running.is_file() else []
    finally:
        running.unlink(missing_ok=True)
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        if output.output_type == "error" and output.ename == InputError.__name__:
            raise InputError(f"{notebook.name}: {output.evalue}")
    raise RuntimeError(f"{notebook.name} failed:\n{done.stderr}")
