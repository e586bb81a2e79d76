"""The one progress bar of a long call, the same in a notebook and in a terminal; TQDM_DISABLE=1 turns it off in both."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm.auto import tqdm

_inside = ContextVar("inside", default=False)


def progress_bar(*args, disable: bool = False, **options) -> tqdm:
    """A tqdm bar that leaves nothing behind. (tqdm's own notebook bar does not read TQDM_DISABLE.)"""
    disable = disable or _inside.get() or bool(os.environ.get("TQDM_DISABLE"))
    return tqdm(*args, leave=False, disable=disable, **options)


@contextmanager
def outer_bar(*args, **options) -> Iterator[tqdm]:
    """A bar over steps that have bars of their own, which are not shown."""
    with progress_bar(*args, **options) as bar:
        token = _inside.set(True)
        try:
            yield bar
        finally:
            _inside.reset(token)
