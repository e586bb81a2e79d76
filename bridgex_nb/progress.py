"""The one progress bar of a long call, the same in a notebook and in a terminal; TQDM_DISABLE=1 turns it off in both."""

import os

from tqdm.auto import tqdm


def progress_bar(*args, disable: bool = False, **options) -> tqdm:
    """A tqdm bar that leaves nothing behind. (tqdm's own notebook bar does not read TQDM_DISABLE.)"""
    return tqdm(*args, leave=False, disable=disable or bool(os.environ.get("TQDM_DISABLE")), **options)
