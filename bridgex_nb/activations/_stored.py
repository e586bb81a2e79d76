"""A result of a pass: from its file where it is there, computed and stored where it is not."""

from collections.abc import Callable
from pathlib import Path

from ..exceptions import InputError
from ..inference._passes import finish
from ..inference._processes import agreed
from ..utils import _result_files as result_files


def _stored(store: str | Path | None, kind: str, card: dict, load: Callable, compute: Callable):
    """The result of `compute(file)`; where there is a store, from its file if it is there, and written there if not."""
    if store is None:
        return compute(None)
    try:
        Path(store).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{store}: not a folder to store results in ({error})") from error
    file = result_files.place(store, kind, card)
    result_files.tidy(file)
    found = result_files.fetch(file, card, load)
    if agreed(found is not None):
        return found
    computed = compute(file)
    finish(file, computed.save)
    return computed
