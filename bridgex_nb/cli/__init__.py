"""The command line: bridgex figures | bridge | lab | info."""

from ._main import main

__all__ = ["main"]
