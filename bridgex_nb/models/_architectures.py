"""The table of architectures: where each keeps its FFN neurons. No other module depends on the kind of model.

How to add an architecture
--------------------------
1. Find the modules of one layer. ``load_model`` refuses an unknown architecture with a message that lists them;
   ``print(transformers.AutoModelForCausalLM.from_config(config))`` shows them as a tree.
2. Read the forward of its feed-forward block in transformers. The activation module, whose output is the neurons before the
   product with up, is `act`; the projection back to the hidden size is `down`; the projection that `act` is multiplied by is
   `up`, if there is one. The site needs modules: an activation that is a plain function call cannot be read. `norm`, which
   the logit lens needs, is the last module before the output layer.
3. Add a row to `ARCHITECTURES` under the ``model_type`` of its config.json; `_GATED` fits most models like Llama. For one
   session, call `register_site` instead.
4. Load a model: a short forward checks the row in every layer and says what is wrong (`_self_check.py`).
5. Add a line to ``ARCHITECTURES`` in tests/tiny.py. The tests of every architecture then run on a tiny model of it, against
   plain torch hooks; a test fails as long as a row of the table has no line there.
"""

from dataclasses import dataclass, replace

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig

from ..exceptions import InputError

#: The two sites of a neuron: `act`, the output of the activation function on the gate, SiLU(x W_gate) (BridgeX-ICL, LAPE);
#: `gated`, the input of the down projection, SiLU(x W_gate) * x W_up. Where there is no gate they are the same.
SITES = ("act", "gated")


@dataclass(frozen=True)
class Architecture:
    """Module paths to the neurons of a decoder; all but `layers` and `norm` start from one layer.

    Attributes
    ----------
    layers : str
        The list of layers, starting from the top of the model.
    act : str
        The activation module; its output is the site `act`.
    down : str
        The down projection; its input is the site `gated`.
    up : str, optional
        The projection whose output `act` is multiplied by; if one projection computes both gate and up, that projection (up is
        the second half of its output). None if the model has no gate: then both sites are the same.
    flat : bool
        Whether the modules of the layer work on [batch * tokens, N] instead of [batch, tokens, N].
    norm : str, optional
        The normalization between the last layer and the output layer, starting from the top of the model. Only the logit lens
        (`bridgex_nb.lens`) needs it.

    Examples
    --------
    >>> Architecture("model.layers", act="mlp.act_fn", down="mlp.down_proj", up="mlp.up_proj").flat
    False
    """

    layers: str
    act: str
    down: str
    up: str | None = None
    flat: bool = False
    norm: str | None = None

    def num_neurons(self, model: torch.nn.Module) -> int:
        """N, the number of neurons of one layer of a transformers model."""
        down = model.get_submodule(f"{self.layers}.0.{self.down}")
        return down.in_features if hasattr(down, "in_features") else down.nx  # GPT-2's Conv1D is a transposed Linear

    def down_norms(self, model: torch.nn.Module) -> torch.Tensor:
        """float32 [L, N], the L2 norm of the row of each neuron in the down projection of a transformers model."""
        norms = []
        for layer in range(len(model.get_submodule(self.layers))):
            down = model.get_submodule(f"{self.layers}.{layer}.{self.down}")
            weight = down.weight if hasattr(down, "in_features") else down.weight.T
            readable = weight.is_floating_point() and weight.element_size() > 1 and not weight.is_meta
            if not readable or weight.shape[1] != self.num_neurons(model):
                raise InputError(f"layer {layer}: the weights of {self.down} are quantised, or not on this machine")
            norms.append(weight.detach().float().norm(dim=0).cpu())
        return torch.stack(norms)

    def check_paths(self, model: torch.nn.Module) -> None:
        """Raise an InputError that names the first path that is not a module of a transformers model."""
        for path in (self.layers, *(f"{self.layers}.0.{part}" for part in (self.act, self.up, self.down) if part)):
            try:
                model.get_submodule(path)
            except AttributeError:
                raise InputError(
                    f"the neuron site of {model.config.model_type!r} is wrong: {type(model).__name__} has no module {path}; "
                    f"its layers have {' '.join(_module_names(model))}"
                ) from None


_GATED = Architecture("model.layers", act="mlp.act_fn", down="mlp.down_proj", up="mlp.up_proj", norm="model.norm")
_INSIDE = replace(_GATED, layers="model.language_model.layers", norm="model.language_model.norm")
_FUSED = replace(_GATED, act="mlp.activation_fn", up="mlp.gate_up_proj")
_UP_DOWN = replace(_GATED, up=None)
_FALCON = Architecture("transformer.h", act="mlp.act", down="mlp.dense_4h_to_h", norm="transformer.ln_f")
_BLOOM = replace(_FALCON, act="mlp.gelu_impl")
_GPT2 = replace(_FALCON, down="mlp.c_proj")
_GPTJ = replace(_FALCON, down="mlp.fc_out")
_MPT = Architecture("transformer.blocks", act="ffn.act", down="ffn.down_proj", norm="transformer.norm_f")
_NEOX = Architecture("gpt_neox.layers", act="mlp.act", down="mlp.dense_4h_to_h", norm="gpt_neox.final_layer_norm")
_BIOGPT = Architecture("biogpt.layers", act="activation_fn", down="fc2", norm="biogpt.layer_norm")
_OPT = Architecture("model.decoder.layers", act="activation_fn", down="fc2", flat=True, norm="model.decoder.final_layer_norm")
_PERSIMMON = Architecture("model.layers", act="mlp.act", down="mlp.dense_4h_to_h", norm="model.final_layernorm")

#: transformers' ``config.model_type`` -> where the neurons are; a new architecture is a row here.
ARCHITECTURES = {
    "apertus": _UP_DOWN,
    "arcee": _UP_DOWN,
    "biogpt": _BIOGPT,
    "bloom": _BLOOM,
    "codegen": _GPTJ,
    "cohere": _GATED,
    "cohere2": _GATED,
    "ernie4_5": _GATED,
    "exaone4": _GATED,
    "falcon": _FALCON,
    "gemma": _GATED,
    "gemma2": _GATED,
    "gemma3": _INSIDE,  # multimodal sizes: their language model
    "gemma3_text": _GATED,
    "glm": _FUSED,
    "glm4": _FUSED,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neo": _GPT2,
    "gpt_neox": _NEOX,
    "gptj": _GPTJ,
    "granite": _GATED,
    "helium": _GATED,
    "hunyuan_v1_dense": _GATED,
    "llama": _GATED,
    "ministral": _GATED,
    "ministral3": _GATED,
    "mistral": _GATED,
    "mpt": _MPT,
    "nemotron": _UP_DOWN,
    "olmo": _GATED,
    "olmo2": _GATED,
    "olmo3": _GATED,
    "opt": _OPT,
    "persimmon": _PERSIMMON,
    "phi": replace(_PERSIMMON, act="mlp.activation_fn", down="mlp.fc2"),
    "phi3": _FUSED,
    "qwen2": _GATED,
    "qwen3": _GATED,
    "seed_oss": _GATED,
    "smollm3": _GATED,
    "stablelm": _GATED,
    "starcoder2": replace(_UP_DOWN, act="mlp.act", down="mlp.c_proj"),
    "xglm": replace(_BIOGPT, layers="model.layers", norm="model.layer_norm"),
}


def register_site(model_type: str, architecture: Architecture) -> None:
    """Tell `load_model` where the neurons of an architecture are, or replace a row of the table.

    `load_model` checks the paths in one short forward, so a wrong path is an error and not a wrong number; `norm` is checked
    when a lens first needs it. To add an
    architecture for good, put it into the table of this module, whose first lines say how.

    Parameters
    ----------
    model_type : str
        transformers' ``config.model_type``, as in a model's config.json.
    architecture : Architecture

    Examples
    --------
    >>> register_site("my_llama", Architecture("model.layers", act="mlp.act_fn", down="mlp.down_proj", up="mlp.up_proj"))
    """
    ARCHITECTURES[model_type] = architecture


def architecture_of(config: PretrainedConfig) -> Architecture:
    """The row of `ARCHITECTURES` for a model's configuration.

    Raises
    ------
    InputError
        If the architecture is not in the table; the message lists its modules and says how to register a site. A mixture of
        experts has no site: its neurons are fused tensors that no module path reaches.
    """
    model_type = config.model_type
    if model_type in ARCHITECTURES:
        return ARCHITECTURES[model_type]
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except (ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{model_type!r} is not a causal language model that transformers can build: {reason}") from error
    text = config.get_text_config().model_type
    if any("expert" in name for name, _ in model.named_modules()):
        why = f"{model_type!r} is a mixture of experts: its neurons are fused tensors that no module path reaches"
        how = "if it has a dense part too, register that"
    elif text != model_type:
        why = f"{model_type!r} is a language model ({text}) inside a larger one, and no neuron site is known for it"
        how = "register its text layers"
    else:
        why = f"no neuron site is known for architecture {model_type!r} (known: {' '.join(sorted(ARCHITECTURES))})"
        how = "register one"
    raise InputError(
        f"{why}; {how} with bridgex_nb.register_site({model_type!r}, "
        "bridgex_nb.Architecture(layers=…, act=…, down=…, up=…, norm=…)) "
        f"from its modules: {' '.join(_module_names(model))}"
    )


def max_tokens(config: PretrainedConfig) -> int:
    """The longest input that a model was built for, in tokens."""
    text = config.get_text_config()
    for name in ("max_position_embeddings", "max_seq_len", "seq_length"):
        if getattr(text, name, None):
            return getattr(text, name)
    return 2048  # BLOOM's ALiBi has no limit and its configuration names none; it was trained on this many


def _module_names(model: torch.nn.Module) -> list[str]:
    """The innermost modules of the first layer of each list of layers; the layers after it have the same."""
    leaves = [name for name, module in model.named_modules() if not any(True for _ in module.children())]
    return [name for name in leaves if ".0." in name and not any(part.isdigit() and part != "0" for part in name.split("."))]
