"""The header of a GGUF file: its metadata and where its tensors are, without reading a weight.

The format is that of the `specification <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>`_. The package gguf reads
it too, but takes half a minute for a vocabulary of 262,144 tokens, each of which it keeps as three arrays.
"""

import mmap
import shutil
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from ..exceptions import InputError

#: Codes of `struct` for the value types of fixed size; 8 is a string, 9 an array.
_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
#: Metadata that can be long and that no configuration is made from.
_VOCABULARY = {f"tokenizer.ggml.{name}" for name in ("tokens", "scores", "token_type", "merges", "precompiled_charsmap")}


class GgufTensor(NamedTuple):
    """One tensor: its name, shape as in torch, number of its type in ggml, and place after the start of the data, in bytes."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says of itself.

    Attributes
    ----------
    architecture : str
        ``general.architecture``, llama.cpp's name of the model's architecture.
    metadata : dict
        Key -> value; of an array of strings, its length.
    tensors : tuple of GgufTensor
    entries : dict
        Key -> where it is in the file, from and to, in bytes.
    table : tuple of int
        Where the list of tensors is in the file, from and to, in bytes.
    alignment : int
        The data begin at the first multiple of this many bytes after the list of tensors.
    """

    architecture: str
    metadata: dict[str, Any]
    tensors: tuple[GgufTensor, ...]
    entries: dict[str, tuple[int, int]]
    table: tuple[int, int]
    alignment: int

    @property
    def data_start(self) -> int:
        """Where the data of the tensors begin, in bytes."""
        return -(-self.table[1] // self.alignment) * self.alignment

    def value(self, key: str) -> Any:
        """A value of the architecture: of ``llama.context_length``, say, by ``context_length``; None if there is none."""
        return self.metadata.get(f"{self.architecture}.{key}")

    def num_weights(self) -> int:
        """How many numbers the tensors hold in all."""
        return sum(prod(tensor.shape) for tensor in self.tensors)


def is_gguf(path: Path) -> bool:
    """Whether there is a GGUF file."""
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(4) == b"GGUF"


def read_header(path: Path) -> GgufHeader:
    """The header of a GGUF file.

    Raises
    ------
    InputError
        If the file is not one, is one of several parts of a model, or ends inside its header.
    """
    with path.open("rb") as handle:
        if handle.read(4) != b"GGUF":
            raise InputError(f"{path}: not a GGUF file; it does not begin with the letters GGUF")
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _parse(content, path)
            except (struct.error, UnicodeDecodeError, KeyError, IndexError, OverflowError) as error:
                raise InputError(f"{path}: the file ends inside its header or is damaged; download it again") from error


def _parse(content: mmap.mmap, path: Path) -> GgufHeader:
    version, num_tensors, num_entries = struct.unpack_from("<IQQ", content, 4)
    if version not in (2, 3):
        raise InputError(
            f"{path}: version {version} of GGUF, written on a big-endian machine or too old; only 2 and 3 can be read"
        )
    metadata, entries, at = {}, {}, 24
    for _ in range(num_entries):
        start = at
        key, at = _string(content, at)
        (kind,) = struct.unpack_from("<I", content, at)
        metadata[key], at = _value(content, at + 4, kind)
        entries[key] = (start, at)
    start, tensors = at, []
    for _ in range(num_tensors):
        name, at = _string(content, at)
        (dimensions,) = struct.unpack_from("<I", content, at)
        *shape, kind, offset = struct.unpack_from(f"<{dimensions}QIQ", content, at + 4)
        tensors.append(GgufTensor(name, tuple(reversed(shape)), kind, offset))
        at += 16 + 8 * dimensions
    if (count := metadata.get("split.count", 1)) > 1:
        raise InputError(f"{path}: one of {count} parts of a model; join them: llama-gguf-split --merge FIRST_PART WHOLE_FILE")
    alignment = metadata.get("general.alignment", 32)
    return GgufHeader(metadata["general.architecture"], metadata, tuple(tensors), entries, (start, at), alignment)


def _string(content: mmap.mmap, at: int) -> tuple[str, int]:
    end = _after_string(content, at)
    return content[at + 8 : end].decode(), end


def _after_string(content: mmap.mmap, at: int) -> int:
    end = at + 8 + struct.unpack_from("<Q", content, at)[0]
    if end > len(content):
        raise IndexError
    return end


def _value(content: mmap.mmap, at: int, kind: int) -> tuple[Any, int]:
    if kind == _STRING:
        return _string(content, at)
    if kind != _ARRAY:
        code = "<" + _FIXED[kind]
        return struct.unpack_from(code, content, at)[0], at + struct.calcsize(code)
    inner, length = struct.unpack_from("<IQ", content, at)
    at += 12
    if inner == _STRING:
        for _ in range(length):
            at = _after_string(content, at)
        return length, at
    code = f"<{length}{_FIXED[inner]}"
    return list(struct.unpack_from(code, content, at)), at + struct.calcsize(code)


def copy_without_vocabulary(path: Path, header: GgufHeader, copy: Path, *, weights: bool) -> None:
    """Copy a GGUF file without its vocabulary, keeping only its size: transformers reads the copy in seconds.

    Parameters
    ----------
    path : Path
        The file, or the first part of it if its `weights` are not needed.
    header : GgufHeader
        That of the file.
    copy : Path
        The file to write.
    weights : bool
        If False, the weights of the copy are zeros, which take no room on most file systems.
    """
    # By the name "mistral" transformers takes a Llama for another architecture, whose tensors it then does not find.
    kept = [span for key, span in header.entries.items() if key not in _VOCABULARY and key != "general.name"]
    size_key, size = f"{header.architecture}.vocab_size".encode(), header.metadata.get("tokenizer.ggml.tokens")
    added = b""
    if size_key.decode() not in header.metadata and size is not None:
        added = struct.pack("<Q", len(size_key)) + size_key + struct.pack("<II", 4, size)
    with path.open("rb") as source, copy.open("wb") as target:
        version = struct.unpack("<I", source.read(8)[4:])[0]
        target.write(b"GGUF" + struct.pack("<IQQ", version, len(header.tensors), len(kept) + bool(added)) + added)
        for start, end in [*kept, header.table]:
            source.seek(start)
            target.write(source.read(end - start))
        target.write(bytes(-target.tell() % header.alignment))
        if weights:
            source.seek(header.data_start)
            shutil.copyfileobj(source, target, 2**24)
        else:
            target.truncate(target.tell() + data_size(header))


def type_name(tensor: GgufTensor) -> str:
    """ggml's name of the type of a tensor's values."""
    from gguf import GGMLQuantizationType

    return GGMLQuantizationType(tensor.kind).name


def data_size(header: GgufHeader) -> int:
    """Bytes from the beginning of the data to the end of the last tensor."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    ends = [0]
    for tensor in header.tensors:
        values, size = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)]
        ends.append(tensor.offset + prod(tensor.shape) // values * size)
    return max(ends)
