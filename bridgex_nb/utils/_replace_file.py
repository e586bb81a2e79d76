"""Files that no reader ever meets half written."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file next to its place and move it there when it is complete; an interrupt leaves the old one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
