"""Where each architecture keeps its FFN neurons: one table, and nothing else asks which model it is.

To add an architecture, add a row: ``ARCHITECTURES["my_model_type"] = Architecture(layers=…, act=…, down=…)``.
"""

from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig

from .errors import InputError

#: The two sites of a neuron: `act`, the output of the activation function on the gate, SiLU(x W_gate) (BridgeX-ICL, LAPE);
#: `gated`, the input of the down projection, SiLU(x W_gate) * x W_up.
SITES = ("act", "gated")


@dataclass(frozen=True)
class Architecture:
    """Dotted module paths: `layers` from the top; `act` (activation module) and `down` (down projection) from one layer."""

    layers: str
    act: str
    down: str


_LLAMA = Architecture(layers="model.layers", act="mlp.act_fn", down="mlp.down_proj")

#: transformers' ``config.model_type`` -> where its neurons are.
ARCHITECTURES = dict.fromkeys(
    ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "cohere", "olmo2"), _LLAMA
)


def architecture_of(config: PretrainedConfig) -> Architecture:
    """The row of `ARCHITECTURES` for a model's configuration.

    Raises
    ------
    InputError
        If the architecture is not in the table (the message names its modules and how to add a row), or is a mixture of
        experts, whose neurons are fused tensors that no module path reaches.
    """
    kind = config.model_type
    if kind in ARCHITECTURES:
        return ARCHITECTURES[kind]
    try:
        with torch.device("meta"):
            modules = dict(AutoModelForCausalLM.from_config(config).named_modules())
    except (ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{kind!r} is not a causal language model that transformers can build: {reason}") from error
    # One line a kind of module: the numbers of repeated blocks are folded into 0.
    names = sorted(
        {name for name in modules if ".0." in name and not any(part.isdigit() and part != "0" for part in name.split("."))}
    )
    if any("expert" in name for name in modules):
        raise InputError(f"{kind!r} is a mixture of experts: its neurons are fused tensors without a module path of their own")
    raise InputError(
        f"no neuron site is known for architecture {kind!r} (known: {' '.join(sorted(ARCHITECTURES))}); add one with "
        f"bridgex_nb.sites.ARCHITECTURES[{kind!r}] = Architecture(layers=…, act=…, down=…) from its modules: {' '.join(names)}"
    )
