"""Files of results: safetensors with everything else in the header, written so that no reader ever meets half a file."""

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
    """Write tensors and a JSON-able note as one file, in place of what was there, at once or not at all.

    The file is written beside its place and moved there when it is safe on the disk: whoever reads meets the old one or the
    new one, also after a kill or a power cut in the middle.
    """
    path = Path(path)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    note = {**note, "crc32": _checksum(tensors)}
    beside = path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.tmp")
    try:
        # Not safetensors' own save_file, whose temporary file a kill would leave behind under a name that nobody tidies.
        with beside.open("wb") as file:
            file.write(save(tensors, {name: json.dumps(value) for name, value in note.items()}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Tensors and note of a file that `write` wrote.

    Raises
    ------
    InputError
        If there is no such file, it is of another kind, or its bytes are not those that were written.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            note = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:  # RuntimeError: gone since, or not to be opened
        raise InputError(f"{path}: damaged, or not a file of results ({error})") from error
    if "crc32" not in note:
        raise InputError(f"{path}: not a file of results")
    if note.pop("crc32") != _checksum(tensors):
        raise InputError(f"{path}: damaged, its bytes are not those that were written")
    return tensors, note


def read_torch(path: str | Path):
    """What torch.save wrote, tensors in plain containers alone: the files of others.

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
        raise InputError(f"{path}: not a file of tensors that torch.save wrote ({str(error).splitlines()[0]})") from error


def place(folder: str | Path, kind: str, card: Mapping) -> Path:
    """The file of one result in a folder of results: its kind, its model, and a hash of its run card (all but the date).

    The card names the weights, the data, the site, the options and the versions of the packages, so that a result of anything
    else has another name.
    """
    model = re.sub(r"[^\w.-]+", "--", str(card["model"]))
    return Path(folder) / f"{kind}-{model}-{card_hash(card)}.safetensors"


def fetch(path: Path, card: Mapping, load: Callable):
    """What `load` makes of the result at `path`; None where there is none that can be used, with a warning if that surprises.

    A damaged file, or one that holds another result than its name says, is left to be written again. Results of the same data
    by other weights or versions are named in the warning and not used.
    """
    if path.is_file():
        try:
            found = load(path)
        except InputError as error:
            if path.is_file():  # another process may have removed it meanwhile: then there is nothing to say
                warnings.warn(f"{error}; computing it again", stacklevel=3)
            return None
        if card_hash(found.card) == card_hash(card):
            return found
        warnings.warn(f"{path}: a result of {_difference(found.card, card)}; computing it again", stacklevel=3)
        return None
    for other in sorted(path.parent.glob(f"{path.name.rsplit('-', 1)[0]}-*.safetensors")):
        try:
            with safe_open(other, framework="pt") as file:
                theirs = json.loads(file.metadata()["card"])
        except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError):
            continue
        options = ("data", "special_tokens", "keep", "statistic", "site", "interventions")
        if all(theirs.get(key) == card.get(key) for key in options):
            warnings.warn(f"{other} is not used, it is of {_difference(theirs, card)}", stacklevel=3)
    return None


def tidy(path: Path) -> None:
    """Remove what is left over beside a result: half-written files of killed processes of this machine, and, where the result
    is there, the progress that led to it."""
    for left in path.parent.glob(f".{path.stem}.*.tmp"):
        machine, _, process = left.name.removesuffix(".tmp").rpartition("-")
        if machine.endswith(f".{platform.node()}") and not _alive(int(process)):
            left.unlink(missing_ok=True)
    if path.is_file():
        for left in path.parent.glob(f"{path.stem}.*.progress"):
            left.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name != "posix":  # where signal 0 is not a question
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


def _difference(theirs: Mapping, ours: Mapping) -> str:
    """In words, where two run cards differ."""
    parts = []
    for key in sorted((theirs.keys() | ours.keys()) - {"date"}):
        one, other = theirs.get(key), ours.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            parts += [f"{name} {one.get(name)} and not {other.get(name)}" for name in one if one.get(name) != other.get(name)]
        elif one != other:
            parts.append(f"{key} {one} and not {other}")
    return ", ".join(parts)
