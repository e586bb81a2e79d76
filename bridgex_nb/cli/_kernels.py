"""Jupyter kernels that run one notebook after the other: between two, everything but the imported packages is forgotten."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

#: Makes a used kernel like a new one, except for the imports, which take longer than most notebooks.
_FORGET = """
def forget():
    import gc
    import sys
    if "bridgex_nb.widgets" in sys.modules:
        sys.modules["bridgex_nb.widgets._background"].stop_all()
    if "ipywidgets" in sys.modules:
        sys.modules["ipywidgets"].Widget.close_all()
    get_ipython().reset(new_session=True)
    gc.collect()
forget()
"""


class Kernel(AsyncKernelManager):
    """A kernel that remembers the client that papermill opens on it, and does not close on a kernel it has not started."""

    opened = None

    def client(self, **options):
        """A new client."""
        self.opened = super().client(**options)
        return self.opened


def start_kernel(folder: Path, environment: Mapping[str, str]) -> Kernel:
    """A kernel whose working directory is `folder`."""
    kernel = Kernel(kernel_name="python3")
    # What a kernel writes besides the notebook, such as ipykernel's remarks on its transport, is not for the user.
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run_sync(kernel.start_kernel)(env=dict(environment), cwd=str(folder), **quiet)
    return kernel


def stop_kernel(kernel: Kernel) -> None:
    """End a kernel at once; one that has ended is no error."""
    run_sync(kernel.shutdown_kernel)(now=True)


def execute(kernel: Kernel, notebook: Path, executed: Path, parameters: Mapping[str, Any]) -> None:
    """Run a notebook in a kernel that has forgotten the one before.

    Raises
    ------
    papermill.exceptions.PapermillExecutionError
        If a cell fails.
    RuntimeError
        If the kernel does not answer.
    """
    client = kernel.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        reply = client.execute_interactive(_FORGET, silent=True, store_history=False, timeout=120)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"the kernel cannot forget the notebook before: {reply['content'].get('evalue')}")
    except TimeoutError as error:
        raise RuntimeError("the kernel does not answer") from error
    finally:
        client.stop_channels()
    try:
        papermill.execute_notebook(notebook, executed, dict(parameters), progress_bar=False, km=kernel)
    finally:
        if kernel.opened is not None:
            kernel.opened.stop_channels()
