"""Models from GGUF files: unpacked once into an ordinary model folder, which every later load reads."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import huggingface_hub.constants
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerFast
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from ..exceptions import InputError
from ..utils._progress import progress_bar
from ._gguf_config import ROTARY_FACTORS, complete_config
from ._gguf_header import GgufHeader, copy_without_vocabulary, data_size, read_header
from ._quiet import no_progress_bars, no_remarks

#: In an unpacked folder, what its weights were.
_FACTS = "gguf.json"
#: Counted up when unpacked folders of an earlier version would be wrong.
_FORM = 2


def gguf_header(path: Path) -> GgufHeader:
    """The header of a GGUF file whose tensors are all there.

    Raises
    ------
    InputError
        If the package gguf is missing, or the file is not GGUF, is cut short or of an architecture that transformers does not
        read.
    """
    if find_spec("gguf") is None:
        raise InputError(f"{path.name}: GGUF files need the package gguf; pip install gguf")
    header = read_header(path)
    _check_architecture(path, header)
    size, whole = path.stat().st_size, header.data_start + data_size(header)
    if size < whole:
        raise InputError(f"{path}: the file is cut short, {size:,} bytes of {whole:,}; download it again")
    return header


def _check_architecture(path: Path, header: GgufHeader) -> None:
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    known = {*GGUF_SUPPORTED_ARCHITECTURES, *_read_quickly()} - {"general", "tokenizer"}
    if header.architecture.replace("_", "").replace("-", "") not in {name.replace("_", "") for name in known}:
        raise InputError(
            f"{path}: transformers {version('transformers')} does not read GGUF files of the architecture "
            f"{header.architecture!r} (it reads {' '.join(sorted(known))}); load the model's own weights from the Hugging Face "
            f"hub"
        )


def _read_quickly() -> set[str]:
    """Architectures whose files transformers (since 5.23) reads without going through the vocabulary token by token."""
    try:
        from transformers.integrations.gguf import GGUF_CONFIG_ARCHS
    except ImportError:
        return set()
    return {*GGUF_CONFIG_ARCHS}


def gguf_config(path: Path, header: GgufHeader) -> PretrainedConfig:
    """The configuration of the model in a GGUF file, from its metadata alone; `path` may be the first part of the file."""
    if header.architecture in _read_quickly():
        return complete_config(_read(path, AutoConfig.from_pretrained, path.parent, gguf_file=path.name), header, path)
    with TemporaryDirectory() as scratch:
        copy_without_vocabulary(path, header, Path(scratch) / "header.gguf", weights=False)
        config = _read(path, AutoConfig.from_pretrained, scratch, gguf_file="header.gguf")
    return complete_config(config, header, path)


def quantisation(header: GgufHeader) -> str:
    """llama.cpp's name of how a file is quantised, such as Q4_K_M; of a file that does not say, the type of most weights."""
    from gguf import GGMLQuantizationType, LlamaFileType

    kind = header.metadata.get("general.file_type")
    if kind in set(LlamaFileType) - {LlamaFileType.GUESSED}:
        return LlamaFileType(kind).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    sizes: dict[int, int] = {}
    for tensor in header.tensors:
        sizes[tensor.kind] = sizes.get(tensor.kind, 0) + torch.Size(tensor.shape).numel()
    return GGMLQuantizationType(max(sizes, key=lambda kind: sizes[kind])).name


def quantisation_of(folder: Path) -> str:
    """The quantisation of the file that a folder was unpacked from."""
    return json.loads((folder / _FACTS).read_text())["quantisation"]


def unpacked_folder(name: str, digest: str) -> Path:
    """Where the ordinary model folder made of a GGUF file is, or will be: in huggingface_hub's folder for such files.

    Parameters
    ----------
    name : str
        That of the file or model, for people who look into the folder.
    digest : str
        SHA-256 of the file.
    """
    cache = Path(huggingface_hub.constants.HF_ASSETS_CACHE) / "bridgex_nb" / "unpacked"
    return cache / f"{name}-{digest[:16]}-{version('transformers')}-{_FORM}"


def unpack(name: str, digest: str, gguf_file: Callable[[Path], Path]) -> Path:
    """The ordinary model folder made of a GGUF file; made now if it is not there.

    Parameters
    ----------
    name, digest
        As in `unpacked_folder`.
    gguf_file : callable
        Given an empty folder, returns the file; called only if it is needed.

    Raises
    ------
    InputError
        If the file holds no model that transformers reads whole, or the folder cannot be written.
    """
    folder = unpacked_folder(name, digest)
    if (folder / "config.json").is_file():
        return folder
    with _writing(name, folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_remains(folder.parent)
        place = TemporaryDirectory(dir=folder.parent, prefix=".unpacking-")
    with place as scratch:
        with _writing(name, folder.parent):
            path = gguf_file(Path(scratch))
        header = gguf_header(path)
        needed = 5 * header.num_weights() + data_size(header)
        if (free := shutil.disk_usage(scratch).free) < needed:
            raise InputError(
                f"{path.name}: unpacked it takes {needed / 1e9:.1f} GB, and {folder.parent} has {free / 1e9:.1f} GB left; "
                f"set HF_HOME to a folder on a larger disk"
            )
        made = Path(scratch) / "model"
        with progress_bar(total=3, desc=f"unpacking {name}, once") as progress:
            tokenizer = gguf_tokenizer(path, header)
            progress.update()
            model = gguf_model(path, header, Path(scratch))
            progress.update()
            with _writing(name, folder.parent), no_progress_bars():
                if tokenizer is not None:
                    tokenizer.save_pretrained(made)
                model.save_pretrained(made)
                (made / _FACTS).write_text(json.dumps({"quantisation": quantisation(header), "sha256": digest}))
            progress.update()
        with _writing(name, folder.parent):
            try:
                os.rename(made, folder)
            except OSError:  # another process was faster
                if not (folder / "config.json").is_file():
                    raise
    return folder


@contextmanager
def _writing(name: str, cache: Path) -> Iterator[None]:
    """Says of what cannot be written here that it was the unpacked model."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{name}: the unpacked model cannot be written to {cache} ({error}); set HF_HOME to another folder"
        ) from error


def _remove_remains(cache: Path) -> None:
    """Remove what runs that were killed more than a day ago had begun to unpack."""
    for remains in cache.glob(".unpacking-*"):
        if remains.stat().st_mtime < time.time() - 86_400:
            shutil.rmtree(remains, ignore_errors=True)


def gguf_model(path: Path, header: GgufHeader, scratch: Path) -> torch.nn.Module:
    """The transformers model in a GGUF file, its weights in float32.

    Raises
    ------
    InputError
        If weights of the model are not in the file, or weights of the file have no place in the model.
    """
    options: dict[str, Any] = {"dtype": torch.float32, "output_loading_info": True, "gguf_file": "weights.gguf"}
    try:
        from transformers import GgufConfig
    except ImportError:  # before transformers 5.23 weights were always unpacked
        pass
    else:
        options["quantization_config"] = GgufConfig(dequantize=True)
    config = gguf_config(path, header)
    with _writing(path.name, scratch.parent):
        copy_without_vocabulary(path, header, scratch / "weights.gguf", weights=True)
    # Otherwise weights of another shape are an error whose message does not say which.
    options["ignore_mismatched_sizes"] = True
    model, found = _read(path, AutoModelForCausalLM.from_pretrained, scratch, config=config, **options)
    (scratch / "weights.gguf").unlink()
    tied = "output.weight" if config.get_text_config().tie_word_embeddings else None
    given = sum(torch.Size(tensor.shape).numel() for tensor in header.tensors if tensor.name not in (tied, *ROTARY_FACTORS))
    taken = sum(parameter.numel() for parameter in model.parameters())
    if found["missing_keys"] or found["mismatched_keys"] or given != taken:
        odd = [*found["missing_keys"], *(entry[0] for entry in found["mismatched_keys"])]
        why = f"does not find {odd[0]} in it, or not in its shape" if odd else f"has {taken:,} weights for the {given:,} in it"
        raise InputError(
            f"{path}: transformers {version('transformers')} cannot read this file whole, its {type(model).__name__} {why}; "
            f"load the model's own weights from the Hugging Face hub"
        )
    return model


def has_tokenizer(header: GgufHeader) -> bool:
    """Whether a GGUF file holds a tokenizer."""
    return header.metadata.get("tokenizer.ggml.model", "no_vocab") not in ("none", "no_vocab")


def gguf_tokenizer(path: Path, header: GgufHeader) -> Any | None:
    """The tokenizer in a GGUF file; None if there is none in it."""
    if not has_tokenizer(header):
        return None
    kind = gguf_config(path, header).model_type
    # By the name of its class, because AutoTokenizer would read the configuration again, slowly, to find that.
    if TOKENIZER_MAPPING_NAMES.get(kind):
        tokenizer = _read(path, AutoTokenizer.from_pretrained, path.parent, gguf_file=path.name, tokenizer_type=kind)
    else:
        tokenizer = _read(path, PreTrainedTokenizerFast.from_pretrained, path.parent, gguf_file=path.name)
    for name in ("bos", "eos"):  # transformers before 5.23 does not read these flags, nor which token it is
        flag, token = (header.metadata.get(f"tokenizer.ggml.{key}") for key in (f"add_{name}_token", f"{name}_token_id"))
        if flag is not None and token is not None and getattr(tokenizer, f"add_{name}_token", flag) != flag:
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(token))
            setattr(tokenizer, f"add_{name}_token", flag)
    return tokenizer


def _read(path: Path, load: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What `load` returns, or an InputError in one line: transformers fails in many ways on a file that it does not know."""
    try:
        with no_remarks():
            return load(*args, **options)
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{path}: transformers {version('transformers')} cannot read this GGUF file ({reason})") from error
