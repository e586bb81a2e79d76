"""``bridgex lab``: JupyterLab on the notebooks."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from ._notebooks import PACKAGE, notebook_folder


def run(options: argparse.Namespace) -> None:
    """Open JupyterLab on the notebooks; those of an installed wheel are first copied into the user's folder."""
    folder = notebook_folder()
    if folder.parent == PACKAGE:
        copies = Path("bridgex-notebooks")
        if not copies.exists():
            shutil.copytree(folder, copies)
        folder = copies
    subprocess.run([sys.executable, "-m", "jupyterlab", str(folder), *options.others], check=False)
