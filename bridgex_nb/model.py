"""`load_model`: a causal language model through nnsight, with the place of its neurons and a run card."""

import hashlib
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import nnsight
import torch
from huggingface_hub.errors import StrictDataclassError
from nnsight import TransformersModel
from nnsight.intervention.interleaver import OutOfOrderError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PretrainedConfig,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.utils import logging as transformers_logging

from .errors import InputError
from .sites import SITES, Architecture, architecture_of, max_tokens

#: Folder of the bundled model, bridgex-mini.
MINI = Path(__file__).parent / "mini" / "model"


@dataclass(eq=False)
class NeuronModel:
    """An nnsight model with its neuron site. L = `num_layers`, N = `num_neurons`.

    Attributes
    ----------
    nnsight : nnsight.TransformersModel
        The traced model.
    architecture : Architecture
        Module paths of the neurons.
    site : {"act", "gated"}
        Where a neuron is read.
    card : dict
        The run card: model, revision or weights hash, dtype, attention implementation, site, package versions, date.
    """

    nnsight: TransformersModel = field(repr=False)
    architecture: Architecture
    site: str
    card: dict = field(repr=False)

    @property
    def hf_model(self) -> torch.nn.Module:
        """The transformers module inside."""
        return self.nnsight._module

    @property
    def tokenizer(self):
        """The tokenizer; it pads on the left."""
        return self.nnsight.tokenizer

    @property
    def num_layers(self) -> int:
        """L, the number of decoder layers."""
        return len(attrgetter(self.architecture.layers)(self.hf_model))

    @property
    def num_neurons(self) -> int:
        """N, the FFN neurons of one layer."""
        return self.architecture.num_neurons(self.hf_model)

    @property
    def max_tokens(self) -> int:
        """The longest input the model has positions for."""
        return max_tokens(self.hf_model.config)

    def neurons(self, layer: int):
        """Inside a trace: the neurons of one layer, [batch, tokens, N], to read or to change in place.

        Layers must be read in rising order.
        """
        block = attrgetter(self.architecture.layers)(self.nnsight)[layer]
        shape = block.input.shape[:2] if self.architecture.flat else None
        if self.site == "act":
            values = attrgetter(self.architecture.act)(block).output
        else:
            values = attrgetter(self.architecture.down)(block).input
        return values if shape is None else values.view(*shape, -1)

    def pad(self, rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """Token ids as one left-padded batch {input_ids, attention_mask}, both [rows, longest], on the model's device."""
        width = max(map(len, rows))
        filler = self.tokenizer.pad_token_id
        ids = torch.tensor([[filler] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        device = self.hf_model.get_input_embeddings().weight.device
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    @cached_property
    def _newline_tokens(self) -> torch.Tensor:
        size = self.hf_model.config.get_text_config().vocab_size
        texts = self.tokenizer.batch_decode([[token] for token in range(min(size, len(self.tokenizer)))])
        found = torch.zeros(size, dtype=torch.bool)
        found[[i for i, text in enumerate(texts) if "\n" in text]] = True
        return found


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
    except (OSError, ValueError, KeyError, TypeError, StrictDataclassError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{source}: no model folder, and no model that the Hugging Face hub gives here ({reason})") from error


def load_model(
    name: str | Path | None = None,
    *,
    site: str = "act",
    dtype: str | torch.dtype | None = None,
    device_map=None,
    revision: str | None = None,
    trust_remote_code: bool = False,
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
        By default the checkpoint's own; float32 for bridgex-mini, whose weights are stored in half precision.
    device_map, revision, trust_remote_code, **options
        Passed to transformers. Remote code runs only if you ask for it.

    Raises
    ------
    InputError
        If there is no such model, or its architecture has no known site: raised before weights are read. If a short forward
        shows that the neurons are not where `sites` says.

    Examples
    --------
    >>> model = load_model()
    >>> model.num_layers, model.num_neurons
    (6, 768)
    """
    if site not in SITES:
        raise InputError(f"unknown site {site!r}; the sites are {' and '.join(SITES)}")
    source, config = find_model(name, revision=revision, trust_remote_code=trust_remote_code)
    architecture = architecture_of(config)
    common = {"revision": revision, "trust_remote_code": trust_remote_code}
    tokenizer = _given(source, AutoTokenizer.from_pretrained, source, **common)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if dtype is None:
        dtype = "float32" if name is None else "auto"
    if isinstance(dtype, str) and dtype != "auto":
        if not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise InputError(f"unknown dtype {dtype!r}; float32, bfloat16 and float16 are some")
        dtype = getattr(torch, dtype)
    transformers_logging.disable_progress_bar()
    traced = _given(
        source,
        TransformersModel,
        source,
        task="text-generation",
        tokenizer=tokenizer,
        dtype=dtype,
        device_map=device_map,
        dispatch=True,
        **common,
        **options,
    )
    traced._module.eval().requires_grad_(False)
    architecture.check_paths(traced._module)
    folder = Path(source).resolve()
    card = {
        "model": "bridgex-mini" if name is None else folder.name if folder.is_dir() else source,
        **({"weights_sha256": _weights_hash(folder)} if folder.is_dir() else {"revision": config._commit_hash}),
        "dtype": str(traced._module.dtype).removeprefix("torch."),
        "attention": traced._module.config._attn_implementation,
        "site": site,
        "gated": architecture.up is not None,
        "versions": {one: version(one) for one in ("bridgex-nb", "nnsight", "torch", "transformers")}
        | {"python": platform.python_version()},
        "date": date.today().isoformat(),
    }
    model = NeuronModel(traced, architecture, site, card)
    if fault := _site_fault(model):
        raise InputError(f"the neuron site of {config.model_type!r} ({type(model.hf_model).__name__}) is wrong: {fault}")
    return model


def _site_fault(model: NeuronModel) -> str | None:
    """What is wrong with the site, or None: the neurons are where the table says, in every layer, and the model uses them.

    One forward of three tokens in two equal rows. The first row's neurons are set to zero, which must reach the down projection
    and change the logits; in the second, act * up must be the down projection's input (act alone, without a gate).
    """
    sites = model.architecture
    ids = model.tokenizer("one two three")["input_ids"][:3]
    shape = (2, len(ids), model.num_neurons)
    names = [name for name in (sites.act, sites.up, sites.down) if name]
    paths = {(layer, name): f"model.{sites.layers}.{layer}.{name}" for layer in range(model.num_layers) for name in names}
    try:
        with torch.inference_mode(), model.nnsight.trace(model.pad([ids, ids])) as tracer:
            # A cache, for the order in which act and up are computed differs between architectures.
            seen = tracer.cache(list(paths.values()), include_inputs=True)
            shapes = nnsight.save([])
            for layer in range(model.num_layers):
                values = model.neurons(layer)
                shapes.append(tuple(values.shape))
                values[0] = 0
            logits = nnsight.save(model.nnsight.output.logits)
    except (OutOfOrderError, AttributeError, TypeError, IndexError) as error:
        return f"its neurons cannot be read, {error}"
    for (layer, name), path in paths.items():
        # A list: one entry a call.
        if path not in seen or isinstance(seen[path].inputs, list):
            return f"layer {layer}: {name} is not called just once in a forward"

    for layer in range(model.num_layers):
        if shapes[layer] != shape:
            return f"layer {layer}: the neurons are {list(shapes[layer])}, not [batch, tokens, N] = {list(shape)}"
        parts = {}
        for name in names:
            value = seen[paths[layer, name]]
            value = value.input if name == sites.down else value.output
            widths = (shape[2], 2 * shape[2]) if name == sites.up else (shape[2],)
            if not torch.is_tensor(value) or value.shape[-1] not in widths or value[..., 0].numel() != shape[0] * shape[1]:
                return f"layer {layer}: {name} does not have N = {shape[2]} values for each token"
            parts[name] = value[..., -shape[2] :].reshape(shape)
        zeroed, read = parts[sites.down]
        made = parts[sites.act][1] * (parts[sites.up][1] if sites.up else 1)
        if not torch.isfinite(read).all():
            return f"layer {layer}: values that are not finite on a short text; was the model run in float16?"
        limits = torch.finfo(read.dtype)
        if not torch.allclose(made, read, rtol=4 * limits.eps, atol=limits.tiny):
            return f"layer {layer}: {' * '.join(names[:-1])} is not the input of {sites.down}"
        if zeroed.any():
            return f"layer {layer}: neurons set to zero at site {model.site!r} do not reach {sites.down}"
    # The rows were computed side by side: rounding alone may tell them apart.
    change = (logits[0] - logits[1]).abs().max()
    if not change > 4 * torch.finfo(logits.dtype).eps * logits[1].abs().median():
        return "setting all neurons to zero does not change the logits"
    return None


def _weights_hash(folder: Path) -> str:
    """SHA-256 over the weight files' own SHA-256 digests, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in {".safetensors", ".bin"}):
        with path.open("rb") as handle:
            total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()


def batches_by_length(lengths: Sequence[int], token_budget: int) -> Iterator[list[int]]:
    """Yield index lists, longest first, so that rows x longest stays within `token_budget` (one row at the least).

    Longest first, so that a batch too large for the memory fails at once and not at the end.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > token_budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


class _Newline(StoppingCriteria):
    """A row is finished once its last token holds a newline."""

    def __init__(self, newline_tokens):
        self.newline_tokens = newline_tokens

    def __call__(self, input_ids, scores, **kwargs):
        return self.newline_tokens[input_ids[:, -1]]


class _Confidence(LogitsProcessor):
    """Keeps the log-probability of each step's likeliest token, [B] a step, and never the [B, vocabulary] scores."""

    def __init__(self):
        self.steps = []

    def __call__(self, input_ids, scores):
        self.steps.append(torch.log_softmax(scores.float(), dim=-1).amax(dim=-1))
        return scores


class Completion(NamedTuple):
    """A greedy completion: its text up to the first newline, and what the model gives it.

    `logprob` is the natural logarithm of its probability, the sum over its `tokens` tokens; the one that ends it (newline or
    end of text) is counted.
    """

    text: str
    logprob: float
    tokens: int


def complete(
    model: NeuronModel, prompts: Sequence[str], *, max_new_tokens: int = 30, token_budget: int = 8192, bar=None
) -> list[str]:
    """Greedy completions, each up to its first newline (released code of BridgeX-ICL: 30 new tokens).

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
    max_new_tokens : int
    token_budget : int
        Tokens of one padded batch, the new ones included.
    bar : tqdm, optional
        Progress bar that is moved on by one a prompt.

    Returns
    -------
    list of str
        One completion a prompt, in their order, without the newline.
    """
    options = {"max_new_tokens": max_new_tokens, "token_budget": token_budget}
    return [one.text for one in complete_scored(model, prompts, **options, bar=bar)]


def complete_scored(
    model: NeuronModel, prompts: Sequence[str], *, max_new_tokens: int = 30, token_budget: int = 8192, bar=None
) -> list[Completion]:
    """The completions of `complete`, each with the log-probability that the model gives it.

    Parameters
    ----------
    model, prompts, max_new_tokens, token_budget, bar
        As in `complete`.

    Returns
    -------
    list of Completion
        One a prompt, in their order.
    """
    if isinstance(prompts, str):
        raise InputError("complete needs a list of prompts, not one string")
    config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,  # some checkpoints ship one, and would not decode greedily
        max_new_tokens=max_new_tokens,
        pad_token_id=model.tokenizer.pad_token_id,
        eos_token_id=model.hf_model.generation_config.eos_token_id,
    )
    rows = model.tokenizer(list(prompts))["input_ids"] if prompts else []
    completions = [Completion("", 0.0, 0)] * len(rows)
    for batch in batches_by_length([len(row) + max_new_tokens for row in rows], token_budget):
        inputs = model.pad([rows[i] for i in batch])
        final = _final_tokens(model).to(inputs["input_ids"].device)
        stop = StoppingCriteriaList([_Newline(model._newline_tokens.to(final.device))])
        kept = _Confidence()
        with torch.inference_mode():
            output = model.hf_model.generate(
                **inputs, generation_config=config, stopping_criteria=stop, logits_processor=LogitsProcessorList([kept])
            )
        new = output[:, inputs["input_ids"].shape[1] :]
        # A row that has ended is padded until the last one has: only tokens without an end before them are its own.
        ends = final[new].int()
        own = ends.cumsum(dim=1) - ends == 0
        logprobs = torch.where(own, torch.stack(kept.steps, dim=1), 0.0).sum(dim=1).tolist()
        texts = model.tokenizer.batch_decode(new, skip_special_tokens=True)
        for i, text, logprob, tokens in zip(batch, texts, logprobs, own.sum(dim=1).tolist(), strict=True):
            completions[i] = Completion(text.split("\n", 1)[0], logprob, tokens)
        if bar is not None:
            bar.update(len(batch))
    return completions


def _final_tokens(model: NeuronModel) -> torch.Tensor:
    """bool [vocabulary]: tokens that end a completion."""
    final = model._newline_tokens.clone()
    eos = model.hf_model.generation_config.eos_token_id
    final[[] if eos is None else eos] = True
    return final
