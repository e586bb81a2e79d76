"""`load_model`: find a model, load it, check where its neurons are, and write its run card."""

import hashlib
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import nnsight
import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import StrictDataclassError
from nnsight import TransformersModel
from nnsight.modeling.quantization import quantization
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig
from transformers.utils import logging as transformers_logging

from ..exceptions import InputError
from ._architectures import SITES, architecture_of
from ._neuron_model import NeuronModel
from ._self_check import site_fault

#: Folder of the bundled model, bridgex-mini.
MINI = Path(__file__).parents[1] / "mini" / "model"


def find_model(
    name: str | Path | None = None, *, revision: str | None = None, trust_remote_code: bool = False
) -> tuple[str, PretrainedConfig]:
    """The folder or hub id of a model and its configuration; no weights are read.

    Raises
    ------
    InputError
        If there is no such model.
    """
    source = str(MINI if name is None else name)
    if not Path(source).is_dir() and (source.startswith((".", "/", "~")) or source.count("/") > 1 or isinstance(name, Path)):
        raise InputError(f"{source}: no such model folder")
    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        raise InputError(f"{source}: not a model folder, it has no config.json")
    config = _given(source, AutoConfig.from_pretrained, source, revision=revision, trust_remote_code=trust_remote_code)
    return source, config


def _given(source, load, *args, **options):
    """What `load` gives, or one line that says why there is no such model."""
    try:
        return load(*args, **options)
    except (OSError, ImportError, ValueError, KeyError, TypeError, StrictDataclassError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"{source}: no model that loads here, from a folder or from the Hugging Face hub ({reason})"
        ) from error


def load_model(
    name: str | Path | None = None,
    *,
    site: str = "act",
    dtype: str | torch.dtype | None = None,
    device_map=None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    remote: bool | str = False,
    **options,
) -> NeuronModel:
    """Load a causal language model and find its neurons.

    Parameters
    ----------
    name : str or Path, optional
        A local folder or a Hugging Face hub id. None is the bundled bridgex-mini.
    site : {"act", "gated"}
        `act`: output of the activation function on the gate, SiLU(x W_gate); what BridgeX-ICL and LAPE read.
        `gated`: input of the down projection, SiLU(x W_gate) * x W_up. A model without a gate has one site under both names;
        its card says ``gated: False``.
    dtype : str or torch.dtype, optional
        By default the checkpoint's own; float32 for bridgex-mini, whose weights are stored in half precision. "nf4", "int8" and
        "fp8" load quantised weights, as nnsight does; the first two need the package bitsandbytes, the last a GPU.
    remote : bool or str
        True runs every trace on `NDIF <https://ndif.us>`_ (or on the host that a URL names): `count_active` and `probe` read no
        weights here, and only their small results travel. What generates text (`complete`, `answers`, `evaluate`,
        `known_words`) needs the weights here. "local" sends traces the same way, but to this machine: the offline test of it.
    device_map, revision, trust_remote_code, **options
        Passed to transformers. Remote code runs only if you ask for it. Under torchrun every process needs the whole model:
        ``device_map="auto"`` then is the process's own GPU.

    Raises
    ------
    InputError
        If there is no such model, its architecture has no known site, or quantised weights need a package or a GPU that is not
        here: raised before weights are read. If a short forward shows that the neurons are not where `sites` says.

    Examples
    --------
    >>> model = load_model()
    >>> model.num_layers, model.num_neurons
    (6, 768)
    """
    if site not in SITES:
        raise InputError(f"unknown site {site!r}; the sites are {' and '.join(SITES)}")
    if isinstance(remote, str) and not remote.startswith(("http://", "https://")) and remote != "local":
        raise InputError(f"remote={remote!r}: give True for NDIF, the https:// address of a host, or 'local'")
    source, config = find_model(name, revision=revision, trust_remote_code=trust_remote_code)
    weights_here = remote in (False, "local")
    if not weights_here and Path(source).is_dir():
        raise InputError(f"{source}: a remote machine knows a model by its Hugging Face hub id, not by a folder here")
    architecture = architecture_of(config)
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    tokenizer = _given(source, AutoTokenizer.from_pretrained, source, **common)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if dtype is None:
        dtype = "float32" if name is None else "auto"
    quantised = quantization(dtype) is not None
    if isinstance(dtype, str) and dtype != "auto" and not quantised:
        if not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise InputError(f"unknown dtype {dtype!r}; float32, bfloat16, float16, nf4 and int8 are some")
        dtype = getattr(torch, dtype)
    if device_map == "auto" and "LOCAL_RANK" in os.environ:
        device_map = int(os.environ["LOCAL_RANK"])
    if remote:
        nnsight.register("bridgex_nb")  # its functions travel by their source
    transformers_logging.disable_progress_bar()
    traced = _given(
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
        "versions": {one: version(one) for one in ("bridgex-nb", "nnsight", "torch", "transformers")}
        | {"python": platform.python_version()},
        "date": date.today().isoformat(),
    }
    model = NeuronModel(traced, architecture, site, card, remote)
    # Weights that are not here are checked by nobody; a wrong row of the table then shows in the first trace.
    if weights_here and (fault := site_fault(model)):
        raise InputError(f"the neuron site of {config.model_type!r} ({type(model.hf_model).__name__}) is wrong: {fault}")
    return model


def _commit(source: str, revision: str | None) -> str | None:
    """The commit of a hub model: the name of the folder its configuration was just read from."""
    config = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(config).parent.name if isinstance(config, str) else revision


def _weights_hash(folder: Path) -> str:
    """SHA-256 over the weight files' own SHA-256 digests, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in {".safetensors", ".bin"}):
        with path.open("rb") as handle:
            total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()
