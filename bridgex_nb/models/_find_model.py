"""`find_model`: which model a name means, and its configuration, without reading weights."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig

from ..exceptions import InputError
from ._gguf import gguf_config, gguf_header, has_tokenizer, quantisation, quantisation_of, unpack, unpacked_folder
from ._gguf_header import is_gguf, read_header
from ._packaged import PACKAGED, assemble, part_paths

#: Folder of the bundled model, bridgex-mini.
MINI = Path(__file__).parents[1] / "mini" / "model"


@dataclass(frozen=True)
class Source:
    """What the name of a model means.

    Attributes
    ----------
    name : str
        What loads it again: a folder, a hub id, a GGUF file or the name of a packaged model.
    gguf : Path or None
        A GGUF file on this machine.
    packaged : bool
        Whether the model comes in a Python package.
    """

    name: str
    gguf: Path | None = None
    packaged: bool = False

    @property
    def unpacks(self) -> bool:
        """Whether the weights are in a GGUF file, on this machine or in a package."""
        return self.packaged or self.gguf is not None

    def config(self, revision: str | None = None, trust_remote_code: bool = False) -> PretrainedConfig:
        """The model's configuration."""
        if self.gguf is not None:
            return gguf_config(self.gguf, gguf_header(self.gguf))
        if not self.packaged:
            options = {"revision": revision, "trust_remote_code": trust_remote_code}
            return loaded(self.name, AutoConfig.from_pretrained, self.name, **options)
        folder = unpacked_folder(self.name, PACKAGED[self.name].sha256)
        if (folder / "config.json").is_file():
            return AutoConfig.from_pretrained(folder)
        part = part_paths(self.name)[0]
        return gguf_config(part, read_header(part))

    def quantisation(self) -> str | None:
        """How the weights are quantised; None if they are not in a GGUF file."""
        if self.gguf is not None:
            return quantisation(read_header(self.gguf))
        if not self.packaged:
            return None
        folder = unpacked_folder(self.name, PACKAGED[self.name].sha256)
        if (folder / "config.json").is_file():
            return quantisation_of(folder)
        return quantisation(read_header(part_paths(self.name)[0]))

    def unpack(self, with_tokenizer: bool) -> tuple[Path, dict[str, str]]:
        """The ordinary folder of a model in a GGUF file, made now if it is not there, and what run cards say of the weights."""
        if self.gguf is None:
            digest = PACKAGED[self.name].sha256
            folder = unpack(self.name, digest, lambda scratch: assemble(self.name, scratch))
        else:
            if with_tokenizer and not has_tokenizer(read_header(self.gguf)):
                raise InputError(
                    f"{self.name}: there is no tokenizer in this file; tokenizer= a folder or hub id of the model's"
                )
            with self.gguf.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
            folder = unpack(self.gguf.stem, digest, lambda _: self.gguf)
        return folder, {"weights_sha256": digest, "quantisation": quantisation_of(folder)}


def locate(name: str | Path | None, gguf_file: str | None = None, revision: str | None = None) -> Source:
    """What a name means; only a GGUF file on the hub is fetched.

    Raises
    ------
    InputError
        If there is no such folder or file.
    """
    given = str(MINI if name is None else name)
    path = Path(given)
    if gguf_file is not None:
        if name is None:
            raise InputError(
                f"gguf_file={gguf_file!r}: say in which folder, or in which repository of the Hugging Face hub, it is"
            )
        if path.is_dir():
            return _gguf_source(path / gguf_file)
        _check_place(given, name)
        return _gguf_source(Path(loaded(given, hf_hub_download, given, gguf_file, revision=revision)))
    if path.suffix.lower() == ".gguf" or is_gguf(path):
        return _gguf_source(path)
    if path.is_dir():
        if (path / "config.json").is_file():
            return Source(given)
        if found := sorted(file.name for file in path.glob("*.gguf")):
            raise InputError(
                f"{given}: not a model folder, there is no config.json in it; gguf_file= one of {' '.join(found)}?"
            )
        if given not in PACKAGED:
            raise InputError(f"{given}: not a model folder, there is no config.json in it")
    if given in PACKAGED and not isinstance(name, Path):
        return Source(given, packaged=True)
    _check_place(given, name)
    return Source(given)


def _gguf_source(path: Path) -> Source:
    """A GGUF file, whatever its name ends in."""
    if not path.is_file():
        raise InputError(f"{path}: no such GGUF file")
    return Source(str(path), gguf=path)


def _check_place(given: str, name: str | Path | None) -> None:
    """Refuse what looks like a folder that is not there."""
    if given.startswith((".", "/", "~")) or given.count("/") > 1 or isinstance(name, Path):
        raise InputError(f"{given}: no such model folder")


def find_model(
    name: str | Path | None = None,
    *,
    gguf_file: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> tuple[str, PretrainedConfig]:
    """The name that loads a model and its configuration; no weights are read.

    Parameters
    ----------
    name, gguf_file, revision, trust_remote_code
        As in `load_model`.

    Returns
    -------
    str
        A folder, a GGUF file, the name of a packaged model (`packaged_models`) or a hub id.
    transformers.PretrainedConfig

    Raises
    ------
    InputError
        If there is no such model.

    Examples
    --------
    >>> source, config = find_model()
    >>> config.model_type
    'llama'
    """
    source = locate(name, gguf_file, revision)
    return source.name, source.config(revision, trust_remote_code)


def loaded(source: str, load: Any, *args: Any, **options: Any) -> Any:
    """What `load` returns, or an InputError that says in one line why there is no such model."""
    try:
        return load(*args, **options)
    except (OSError, ImportError, ValueError, KeyError, TypeError, StrictDataclassError, SafetensorError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"{source}: cannot be loaded as a model, from a folder or from the Hugging Face hub ({reason})"
        ) from error
