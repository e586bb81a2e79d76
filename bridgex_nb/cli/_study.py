"""The notebooks as one study: run into a folder of figures, resumed where they were interrupted, with what changed reported."""

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

#: In the folder of the executed notebooks until all of them have run: which have, and what the figures were before.
UNFINISHED = "unfinished.json"


def run_notebooks(notebooks: Sequence[Path], out: Path, parameters: Mapping[str, str | bool], *, workers: int = 1) -> list[str]:
    """Run notebooks, each in its own process; figures and tables go to a folder, the executed notebooks below it.

    A run that ended early resumes after the notebooks that it had finished, as long as notebooks, parameters, package and
    model are unchanged.

    Parameters
    ----------
    notebooks : sequence of Path
    out : Path
        Folder of the figures.
    parameters : mapping of str to str or bool
        Override those of the cells tagged `parameters`; `model_name` may be a folder.
    workers : int
        How many notebooks run side by side.

    Returns
    -------
    list of str
        Names of the figures whose picture, numbers or run card are new or changed.

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
    state = {"inputs": _inputs(notebooks, parameters), "before": _figures(out), "done": []}
    if note.is_file() and (earlier := json.loads(note.read_text()))["inputs"] == state["inputs"]:
        state = earlier
    remaining = [notebook for notebook in notebooks if notebook.name not in state["done"]]
    _keep(note, state)
    # The package's progress bars would fill the outputs of the notebooks; there is one here instead.
    threads = str(max(1, (os.cpu_count() or 1) // workers))  # more threads than cores would wait for each other
    environment = {"OMP_NUM_THREADS": threads} | os.environ | {"TQDM_DISABLE": "1"}
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(notebooks), initial=len(state["done"]), desc="notebooks", unit="notebook", disable=False) as progress,
    ):
        running = {pool.submit(_execute, notebook, executed, out, parameters, environment): notebook for notebook in remaining}
        try:
            for finished in as_completed(running):
                finished.result()
                state["done"].append(running[finished].name)
                _keep(note, state)
                progress.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error no other notebook starts
    note.unlink()
    return [name for name, digest in _figures(out).items() if digest != state["before"].get(name)]


def _inputs(notebooks, parameters) -> str:
    """A hash of all that the figures follow from."""
    files = [*notebooks, *sorted(Path(__file__).parents[1].rglob("*.py"))]
    parts = [[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files]
    model = Path(str(parameters.get("model_name", "")))
    if "model_name" in parameters and model.is_dir():  # weights may be many gigabytes: sizes and times have to do
        parts += [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in sorted(model.iterdir())]
    return hashlib.sha256(json.dumps([parts, dict(parameters)]).encode()).hexdigest()


def _figures(out: Path) -> dict[str, str]:
    """A hash of each figure with its numbers and run card."""
    files = {
        path.name: [path.with_suffix(f".{kind}").read_bytes() for kind in ("png", "csv", "json")] for path in figures_in(out)
    }
    return {name: hashlib.sha256(b"".join(parts)).hexdigest() for name, parts in files.items()}


def _keep(note: Path, state: dict) -> None:
    beside = note.with_suffix(".tmp")
    beside.write_text(json.dumps(state, indent=1))
    os.replace(beside, note)


def _execute(notebook: Path, executed: Path, out: Path, parameters, environment) -> None:
    """Run one notebook in its own process, which Ctrl-C reaches too. What is left of one that failed is removed."""
    running = executed / f".{notebook.name}"
    given: list[str] = []
    for name, value in {**parameters, "figures": str(out)}.items():
        given += [
            "-r" if isinstance(value, str) else "-p",
            name,
            str(value),
        ]  # -r: taken as text, even where it looks like a number
    options = ["--cwd", str(executed), "--no-progress-bar", "--log-level", "ERROR"]
    command = [sys.executable, "-m", "papermill", str(notebook), str(running), *given, *options]
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
