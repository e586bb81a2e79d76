"""Where each architecture keeps its FFN neurons: one table, and nothing else asks which model it is."""

from dataclasses import dataclass, replace

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig

from ..exceptions import InputError

#: The two sites of a neuron: `act`, the output of the activation function on the gate, SiLU(x W_gate) (BridgeX-ICL, LAPE);
#: `gated`, the input of the down projection, SiLU(x W_gate) * x W_up. Where there is no gate they are the same.
SITES = ("act", "gated")


@dataclass(frozen=True)
class Architecture:
    """Dotted module paths to the neurons of a decoder; all but `layers` start from one layer.

    Attributes
    ----------
    layers : str
        The list of layers, from the top of the model.
    act : str
        The activation module; its output is the site `act`.
    down : str
        The down projection; its input is the site `gated`.
    up : str, optional
        The projection whose output multiplies `act`; where gate and up come out of one projection, that one (up is its second
        half). None: the model has no gate, and both sites are the same.
    flat : bool
        Whether the layer works on [batch * tokens, N].
    """

    layers: str
    act: str
    down: str
    up: str | None = None
    flat: bool = False

    def num_neurons(self, model: torch.nn.Module) -> int:
        """N, the neurons of one layer of a transformers model."""
        down = model.get_submodule(f"{self.layers}.0.{self.down}")
        return down.in_features if hasattr(down, "in_features") else down.nx  # GPT-2's Conv1D is a transposed Linear

    def down_norms(self, model: torch.nn.Module) -> torch.Tensor:
        """float32 [L, N], the L2 norm of each neuron's row of the down projection of a transformers model."""
        norms = []
        for layer in range(len(model.get_submodule(self.layers))):
            down = model.get_submodule(f"{self.layers}.{layer}.{self.down}")
            weight = down.weight if hasattr(down, "in_features") else down.weight.T
            plain = weight.is_floating_point() and weight.element_size() > 1 and not weight.is_meta
            if not plain or weight.shape[1] != self.num_neurons(model):
                raise InputError(f"layer {layer}: the weights of {self.down} are quantised, or not on this machine")
            norms.append(weight.detach().float().norm(dim=0).cpu())
        return torch.stack(norms)

    def check_paths(self, model: torch.nn.Module) -> None:
        """Raise an InputError that names the first path that leads to no module of a transformers model."""
        for path in (self.layers, *(f"{self.layers}.0.{one}" for one in (self.act, self.up, self.down) if one)):
            try:
                model.get_submodule(path)
            except AttributeError:
                raise InputError(
                    f"the neuron site of {model.config.model_type!r} is wrong: {type(model).__name__} has no module {path}; "
                    f"its layers have {' '.join(_module_names(model))}"
                ) from None


_GATED = Architecture("model.layers", act="mlp.act_fn", down="mlp.down_proj", up="mlp.up_proj")
_FUSED = Architecture("model.layers", act="mlp.activation_fn", down="mlp.down_proj", up="mlp.gate_up_proj")
_UP_DOWN = Architecture("model.layers", act="mlp.act_fn", down="mlp.down_proj")
_GPT2 = Architecture("transformer.h", act="mlp.act", down="mlp.c_proj")
_GPTJ = Architecture("transformer.h", act="mlp.act", down="mlp.fc_out")

#: transformers' ``config.model_type`` -> where its neurons are.
ARCHITECTURES = {
    "apertus": _UP_DOWN,
    "arcee": _UP_DOWN,
    "biogpt": Architecture("biogpt.layers", act="activation_fn", down="fc2"),
    "bloom": Architecture("transformer.h", act="mlp.gelu_impl", down="mlp.dense_4h_to_h"),
    "codegen": _GPTJ,
    "cohere": _GATED,
    "cohere2": _GATED,
    "ernie4_5": _GATED,
    "exaone4": _GATED,
    "falcon": Architecture("transformer.h", act="mlp.act", down="mlp.dense_4h_to_h"),
    "gemma": _GATED,
    "gemma2": _GATED,
    "gemma3": replace(_GATED, layers="model.language_model.layers"),  # the sizes that see images too: their language model
    "gemma3_text": _GATED,
    "glm": _FUSED,
    "glm4": _FUSED,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neo": _GPT2,
    "gpt_neox": Architecture("gpt_neox.layers", act="mlp.act", down="mlp.dense_4h_to_h"),
    "gptj": _GPTJ,
    "granite": _GATED,
    "helium": _GATED,
    "hunyuan_v1_dense": _GATED,
    "llama": _GATED,
    "ministral": _GATED,
    "ministral3": _GATED,
    "mistral": _GATED,
    "mpt": Architecture("transformer.blocks", act="ffn.act", down="ffn.down_proj"),
    "nemotron": _UP_DOWN,
    "olmo": _GATED,
    "olmo2": _GATED,
    "olmo3": _GATED,
    "opt": Architecture("model.decoder.layers", act="activation_fn", down="fc2", flat=True),
    "persimmon": Architecture("model.layers", act="mlp.act", down="mlp.dense_4h_to_h"),
    "phi": Architecture("model.layers", act="mlp.activation_fn", down="mlp.fc2"),
    "phi3": _FUSED,
    "qwen2": _GATED,
    "qwen3": _GATED,
    "seed_oss": _GATED,
    "smollm3": _GATED,
    "stablelm": _GATED,
    "starcoder2": Architecture("model.layers", act="mlp.act", down="mlp.c_proj"),
    "xglm": Architecture("model.layers", act="activation_fn", down="fc2"),
}


def register_site(model_type: str, architecture: Architecture) -> None:
    """Make an architecture known to `load_model`, or say otherwise where its neurons are.

    `load_model` checks the paths on one short forward, so a wrong one is an error and not a wrong number.

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
        If the architecture is not in the table; the message names its modules and how to register a site. A mixture of
        experts has none, for its neurons are fused tensors that no module path reaches.
    """
    kind = config.model_type
    if kind in ARCHITECTURES:
        return ARCHITECTURES[kind]
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except (ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{kind!r} is not a causal language model that transformers can build: {reason}") from error
    text = config.get_text_config().model_type
    if any("expert" in name for name, _ in model.named_modules()):
        why = f"{kind!r} is a mixture of experts: its neurons are fused tensors without a module path of their own"
        how = "if it has a dense part as well, register that"
    elif text != kind:
        why = f"{kind!r} is a language model ({text}) inside a larger one, and no neuron site is known for it"
        how = "register its text layers"
    else:
        why = f"no neuron site is known for architecture {kind!r} (known: {' '.join(sorted(ARCHITECTURES))})"
        how = "register one"
    raise InputError(
        f"{why}; {how} with bridgex_nb.register_site({kind!r}, bridgex_nb.Architecture(layers=…, act=…, down=…, up=…)) from "
        f"its modules: {' '.join(_module_names(model))}"
    )


def max_tokens(config: PretrainedConfig) -> int:
    """The longest input that a model was made for."""
    text = config.get_text_config()
    for name in ("max_position_embeddings", "max_seq_len", "seq_length"):
        if getattr(text, name, None):
            return getattr(text, name)
    return 2048  # BLOOM's ALiBi has no limit and its configuration names none; it was trained on this many


def _module_names(model: torch.nn.Module) -> list[str]:
    """The innermost modules of the first layer of each list of layers; the layers behind it have the same."""
    leaves = [name for name, module in model.named_modules() if not any(True for _ in module.children())]
    return [name for name in leaves if ".0." in name and not any(part.isdigit() and part != "0" for part in name.split("."))]
