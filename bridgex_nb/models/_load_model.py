"""`load_model`: find a model, load it, check its neuron site, and write its run card."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import nnsight
import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import StrictDataclassError
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from nnsight import TransformersModel
from nnsight.modeling.quantization import quantization
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig
from transformers.utils import logging as transformers_logging

from ..exceptions import InputError
from ..utils._run_card import versions
from ._architectures import SITES, architecture_of
from ._neuron_model import NeuronModel
from ._self_check import site_fault

#: Folder of the bundled model, bridgex-mini.
MINI = Path(__file__).parents[1] / "mini" / "model"


def find_model(
    name: str | Path | None = None, *, revision: str | None = None, trust_remote_code: bool = False
) -> tuple[str, PretrainedConfig]:
    """The folder or hub id of a model and its configuration; no weights are read.

    Parameters
    ----------
    name, revision, trust_remote_code
        As in `load_model`.

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
    source = str(MINI if name is None else name)
    if not Path(source).is_dir() and (source.startswith((".", "/", "~")) or source.count("/") > 1 or isinstance(name, Path)):
        raise InputError(f"{source}: no such model folder")
    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        raise InputError(f"{source}: not a model folder, there is no config.json in it")
    config = _loaded(source, AutoConfig.from_pretrained, source, revision=revision, trust_remote_code=trust_remote_code)
    return source, config


def _loaded(source, load, *args, **options):
    """What `load` returns, or an InputError that says in one line why there is no such model."""
    try:
        return load(*args, **options)
    except (OSError, ImportError, ValueError, KeyError, TypeError, StrictDataclassError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"{source}: cannot be loaded as a model, from a folder or from the Hugging Face hub ({reason})"
        ) from error


@contextmanager
def _no_progress_bars() -> Iterator[None]:
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


def load_model(
    name: str | Path | None = None,
    *,
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
        A local folder or a Hugging Face hub id. None is the bundled bridgex-mini.
    site : {"act", "gated"}
        `act`: output of the activation function on the gate, SiLU(x W_gate), which BridgeX-ICL and LAPE read.
        `gated`: input of the down projection, SiLU(x W_gate) * x W_up. In a model without a gate both names are the same site,
        and its card says ``gated: False``.
    dtype : str or torch.dtype, optional
        By default that of the checkpoint; float32 for bridgex-mini, whose weights are stored in half precision. "nf4", "int8"
        and "fp8" quantise the weights, as nnsight does; the first two need the package bitsandbytes, the last a GPU.
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
        Before weights are read: if there is no such model, its architecture has no known site, or quantised weights need a
        package or a GPU that is missing. After a short forward: if the neurons are not where the table of sites says.

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
    source, config = find_model(name, revision=revision, trust_remote_code=trust_remote_code)
    weights_here = remote in (False, "local")
    if not weights_here and Path(source).is_dir():
        raise InputError(
            f"{source}: a remote machine finds a model by its Hugging Face hub id, not in a folder on this machine"
        )
    architecture = architecture_of(config)
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    tokenizer = _loaded(source, AutoTokenizer.from_pretrained, source, **common)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if dtype is None:
        dtype = "float32" if name is None else "auto"
    quantised = quantization(dtype) is not None
    if isinstance(dtype, str) and dtype != "auto" and not quantised:
        if not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise InputError(f"unknown dtype {dtype!r}; for example float32, bfloat16, float16, nf4 or int8")
        dtype = getattr(torch, dtype)
    if device_map == "auto" and "LOCAL_RANK" in os.environ:
        device_map = int(os.environ["LOCAL_RANK"])
    if remote:
        nnsight.register("bridgex_nb")  # its functions are sent as source code
    with _no_progress_bars():
        traced = _loaded(
            source,
            TransformersModel,
            source,
            task="text-generation",
            tokenizer=tokenizer,
            dtype=dtype,
            device_map=device_map,
            dispatch=weights_here,
            **common,
            **options,
        )
    traced._module.eval().requires_grad_(False)
    architecture.check_paths(traced._module)
    folder = Path(source).resolve()
    card = {
        "model": "bridgex-mini" if name is None else folder.name if folder.is_dir() else source,
        **({"weights_sha256": _weights_hash(folder)} if folder.is_dir() else {"revision": _commit(source, revision)}),
        "dtype": dtype if quantised else str(traced._module.dtype).removeprefix("torch."),
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
