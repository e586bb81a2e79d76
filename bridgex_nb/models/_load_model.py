"""`load_model`: load a model, check its neuron site, and write its run card."""

import hashlib
import os
from datetime import date
from pathlib import Path
from typing import Any

import nnsight
import torch
from huggingface_hub import try_to_load_from_cache
from nnsight import TransformersModel
from nnsight.modeling.quantization import quantization
from transformers import AutoTokenizer, PretrainedConfig

from ..exceptions import InputError
from ..utils._run_card import versions
from ._architectures import SITES, architecture_of
from ._dtype import default_dtype
from ._find_model import MINI, find_model, loaded, locate
from ._neuron_model import NeuronModel
from ._quiet import no_progress_bars
from ._self_check import site_fault

__all__ = ["MINI", "find_model", "load_model"]


def load_model(
    name: str | Path | None = None,
    *,
    gguf_file: str | None = None,
    tokenizer: str | Path | None = None,
    site: str = "act",
    dtype: str | torch.dtype | None = None,
    device_map: Any = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    remote: bool | str = False,
    **options: Any,
) -> NeuronModel:
    """Load a causal language model and check where its neurons are.

    Parameters
    ----------
    name : str or Path, optional
        A local folder, a GGUF file, a Hugging Face hub id, or the name of a packaged model (`packaged_models`), such as
        "gemma-3-270m". None is the bundled bridgex-mini.
    gguf_file : str, optional
        The GGUF file to read in the folder or hub repository `name`.
    tokenizer : str or Path, optional
        Folder or hub id of a tokenizer to use instead of the model's own.
    site : {"act", "gated"}
        `act`: output of the activation function on the gate, SiLU(x W_gate), which BridgeX-ICL and LAPE read.
        `gated`: input of the down projection, SiLU(x W_gate) * x W_up. In a model without a gate both names are the same site,
        and its card says ``gated: False``.
    dtype : str or torch.dtype, optional
        By default that of the checkpoint, but float32 instead of half precision on a processor that has no fast units for it;
        the card says which and why. "nf4", "int8" and "fp8" quantise the weights, as nnsight does; the first two need the
        package bitsandbytes, the last a GPU.
    remote : bool or str
        True runs every trace on `NDIF <https://ndif.us>`_, a URL on that host: `count_active` and `probe` then load no weights
        here, and only their small results are sent back. Functions that generate text (`complete`, `answers`, `evaluate`,
        `known_words`) need the weights on this machine. "local" packs traces in the same way but runs them here, to test a
        remote run offline.
    device_map, revision, trust_remote_code, **options
        Passed to transformers. Remote code runs only if you ask for it. Under torchrun every process needs the whole model, so
        ``device_map="auto"`` is the GPU of the process.

    Raises
    ------
    InputError
        Before weights are read: if there is no such model, its architecture has no known site, its GGUF file is cut short or
        not one that transformers reads, a package or a GPU that it needs is missing, or `tokenizer` has more tokens than the
        model. After a short forward: if the neurons are not where the table of sites says.

    Notes
    -----
    A GGUF file is unpacked once, to float32, into an ordinary folder that later loads read: below huggingface_hub's folder for
    such files (``$HF_HOME/assets/bridgex_nb``). That takes four bytes a weight, once in memory and then on disk. The run card
    has the file's SHA-256 and its quantisation.

    Examples
    --------
    >>> model = load_model()
    >>> model.num_layers, model.num_neurons
    (6, 768)
    """
    if site not in SITES:
        raise InputError(f"unknown site {site!r}; choose from {', '.join(SITES)}")
    if isinstance(remote, str) and not remote.startswith(("http://", "https://")) and remote != "local":
        raise InputError(f"remote={remote!r}: must be True for NDIF, the https:// address of a host, or 'local'")
    source = locate(name, gguf_file, revision)
    weights_here = remote in (False, "local")
    if not weights_here and (source.unpacks or Path(source.name).is_dir()):
        raise InputError(
            f"{source.name}: a remote machine finds a model by its Hugging Face hub id, not in a file or folder on this machine"
        )
    if source.unpacks and revision is not None and gguf_file is None:
        raise InputError(f"revision={revision!r}: {source.name} is a file on this machine, of which there is one version")
    config = source.config(revision, trust_remote_code)
    architecture = architecture_of(config)
    quantised = quantization(dtype) is not None
    if isinstance(dtype, str) and dtype != "auto" and not quantised:
        if not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise InputError(f"unknown dtype {dtype!r}; for example float32, bfloat16, float16, nf4 or int8")
        dtype = getattr(torch, dtype)
    common = {"trust_remote_code": trust_remote_code} | ({} if source.unpacks else {"revision": revision})
    other = None if tokenizer is None else _other_tokenizer(str(tokenizer), config, trust_remote_code)
    facts = {}
    if source.unpacks:
        folder, facts = source.unpack(with_tokenizer=tokenizer is None)
        place = str(folder)
    else:
        place = source.name
    loaded_tokenizer = other or loaded(source.name, AutoTokenizer.from_pretrained, place, **common)
    loaded_tokenizer.padding_side = "left"
    if loaded_tokenizer.pad_token_id is None:
        loaded_tokenizer.pad_token = loaded_tokenizer.eos_token
    reason = "asked for"
    if dtype is None and name is None:
        dtype, reason = torch.float32, "bridgex-mini's weights are stored in float16 to be small"
    elif dtype is None and source.unpacks:
        dtype, reason = torch.float32, "the weights of a GGUF file are unpacked to float32"
    elif dtype is None:
        dtype, reason = default_dtype(config, device_map, remote=not weights_here)
    if device_map == "auto" and "LOCAL_RANK" in os.environ:
        device_map = int(os.environ["LOCAL_RANK"])
    if remote:
        nnsight.register("bridgex_nb")  # its functions are sent as source code
    with no_progress_bars():
        traced = loaded(
            source.name,
            TransformersModel,
            place,
            task="text-generation",
            tokenizer=loaded_tokenizer,
            dtype=dtype,
            device_map=device_map,
            dispatch=weights_here,
            **common,
            **options,
        )
    traced._module.eval().requires_grad_(False)
    architecture.check_paths(traced._module)
    if source.unpacks:
        traced._module.name_or_path = source.name  # what loads it again, and not the unpacked folder
    card = {
        "model": "bridgex-mini" if name is None else _short(source.name),
        **(facts or _weights_facts(source.name, revision)),
        **({} if tokenizer is None else {"tokenizer": _short(str(tokenizer))}),
        "dtype": dtype if quantised else str(traced._module.dtype).removeprefix("torch."),
        "dtype_reason": reason,
        "attention": traced._module.config._attn_implementation,
        "site": site,
        "gated": architecture.up is not None,
        **({} if weights_here else {"remote": remote}),
        "versions": versions(),
        "date": date.today().isoformat(),
    }
    model = NeuronModel(traced, architecture, site, card, remote)
    # Without weights nothing can be checked: a wrong row of the table then shows in the first trace.
    if weights_here and (fault := site_fault(model)):
        raise InputError(f"the neuron site of {config.model_type!r} ({type(model.hf_model).__name__}) is wrong: {fault}")
    return model


def _other_tokenizer(name: str, config: PretrainedConfig, trust_remote_code: bool) -> Any:
    """The tokenizer of a folder or hub id, if the model has an embedding for each of its tokens."""
    tokenizer = loaded(name, AutoTokenizer.from_pretrained, name, trust_remote_code=trust_remote_code)
    size, last = config.get_text_config().vocab_size, max(tokenizer.get_vocab().values())
    if last >= size:
        raise InputError(f"tokenizer={name!r} has tokens up to {last:,}, and the model has {size:,} of them; not its tokenizer")
    return tokenizer


def _short(name: str) -> str:
    """The name of a file or folder, without its place; of a model elsewhere, all of it."""
    return Path(name).resolve().name if Path(name).exists() else name


def _weights_facts(source: str, revision: str | None) -> dict[str, Any]:
    """What run cards say about the weights: the SHA-256 of those in a folder, the commit of those on the hub."""
    folder = Path(source)
    return {"weights_sha256": _weights_hash(folder)} if folder.is_dir() else {"revision": _commit(source, revision)}


def _commit(source: str, revision: str | None) -> str | None:
    """The commit of a hub model: the name of the folder that its configuration was read from."""
    config = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(config).parent.name if isinstance(config, str) else revision


def _weights_hash(folder: Path) -> str:
    """SHA-256 over the SHA-256 digests of the weight files, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in {".safetensors", ".bin"}):
        with path.open("rb") as handle:
            total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()
