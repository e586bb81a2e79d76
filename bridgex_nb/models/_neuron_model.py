"""`NeuronModel`: a causal language model through nnsight, with the place of its neurons and a run card."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

import torch
from nnsight import Envoy, TransformersModel

from ._architectures import Architecture, max_tokens


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
    remote : bool or str
        Where traces run, as nnsight's ``remote=``.
    changes : list
        What `bridgex_nb.interventions` change where the weights are not here: (mask [L, N], change, target) each.
    generating : bool or None
        Whether the tokens of the forward that runs now are the model's own; None where only the cache tells.
    turn : threading.RLock
        Held by the thread that runs the model, and while a block of `bridgex_nb.interventions` lasts: a widget's own thread
        neither meets a trace of the notebook nor sees a changed model.
    """

    nnsight: TransformersModel = field(repr=False)
    architecture: Architecture
    site: str
    card: dict = field(repr=False)
    remote: bool | str = False
    changes: list = field(default_factory=list, repr=False)
    generating: bool | None = field(default=None, repr=False)
    turn: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def weights_here(self) -> bool:
        """Whether the weights are on this machine."""
        return self.remote in (False, "local")

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
    def down_norms(self) -> torch.Tensor:
        """float32 [L, N], the L2 norm of each neuron's row of the down projection: how far its value 1 moves the output.

        Raises
        ------
        InputError
            If the weights are quantised or on another machine.
        """
        return self.architecture.down_norms(self.hf_model)

    @property
    def max_tokens(self) -> int:
        """The longest input the model has positions for."""
        return max_tokens(self.hf_model.config)

    def place(self, layer: int, site: str | None = None) -> tuple[Envoy, str]:
        """The traced module of one layer, and which side of it, "input" or "output", the neurons are.

        `site` is another one than the model's own; "layer" is the whole layer's output, the hidden state [batch, tokens, d];
        "logits" the model's, [batch, tokens, vocabulary], whatever the layer.
        """
        if site == "logits":
            return self.nnsight, "output"
        block = attrgetter(self.architecture.layers)(self.nnsight)[layer]
        site = site or self.site
        if site == "layer":
            return block, "output"
        if site == "act":
            return attrgetter(self.architecture.act)(block), "output"
        return attrgetter(self.architecture.down)(block), "input"

    def neurons(self, layer: int):
        """Inside a trace: the neurons of one layer, [batch, tokens, N], to read or to change in place.

        Layers must be read in rising order.
        """
        block = attrgetter(self.architecture.layers)(self.nnsight)[layer]
        shape = block.input.shape[:2] if self.architecture.flat else None
        values = getattr(*self.place(layer))
        return values if shape is None else values.view(*shape, -1)

    def pad(self, rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """Token ids as one left-padded batch {input_ids, attention_mask}, both [rows, longest], on the model's device."""
        width = max(map(len, rows))
        filler = self.tokenizer.pad_token_id
        ids = torch.tensor([[filler] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        device = self.hf_model.get_input_embeddings().weight.device
        if device.type == "meta":  # the weights are on another machine, which moves the tokens to its own device
            device = "cpu"
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    @cached_property
    def end_tokens(self) -> tuple[torch.Tensor, torch.Tensor]:
        """bool [vocabulary], twice: tokens with a newline, and tokens that end a completion (these and the end of text)."""
        size = self.hf_model.config.get_text_config().vocab_size
        texts = self.tokenizer.batch_decode([[token] for token in range(min(size, len(self.tokenizer)))])
        newline = torch.zeros(size, dtype=torch.bool)
        newline[[i for i, text in enumerate(texts) if "\n" in text]] = True
        final = newline.clone()
        eos = self.hf_model.generation_config.eos_token_id
        final[[] if eos is None else eos] = True
        return newline, final
