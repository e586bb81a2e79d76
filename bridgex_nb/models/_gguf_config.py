"""What a GGUF file says about its model and transformers does not take over into the configuration.

transformers 5.23 leaves out the scaling of rotary positions (of Llama 3, of models for long texts), their base in StarCoder 2,
how much of a head they rotate in StableLM, Nemotron and Phi, the size of a head in Qwen 3, the soft caps of
Gemma 2, Nemotron's epsilon, GPT-2's sizes, and tokens that end a text. Without them a model loads and gives other logits than
the one that was put into the file.
"""

from math import pi
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PretrainedConfig

from ..exceptions import InputError
from ._gguf_header import GgufHeader, type_name

#: Tensors of a file that a configuration is made from, and not weights of the model.
ROTARY_FACTORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
#: Of Llama 3.1 to 3.3, whose files keep only the factors that these make: low and high frequency factor, trained length.
_LLAMA3 = (1.0, 4.0, 8192)
#: Layers of the sizes of Gemma 2 and 3 that scale attention by the width of a head as if heads shared the hidden size.
_GEMMA_27B = {"gemma2": 46, "gemma3": 62}
#: Of YaRN: transformers' name -> llama.cpp's; its converter writes the attention factor under one of two.
_YARN = {
    "beta_fast": ("yarn_beta_fast",),
    "beta_slow": ("yarn_beta_slow",),
    "attention_factor": ("yarn_attn_factor", "attn_factor"),
}
#: Scaling that transformers has no name for -> values with which there is none.
_UNNAMED = {
    "rope.scale_linear": (None, 1),
    "rope.scaling.yarn_log_multiplier": (None, 0),
    "rope.scaling.yarn_ext_factor": (None, 1, -1),
}


def complete_config(config: PretrainedConfig, header: GgufHeader, path: Path) -> PretrainedConfig:
    """The configuration with what transformers left out.

    Parameters
    ----------
    config : transformers.PretrainedConfig
        As transformers reads it from the file; changed in place.
    header : GgufHeader
        That of the file.
    path : Path
        The file, from which factors of rotary positions are read.

    Raises
    ------
    InputError
        If the file scales rotary positions in a way that transformers has no name for.
    """
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    if "token_embd.weight" in shapes:
        config.vocab_size = shapes["token_embd.weight"][0]
    _set_tokens(config, header)
    found = {
        "head_dim": header.value("attention.key_length"),
        "sliding_window": header.value("attention.sliding_window"),
        "attn_logit_softcapping": header.value("attn_logit_softcapping"),
        "final_logit_softcapping": header.value("final_logit_softcapping"),
        "use_parallel_residual": header.value("use_parallel_residual"),
    }
    for norm in ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"):
        found[norm] = header.value("attention.layer_norm_epsilon")
    if config.model_type == "gpt2":
        found |= {"n_positions": header.value("context_length"), "n_inner": header.value("feed_forward_length")}
    if header.architecture in _GEMMA_27B and found["head_dim"]:
        large = _GEMMA_27B[header.architecture] == config.num_hidden_layers
        found["query_pre_attn_scalar"] = config.hidden_size // config.num_attention_heads if large else found["head_dim"]
    for name, value in found.items():
        if value is not None and hasattr(config, name):
            setattr(config, name, value)
    if (pattern := header.value("attention.sliding_window_pattern")) is not None and getattr(config, "layer_types", None):
        sliding = pattern if isinstance(pattern, list) else [(i + 1) % pattern != 0 for i in range(config.num_hidden_layers)]
        config.layer_types = ["sliding_attention" if slides else "full_attention" for slides in sliding]
    if getattr(config, "rope_parameters", None):
        _set_rotary(config, header, path)
    return config


def _set_tokens(config: PretrainedConfig, header: GgufHeader) -> None:
    """The tokens that begin, end and fill a text; a chat model ends its turns with another one than a text."""
    ids = {name: header.metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "eot", "padding")}
    ends = list(dict.fromkeys(token for token in (ids["eos"], ids["eot"]) if token is not None))
    for name, value in (("bos", ids["bos"]), ("eos", ends if len(ends) > 1 else ids["eos"]), ("pad", ids["padding"])):
        if value is not None:
            setattr(config, f"{name}_token_id", value)


def _set_rotary(config: PretrainedConfig, header: GgufHeader, path: Path) -> None:
    """How positions are rotated."""
    layered = "full_attention" in config.rope_parameters
    rotary: dict[str, Any] = dict(config.rope_parameters["full_attention"] if layered else config.rope_parameters)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if (base := header.value("rope.freq_base")) is not None:
        rotary["rope_theta"] = base
    if (rotated := header.value("rope.dimension_count")) is not None and "partial_rotary_factor" in _names(config):
        rotary["partial_rotary_factor"] = rotated / head
    for key, values in _UNNAMED.items():
        if header.value(key) not in values:
            raise InputError(
                f"{path}: rotary positions scaled by {key} = {header.value(key):g}, which transformers has no name for; "
                f"load the model's own weights from the Hugging Face hub"
            )
    kind, length = header.value("rope.scaling.type"), header.value("rope.scaling.original_context_length")
    tensors = {tensor.name for tensor in header.tensors}
    if "rope_freqs.weight" in tensors:
        rotary |= _llama3(_numbers(path, header, "rope_freqs.weight"), rotary["rope_theta"], path)
    elif "rope_factors_long.weight" in tensors:
        rotary |= {
            "rope_type": "longrope",
            "long_factor": _numbers(path, header, "rope_factors_long.weight").tolist(),
            "short_factor": _numbers(path, header, "rope_factors_short.weight").tolist(),
            "original_max_position_embeddings": length,
        }
        if (factor := header.value("rope.scaling.attn_factor")) is not None:
            rotary["attention_factor"] = factor
    elif kind in ("linear", "yarn"):
        rotary |= {"rope_type": kind, "factor": header.value("rope.scaling.factor")}
        if kind == "yarn":
            given = {name: [header.value(f"rope.scaling.{key}") for key in keys] for name, keys in _YARN.items()}
            given["original_max_position_embeddings"] = [length]
            found = {name: next((value for value in values if value is not None), None) for name, values in given.items()}
            rotary |= {name: value for name, value in found.items() if value is not None}
    elif kind not in (None, "none"):
        raise InputError(
            f"{path}: rotary positions scaled by {kind!r}, which is not known here; load the model's own weights from the "
            f"Hugging Face hub"
        )
    if layered:
        local = dict(config.rope_parameters["sliding_attention"])
        if (base := header.value("rope.freq_base_swa")) is not None:
            local["rope_theta"] = base
        config.rope_parameters = {"full_attention": rotary, "sliding_attention": local}
    else:
        config.rope_parameters = rotary


def _names(config: PretrainedConfig) -> set[str]:
    """What a configuration says, and what it says of rotary positions."""
    return {*vars(config), *(config.rope_parameters or {})}


def _llama3(factors: np.ndarray, base: float, path: Path) -> dict[str, Any]:
    """The scaling of Llama 3 that makes these factors, one for each frequency (llama.cpp: convert_hf_to_gguf.py)."""
    low, high, length = _LLAMA3
    factor = float(factors.max())
    waves = 2 * pi * base ** (np.arange(len(factors)) / len(factors))
    share = np.clip((length / waves - low) / (high - low), 0, 1)  # of the frequency that stays as it is
    if not np.allclose(factors, 1 / ((1 - share) / factor + share), rtol=1e-3):
        raise InputError(
            f"{path}: its rotary positions are scaled, but not as in Llama 3, and not in a way that is known here; load the "
            f"model's own weights from the Hugging Face hub"
        )
    names = ("low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    return {"rope_type": "llama3", "factor": factor, **dict(zip(names, _LLAMA3, strict=True))}


def _numbers(path: Path, header: GgufHeader, name: str) -> np.ndarray:
    """The values of a small tensor, which llama.cpp writes in float32."""
    tensor = next(tensor for tensor in header.tensors if tensor.name == name)
    if (kind := type_name(tensor)) != "F32":
        raise InputError(f"{path}: its tensor {name} is of the type {kind}, and only F32 is read; convert the model again")
    return np.fromfile(path, dtype="<f4", count=int(np.prod(tensor.shape)), offset=header.data_start + tensor.offset)
