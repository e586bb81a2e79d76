"""`NeuronModel`: a causal language model through nnsight, with its neuron site, active interventions and run card."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

import torch

from ._architectures import Architecture, max_tokens

#: (neuron set [L, N], change, target): what a trace on a remote machine applies to the neurons of each layer.
RemoteIntervention = tuple[torch.Tensor, Callable[..., Any], torch.Tensor | float]


@dataclass(frozen=True, eq=False)
class Intervention:
    """An intervention while its block lasts.

    Attributes
    ----------
    note : mapping
        What run cards say about it.
    remote : tuple, optional
        What traces apply where the weights are on another machine; None if hooks on this machine do it.
    """

    note: Mapping[str, Any]
    remote: RemoteIntervention | None = None


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
    base_card : dict
        The run card of the model without interventions: model, revision or weights hash, dtype, attention implementation, site,
        package versions, date.
    remote : bool or str
        Where traces run, as nnsight's ``remote=``.
    generating : bool or None
        Whether the tokens of the forward that runs now are the model's own; None if only the cache can tell.
    checking : bool
        Whether the forward that runs now checks something about the model, and is no part of a measurement.
    lock : threading.RLock
        Held by the thread that runs the model, and while a block of `bridgex_nb.interventions` lasts: a widget's own thread
        neither meets a trace of the notebook nor sees a changed model.
    """

    nnsight: Any = field(repr=False)
    architecture: Architecture
    site: str
    base_card: dict[str, Any] = field(repr=False)
    remote: bool | str = False
    generating: bool | None = field(default=None, repr=False)
    checking: bool = field(default=False, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _active: list[Intervention] = field(default_factory=list, init=False, repr=False)

    @property
    def card(self) -> dict[str, Any]:
        """The run card: `base_card`, with an entry "interventions" while there are any, in the order of their blocks."""
        notes = [dict(intervention.note) for intervention in self._active]
        return self.base_card | ({"interventions": notes} if notes else {})

    @property
    def remote_interventions(self) -> list[RemoteIntervention]:
        """What traces apply on a remote machine, in this order."""
        return [intervention.remote for intervention in self._active if intervention.remote is not None]

    @contextmanager
    def intervene(self, intervention: Intervention) -> Iterator[None]:
        """The block in which an intervention is active: the one place where it enters and leaves a model.

        Blocks may be left in any order. The lock is held until the last one is left.
        """
        with self.lock:
            self._active.append(intervention)
            try:
                yield
            finally:
                self._active.remove(intervention)

    @property
    def weights_here(self) -> bool:
        """Whether the weights are on this machine."""
        return self.remote in (False, "local")

    @property
    def hf_model(self) -> torch.nn.Module:
        """The transformers module inside."""
        return self.nnsight._module

    @property
    def tokenizer(self) -> Any:
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
    def down_norms(self) -> torch.Tensor:
        """float32 [L, N], the L2 norm of the row of each neuron in the down projection: how far a value of 1 moves the output.

        Raises
        ------
        InputError
            If the weights are quantised or on another machine.
        """
        return self.architecture.down_norms(self.hf_model)

    @property
    def max_tokens(self) -> int:
        """The longest input that the model has positions for, in tokens."""
        return max_tokens(self.hf_model.config)

    def site_module(self, layer: int, site: str | None = None) -> tuple[Any, str]:
        """The traced module of one layer at a site, and the side of it, "input" or "output", that has the values.

        Parameters
        ----------
        layer : int
        site : {"act", "gated", "layer", "head", "logits"}, optional
            By default the model's own. "layer" is the output of the whole layer, the hidden state [batch, tokens, d]; "head"
            what the output layer reads, [batch, tokens, d], and "logits" the output of the model, [batch, tokens, vocabulary],
            both whatever the layer.
        """
        if site == "logits":
            return self.nnsight, "output"
        if site == "head":
            head = self.hf_model.get_output_embeddings()
            name = next(name for name, module in self.hf_model.named_modules() if module is head)
            return attrgetter(name)(self.nnsight), "input"
        block = attrgetter(self.architecture.layers)(self.nnsight)[layer]
        site = site or self.site
        if site == "layer":
            return block, "output"
        if site == "act":
            return attrgetter(self.architecture.act)(block), "output"
        return attrgetter(self.architecture.down)(block), "input"

    def neurons(self, layer: int) -> Any:
        """Inside a trace, the neurons of one layer, [batch, tokens, N], to read or to change in place.

        Layers must be read in ascending order.
        """
        block = attrgetter(self.architecture.layers)(self.nnsight)[layer]
        shape = block.input.shape[:2] if self.architecture.flat else None
        values = getattr(*self.site_module(layer))
        return values if shape is None else values.view(*shape, -1)

    def pad(self, rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """Token ids as one left-padded batch {input_ids, attention_mask}, both [rows, longest], on the model's device."""
        width = max(map(len, rows))
        filler = self.tokenizer.pad_token_id
        ids = torch.tensor([[filler] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        device = self.hf_model.get_input_embeddings().weight.device
        if device.type == "meta":  # weights on another machine, which moves the tokens to its device
            device = "cpu"
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    @cached_property
    def end_tokens(self) -> tuple[torch.Tensor, torch.Tensor]:
        """bool [vocabulary], twice: tokens that contain a newline, and tokens that end a completion (those and end of text)."""
        size = self.hf_model.config.get_text_config().vocab_size
        texts = self.tokenizer.batch_decode([[token] for token in range(min(size, len(self.tokenizer)))])
        newline = torch.zeros(size, dtype=torch.bool)
        newline[[i for i, text in enumerate(texts) if "\n" in text]] = True
        final = newline.clone()
        eos = self.hf_model.generation_config.eos_token_id
        final[[] if eos is None else eos] = True
        return newline, final
