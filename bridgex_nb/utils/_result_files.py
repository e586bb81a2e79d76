"""Result files: safetensors with everything else in the header, written so that no reader ever finds half a file."""

import json
import os
import pickle
import platform
import re
import warnings
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..exceptions import InputError
from ._run_card import card_hash


def write(path: str | Path, tensors: Mapping[str, torch.Tensor], note: Mapping) -> None:
    """Write tensors and a JSON-able note to one file, completely or not at all, replacing an existing file.

    The file is written under a temporary name and renamed once it is safely on the disk: a reader finds either the old or the
    new one, even if the process is killed or the power fails in between.
    """
    path = Path(path)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    note = {**note, "crc32": _checksum(tensors)}
    temporary = path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.tmp")
    try:
        # safetensors' own save_file would leave its temporary file behind if killed, under a name that is never cleaned up.
        with temporary.open("wb") as file:
            file.write(save(tensors, {name: json.dumps(value) for name, value in note.items()}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Tensors and note of a file that `write` wrote.

    Raises
    ------
    InputError
        If there is no such file, it is not a result file, or its bytes have changed.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            note = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:  # RuntimeError: removed meanwhile, or unreadable
        raise InputError(f"{path}: damaged, or not a result file ({error})") from error
    if "crc32" not in note:
        raise InputError(f"{path}: not a result file")
    if note.pop("crc32") != _checksum(tensors):
        raise InputError(f"{path}: damaged, its bytes have changed since it was written")
    return tensors, note


def read_torch(path: str | Path):
    """Read what others wrote with torch.save, if it is nothing but tensors in plain containers.

    Raises
    ------
    InputError
        If there is no such file, or it holds anything else.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError(f"{path}: not tensors written by torch.save ({str(error).splitlines()[0]})") from error


def make_store(folder: str | Path) -> None:
    """Create a folder to store results in, if there is none.

    Raises
    ------
    InputError
        If it cannot be a folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: not a folder to store results in ({error})") from error


def result_path(folder: str | Path, kind: str, card: Mapping) -> Path:
    """Path of one result in a folder of results: its kind, its model, and a hash of its run card without the date.

    The card records the weights, the data, the site, the options and the package versions, so results that differ in any of
    these have different names.
    """
    model = re.sub(r"[^\w.-]+", "--", str(card["model"]))
    return Path(folder) / f"{kind}-{model}-{card_hash(card)}.safetensors"


def load_matching(path: Path, card: Mapping, load: Callable):
    """The result at `path`, read by `load`, or None if there is none that can be used.

    A damaged file, or one that holds another result than its name says, is reported in a warning and left to be overwritten.
    Results of the same data and options by other weights or versions are named in a warning and not used.
    """
    if path.is_file():
        try:
            result = load(path)
        except InputError as error:
            if path.is_file():  # if another process has removed it meanwhile, there is nothing to report
                warnings.warn(f"{error}; computing it again", stacklevel=3)
            return None
        if card_hash(result.card) == card_hash(card):
            return result
        warnings.warn(f"{path}: a result of {_difference(result.card, card)}; computing it again", stacklevel=3)
        return None
    for neighbour in sorted(path.parent.glob(f"{path.name.rsplit('-', 1)[0]}-*.safetensors")):
        try:
            with safe_open(neighbour, framework="pt") as file:
                stored = json.loads(file.metadata()["card"])
        except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError):
            continue
        stored = _in_current_form(stored)
        if all(stored.get(key) == card.get(key) for key in ("data", "options", "site", "interventions")):
            warnings.warn(f"{neighbour} is not used, it is of {_difference(stored, card)}", stacklevel=3)
    return None


def remove_leftovers(path: Path) -> None:
    """Remove leftovers beside a result: half-written files of this machine's killed processes and, if the result exists, the
    progress files that led to it."""
    for leftover in path.parent.glob(f".{path.stem}.*.tmp"):
        machine, _, process = leftover.name.removesuffix(".tmp").rpartition("-")
        if machine.endswith(f".{platform.node()}") and not _alive(int(process)):
            leftover.unlink(missing_ok=True)
    if path.is_file():
        for leftover in path.parent.glob(f"{path.stem}.*.progress"):
            leftover.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name != "posix":  # on Windows signal 0 is Ctrl+C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _checksum(tensors: Mapping[str, torch.Tensor]) -> int:
    total = 0
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].flatten().view(torch.uint8).numpy(), total)
    return total


def _in_current_form(card: Mapping) -> Mapping:
    """A run card of version 0.1, which named no function and had its options at the top level, in the form of `run_card`.

    Counts of that version have no parts.
    """
    if "function" in card or "options" in card:
        return card
    options = {key: card[key] for key in ("special_tokens", "keep", "statistic") if key in card}
    parts = {} if "statistic" in options else {"parts": 1}
    return {key: value for key, value in card.items() if key not in options} | {"options": options | parts}


def _difference(stored: Mapping, wanted: Mapping) -> str:
    """Where two run cards differ, in words."""
    missing = object()
    parts = []

    def collect(stored: Mapping, wanted: Mapping, names: tuple[str, ...]) -> None:
        for key in sorted(stored.keys() | wanted.keys()):
            before, after = stored.get(key, missing), wanted.get(key, missing)
            path = (*names, key)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                collect(before, after, path)
            elif before != after and path != ("date",) and not (path == ("function",) and before is missing):
                # Options and packages are known by their names alone.
                name = " ".join(path[1:] if path[0] in ("options", "versions") and len(path) > 1 else path)
                old, new = ("missing" if value is missing else value for value in (before, after))
                parts.append(f"{name} {old} and not {new}" if after is not missing else f"{name} {old}")

    collect(_in_current_form(stored), wanted, ())
    return ", ".join(parts)
