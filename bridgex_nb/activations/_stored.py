"""A result of a pass: read from its file if it exists, otherwise computed and stored there."""

from collections.abc import Callable
from pathlib import Path

from ..inference._passes import finish
from ..inference._processes import agreed
from ..utils import _result_files as result_files
from ..utils._run_card import RunCard


def stored(store: str | Path | None, kind: str, card: RunCard, load: Callable, compute: Callable):
    """The result of ``compute(file)``; with a store it is read from its file if that exists, and written there otherwise."""
    if store is None:
        return compute(None)
    result_files.make_store(store)
    file = result_files.result_path(store, kind, card)
    result_files.remove_leftovers(file)
    result = result_files.load_matching(file, card, load)
    if not agreed(result is not None):
        result = compute(file)
        finish(file, result.save)
    return result
