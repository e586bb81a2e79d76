"""The notebooks as one study: run into a folder of figures, resumed where they were interrupted, with what changed reported."""

import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from ..exceptions import InputError
from ..utils._replace_file import replace_file
from ._gallery import figures_in
from ._kernels import Kernel, execute, start_kernel, stop_kernel

#: What notebooks are given: parameter -> value, of the kinds that JSON has.
Parameters = dict[str, Any]

#: In the folder of the executed notebooks until all of them have run: which have, and what the figures were before.
UNFINISHED = "unfinished.json"
#: In the same folder, for as long: measurements that several notebooks need, such as the counts of the core sentences.
MEASURED = "measured"
#: Keeps glibc from returning the memory of large tensors to the system and fetching it again, a tenth of the processor time.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


def run_notebooks(notebooks: Sequence[Path], out: Path, parameters: Parameters, *, workers: int = 1) -> list[str]:
    """Run notebooks side by side; figures and tables go to a folder, the executed notebooks below it.

    Each worker has one kernel, which between two notebooks forgets everything but the imported packages. A run that ended early
    resumes after the notebooks that it had finished, as long as notebooks, parameters, package and model are unchanged.

    Parameters
    ----------
    notebooks : sequence of Path
    out : Path
        Folder of the figures.
    parameters : dict
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
    note, measured = executed / UNFINISHED, executed / MEASURED
    state = {"inputs": _inputs(notebooks, parameters), "before": _figures(out), "done": []}
    if note.is_file() and (earlier := json.loads(note.read_text()))["inputs"] == state["inputs"]:
        state = earlier
    else:
        shutil.rmtree(measured, ignore_errors=True)  # measured with other code, perhaps
    remaining = [notebook for notebook in notebooks if notebook.name not in state["done"]]
    _keep(note, state)
    # The package's progress bars would fill the outputs of the notebooks; there is one here instead.
    threads = str(max(1, (os.cpu_count() or 1) // workers))  # more threads than cores would wait for each other
    defaults = {"OMP_NUM_THREADS": threads, **_KEEP_MEMORY}
    environment = defaults | os.environ | {"TQDM_DISABLE": "1"}
    given = {**parameters, "figures": str(out), "store": str(measured)}
    kernels: list[Kernel] = []
    own, stopping = threading.local(), threading.Event()

    def run(notebook: Path) -> None:
        if not hasattr(own, "kernel"):
            own.kernel = start_kernel(executed, environment)
            kernels.append(own.kernel)
        if stopping.is_set():  # while it started
            stop_kernel(own.kernel)
        else:
            _execute(own.kernel, notebook, executed, given)

    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(notebooks), initial=len(state["done"]), desc="notebooks", unit="notebook", disable=False) as progress,
    ):
        running = {pool.submit(run, notebook): notebook for notebook in remaining}
        try:
            for finished in as_completed(running):
                finished.result()
                state["done"].append(running[finished].name)
                _keep(note, state)
                progress.update()
        finally:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)  # after an error or Ctrl-C no other notebook starts
            for kernel in kernels:
                stop_kernel(kernel)
    note.unlink()
    shutil.rmtree(measured, ignore_errors=True)
    return [name for name, digest in _figures(out).items() if digest != state["before"].get(name)]


def _inputs(notebooks: Sequence[Path], parameters: Parameters) -> str:
    """A hash of everything that the figures depend on."""
    package = (path for path in Path(__file__).parents[1].rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    files = [*notebooks, *sorted(package)]
    parts = [[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files]
    model = Path(str(parameters.get("model_name", "")))
    is_model = model.is_file() or (model / "config.json").is_file()  # and not a folder of figures of the same name
    if "model_name" in parameters and is_model:  # weights may be many gigabytes: sizes and times have to do
        files = sorted(model.iterdir()) if model.is_dir() else [model]
        parts += [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    return hashlib.sha256(json.dumps([parts, dict(parameters)]).encode()).hexdigest()


def _figures(out: Path) -> dict[str, str]:
    """A hash of each figure with its numbers and run card."""

    def content(picture: Path) -> bytes:
        return b"".join(picture.with_suffix(suffix).read_bytes() for suffix in (".png", ".csv", ".json"))

    return {picture.name: hashlib.sha256(content(picture)).hexdigest() for picture in figures_in(out)}


def _keep(note: Path, state: dict) -> None:
    replace_file(note, json.dumps(state, indent=1).encode())


def _execute(kernel: Kernel, notebook: Path, executed: Path, parameters: Parameters) -> None:
    """Run one notebook in a kernel. What is left of one that failed is removed."""
    running = executed / f".{notebook.name}"
    logging.getLogger("papermill").setLevel(logging.ERROR)  # a notebook need not have every parameter
    try:
        execute(kernel, notebook, running, parameters)
        os.replace(running, executed / notebook.name)
    except PapermillExecutionError as error:
        if error.ename == InputError.__name__:
            raise InputError(f"{notebook.name}: {error.evalue}") from error
        raise RuntimeError(f"{notebook.name} failed:\n{error}") from error
    except (DeadKernelError, RuntimeError) as error:  # killed, for instance for want of memory
        raise RuntimeError(f"{notebook.name} failed: {error}") from error
    finally:
        running.unlink(missing_ok=True)
