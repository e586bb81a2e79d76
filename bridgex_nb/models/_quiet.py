"""Silence for the progress bars and remarks of others, while a model is loaded."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from transformers.utils import logging as transformers_logging


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """No progress bars of transformers and huggingface_hub inside; afterwards their settings are what they were."""
    shown, hidden_in_hub = transformers_logging.is_progress_bar_enabled(), are_progress_bars_disabled()
    transformers_logging.disable_progress_bar()  # and those of huggingface_hub
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()
        if are_progress_bars_disabled() != hidden_in_hub:
            (disable_progress_bars if hidden_in_hub else enable_progress_bars)()


@contextmanager
def no_remarks() -> Iterator[None]:
    """No warnings in the log of transformers inside, and no progress bars."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        with no_progress_bars():
            yield
    finally:
        transformers_logging.set_verbosity(level)
