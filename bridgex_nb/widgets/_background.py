"""Slow steps in a thread of their own, one at a time: they report progress, can be cancelled, and say what went wrong."""

import atexit
import threading
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress

from traitlets import Bool, Float, HasTraits, Unicode

from ..exceptions import InputError
from ..utils._progress import watched

#: Seconds between two reports of progress: each is a message to the browser, and nobody reads faster.
REPORT_EVERY = 0.1

#: Everything that may be running a step. Python must not exit while a thread is inside torch: the process would be aborted.
_all = weakref.WeakSet()


class _Stopped(Exception):
    """Raised inside a step that was cancelled or replaced, at its next report or update."""


class Background(HasTraits):
    """What a view shows of slow steps. A new step replaces the one that is running.

    Attributes
    ----------
    task : str
        What is running, in words; empty if nothing is.
    progress : float
        The share of it that is done.
    error : str
        What went wrong, in words; empty if nothing did.
    cancelled : bool
        Whether the last step was cancelled before it ended.
    """

    #: Held while traits change and views draw: one for all objects, since matplotlib's settings are global.
    lock = threading.RLock()

    task = Unicode()
    progress = Float()
    error = Unicode()
    cancelled = Bool()

    _thread = None
    _stop = threading.Event()

    def start(self, step: Iterable[dict]) -> None:
        """Run a step, and stop the one that is running.

        A step is an iterator of dicts of trait values; those of one dict are set together.
        """
        with self.lock:
            _all.add(self)
            self._stop.set()
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(step, self._thread, self._stop), daemon=True)
            self.task, self.progress, self.error, self.cancelled = "starting", 0.0, "", False
            self._thread.start()

    def cancel(self) -> None:
        """Stop the step that is running, if any."""
        with self.lock:
            if self.task:
                self._stop.set()
                self.task, self.progress, self.cancelled = "", 0.0, True

    def wait(self) -> None:
        """Wait for the step that is running, and for those that replace it meanwhile."""
        while (thread := self._thread) is not None and thread.is_alive():
            thread.join()

    def _run(self, step, previous, stop):
        reported = time.monotonic()

        def put(**traits):
            with self.lock:
                if stop.is_set():
                    raise _Stopped
                for name, value in traits.items():
                    setattr(self, name, value)

        def watch(description, share):
            nonlocal reported
            if stop.is_set():
                raise _Stopped
            if time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                put(task=description, progress=share)

        if previous is not None:
            previous.join()  # it has been told to stop; two steps at once would only slow each other down
        if stop.is_set():
            return
        with suppress(_Stopped):
            try:
                with watched(watch):
                    for traits in step:
                        put(**traits)
                put(task="", progress=0.0)
            except _Stopped:
                raise
            except InputError as error:
                put(task="", progress=0.0, error=str(error))
            except Exception as error:  # in a thread nobody would see the traceback
                put(task="", progress=0.0, error=f"{type(error).__name__}: {error}")


@atexit.register
def stop_all() -> None:
    for background in list(_all):
        background.cancel()
        background.wait()
