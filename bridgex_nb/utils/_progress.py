"""One progress bar per long call, in a notebook or a terminal; TQDM_DISABLE=1 turns it off in both."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from IPython.display import display
from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook
from tqdm.std import tqdm as plain_tqdm

_inside = ContextVar("inside", default=False)
_watcher = ContextVar("watcher", default=None)


def progress_bar(*args, disable: bool = False, **options) -> plain_tqdm:
    """A tqdm bar that disappears when it is done. (tqdm's own notebook bar ignores TQDM_DISABLE.)"""
    if _watcher.get() is not None:
        return _Watched(*args, file=io.StringIO(), leave=False, disable=False, **options)
    disable = disable or _inside.get() or bool(os.environ.get("TQDM_DISABLE"))
    if not disable and issubclass(tqdm, tqdm_notebook):
        return _InNotebook(*args, leave=False, display=False, **options)
    return tqdm(*args, leave=False, disable=disable, **options)


@contextmanager
def outer_bar(*args, **options) -> Iterator[plain_tqdm]:
    """A bar over steps that would show their own bars; theirs are hidden."""
    with progress_bar(*args, **options) as progress:
        token = _inside.set(True)
        try:
            yield progress
        finally:
            _inside.reset(token)


@contextmanager
def watched(watch: Callable[[str, float], None]) -> Iterator[None]:
    """Call ``watch(description, fraction done)`` at every step instead of drawing bars; it stops the work by raising."""
    token = _watcher.set(watch)
    try:
        yield
    finally:
        _watcher.reset(token)


class _InNotebook(tqdm):
    """A bar whose output is cleared when it closes; a saved notebook would otherwise show the remains of a dead widget."""

    _output = None

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if not self.delay:
            self._show()

    def _show(self):
        if self._output is None:
            self._output = display(self.container, display_id=True)

    def display(self, *args, check_delay: bool = True, **options):
        super().display(*args, check_delay=False, **options)  # tqdm would leave a delayed bar on show
        if check_delay:
            self._show()

    def close(self):
        super().close()
        if self._output is not None:
            self._output.update({"text/plain": ""}, raw=True)
            self._output = None


class _Watched(plain_tqdm):
    """A bar that reports to the watcher and is not drawn."""

    def update(self, n=1):
        super().update(n)
        _watcher.get()(self.desc, self.n / self.total if self.total else 0.0)

    def display(self, *args, **options):
        pass
