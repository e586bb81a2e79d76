"""Slow steps in a thread of their own, one at a time: they say how far they are, can be cancelled, and fail in words."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from traitlets import Bool, Float, HasTraits, Unicode

from .errors import InputError
from .progress import watched

#: Seconds between two reports of progress: each is a message to the browser, and nobody reads faster.
REPORT_EVERY = 0.1


class Cancelled(Exception):
    """Raised inside a step that was cancelled, at its next report of progress."""


class Background(HasTraits):
    """What a view shows of slow steps. A later step takes the place of the one that runs.

    A thread and not asyncio: widgets are handled in the kernel's main thread or, with subshells, beside it. Whoever sets traits
    that belong together holds `lock`; there is one for all objects, since the views draw under matplotlib's global settings.

    Attributes
    ----------
    task : str
        What runs, in words; empty while nothing does.
    progress : float
        The share of it that is done.
    error : str
        What went wrong, in words; empty where all is well.
    cancelled : bool
        Whether the last step was cancelled before its end.
    """

    lock = threading.RLock()

    task = Unicode()
    progress = Float()
    error = Unicode()
    cancelled = Bool()

    def __init__(self, **traits):
        super().__init__(**traits)
        self._stop, self._thread = threading.Event(), None

    def start(self, step: Callable[[Callable], None], pause: float = 0.0) -> None:
        """Run a step after a pause, in seconds, in the place of the one that runs.

        The step is called with `put`, which sets traits together and stops a step that was cancelled.
        """
        with self.lock:
            self._stop.set()
            self._stop = threading.Event()
            self.task, self.progress, self.error, self.cancelled = "", 0.0, "", False
            self._thread = threading.Thread(target=self._run, args=(step, pause, self._stop), daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop the step that runs, if one does."""
        with self.lock:
            if self._thread is not None and self._thread.is_alive() and not self._stop.is_set():
                self._stop.set()
                self.task, self.progress, self.cancelled = "", 0.0, True

    def wait(self) -> None:
        """Wait for the step that runs, and for those that take its place meanwhile."""
        thread = None
        while thread is not self._thread:
            thread = self._thread
            thread.join()

    def _run(self, step, pause, stop):
        reported = time.monotonic()

        def put(**traits):
            with self.lock:
                if stop.is_set():
                    raise Cancelled
                for name, value in traits.items():
                    setattr(self, name, value)

        def watch(description, share):
            nonlocal reported
            if stop.is_set():
                raise Cancelled
            if time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                put(task=description, progress=share)

        if stop.wait(pause):
            return
        with suppress(Cancelled):
            try:
                with watched(watch):
                    step(put)
                put(task="", progress=0.0)
            except Cancelled:
                raise
            except Exception as error:  # a thread has nobody above it to tell
                put(task="", progress=0.0, error=in_words(error))


def in_words(error: Exception) -> str:
    """An error as a person reads it: bad input by its message, anything else by its kind too."""
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
