"""Tiny GGUF files, written as llama.cpp's convert_hf_to_gguf.py writes them, with the models that they were made from."""

from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from bridgex_nb.models._find_model import MINI

HIDDEN, NEURONS, HEADS, KV_HEADS, LAYERS, POSITIONS = 64, 96, 4, 2, 3, 128
SIZES = {
    "hidden_size": HIDDEN,
    "intermediate_size": NEURONS,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.2,
}


def rope(theta: float = 5000.0, **more) -> dict:
    """The part of a configuration that says how positions are rotated."""
    return {"rope_parameters": {"rope_theta": theta, "rope_type": "default"} | more}


#: Name -> transformers' model type, llama.cpp's architecture, and what the configuration needs besides `SIZES`. Values differ
#: from the defaults of transformers, so that one that is not taken from the file shows.
MODELS = {
    "llama": ("llama", "llama", rope() | {"rms_norm_eps": 1e-4, "head_dim": 32, "tie_word_embeddings": False}),
    "llama_tied": ("llama", "llama", rope() | {"rms_norm_eps": 1e-4, "tie_word_embeddings": True}),
    "llama_biased": ("llama", "llama", rope() | {"attention_bias": True}),
    "llama3": (
        *("llama", "llama"),
        rope(
            5000.0,
            rope_type="llama3",
            factor=32.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=8192,
        )
        | {"head_dim": 64},
    ),
    "llama_linear": ("llama", "llama", rope(rope_type="linear", factor=4.0)),
    "llama_yarn": ("llama", "llama", rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)),
    "llama_yarn_set": (
        *("llama", "llama"),
        rope(
            rope_type="yarn",
            factor=4.0,
            original_max_position_embeddings=32,
            beta_fast=4.0,
            beta_slow=2.0,
            attention_factor=1.5,
        ),
    ),
    "mistral": ("mistral", "llama", rope() | {"rms_norm_eps": 1e-4, "head_dim": 16, "sliding_window": None}),
    "qwen2": ("qwen2", "qwen2", rope() | {"rms_norm_eps": 1e-4}),
    "qwen3": ("qwen3", "qwen3", rope() | {"rms_norm_eps": 1e-4, "head_dim": 32}),
    "gemma2": (
        *("gemma2", "gemma2"),
        rope(10000.0)
        | {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32}
        | {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0, "rms_norm_eps": 1e-4},
    ),
    "gemma3": (
        *("gemma3_text", "gemma3"),
        {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32, "rms_norm_eps": 1e-4, "num_hidden_layers": 7},
    ),
    "gemma3_scaled": (
        *("gemma3_text", "gemma3"),
        {
            "rope_parameters": {
                "full_attention": {"rope_theta": 1e6, "rope_type": "linear", "factor": 8.0},
                "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
            },
            **{"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32, "num_hidden_layers": 7},
        },
    ),
    "gpt2": ("gpt2", "gpt2", {"n_positions": POSITIONS, "layer_norm_epsilon": 1e-3}),
    "gpt2_narrow": ("gpt2", "gpt2", {"n_positions": POSITIONS, "n_inner": NEURONS}),
    "phi3": ("phi3", "phi3", rope() | {"rms_norm_eps": 1e-4}),
    "phi3_partial": ("phi3", "phi3", rope(partial_rotary_factor=0.5)),
    "phi3_long": (
        *("phi3", "phi3"),
        rope(rope_type="longrope", long_factor=[2.0] * 8, short_factor=[1.5] * 8, original_max_position_embeddings=32),
    ),
    "starcoder2": ("starcoder2", "starcoder2", rope() | {"norm_epsilon": 1e-3}),
    "stablelm": ("stablelm", "stablelm", rope(partial_rotary_factor=0.5) | {"layer_norm_eps": 1e-3}),
    "nemotron": ("nemotron", "nemotron", rope(partial_rotary_factor=0.5) | {"norm_eps": 1e-3}),
    "falcon": ("falcon", "falcon", {"multi_query": True, "parallel_attn": True, "bias": False}),
    "falcon_groups": ("falcon", "falcon", {"new_decoder_architecture": True, "num_kv_heads": KV_HEADS, "bias": False}),
    "bloom": ("bloom", "bloom", {"layer_norm_epsilon": 1e-3}),
}


def source_model(kind: str) -> torch.nn.Module:
    """The model, randomly initialised, its norms too."""
    model_type, _, more = MODELS[kind]
    tokenizer = AutoTokenizer.from_pretrained(MINI)
    config = AutoConfig.for_model(
        model_type,
        **SIZES | more,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.data += 0.1 * torch.randn_like(weight)
            elif "proj" in name:
                weight.data *= 1.5
    return model


def write(
    kind: str,
    path: Path,
    quantised: str = "F32",
    *,
    tokenizer: bool = True,
    file_type: bool = True,
    end_of_turn: int | None = None,
    add_bos: bool = True,
    more: dict[str, float] | None = None,
) -> torch.nn.Module:
    """Write the file, with `more` metadata, and return the model, its weights rounded as in the file."""
    model, architecture = source_model(kind), MODELS[kind][1]
    config, writer = model.config, gguf.GGUFWriter(path, MODELS[kind][1])
    writer.add_name(kind)
    if end_of_turn is not None:
        writer.add_eot_token_id(end_of_turn)
    if file_type:
        writer.add_file_type({"F32": 0, "F16": 1, "Q8_0": 7, "Q4_0": 2}[quantised])
    _write_sizes(writer, config, architecture)
    for key, value in (more or {}).items():
        (writer.add_float32 if isinstance(value, float) else writer.add_uint16)(key, value)
    if tokenizer:
        (_write_characters if architecture.startswith("gemma") else _write_tokenizer)(writer)
        writer.add_add_bos_token(add_bos)
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    weights = model.state_dict()
    tied = config.tie_word_embeddings
    for name, weight in weights.items():
        if (name == "lm_head.weight" and tied) or name.endswith((".attn.bias", "masked_bias", "inv_freq")):
            continue
        place = names.get_name(name.removeprefix("transformer.") if architecture == "bloom" else name, (".weight", ".bias"))
        assert place is not None, name
        content, back = _as_llama_cpp(weight, name, architecture, config)
        data = content.float().numpy()
        kind_of = getattr(gguf.GGMLQuantizationType, quantised) if data.ndim == 2 else gguf.GGMLQuantizationType.F32
        stored = gguf.quants.quantize(data, kind_of)
        writer.add_tensor(place, stored, raw_dtype=kind_of)
        weight.copy_(back(torch.from_numpy(gguf.quants.dequantize(stored, kind_of).reshape(data.shape).copy())))
    if kind == "phi3_long":
        for length in ("long", "short"):
            factors = config.rope_parameters[f"{length}_factor"]
            writer.add_tensor(f"rope_factors_{length}.weight", np.array(factors, dtype=np.float32))
        writer.add_rope_scaling_orig_ctx_len(config.rope_parameters["original_max_position_embeddings"])
    if kind == "llama3":
        writer.add_tensor("rope_freqs.weight", _llama3_factors(config))
    for step in ("write_header_to_file", "write_kv_data_to_file", "write_tensors_to_file", "close"):
        getattr(writer, step)()
    return model


def _as_llama_cpp(weight: torch.Tensor, name: str, architecture: str, config):
    """A weight as convert_hf_to_gguf.py changes it, and the function that undoes this."""
    same = lambda value: value  # noqa: E731
    if architecture == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
        heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
        changed = weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)
        return changed, lambda value: value.reshape(heads, -1, 2, value.shape[1]).swapaxes(1, 2).reshape(value.shape)
    if architecture in ("gemma2", "gemma3", "nemotron") and name.endswith("norm.weight"):
        return weight + 1, lambda value: value - 1
    if architecture == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return weight.T.contiguous(), lambda value: value.T
    if architecture == "bloom" and "query_key_value" in name:
        heads = config.n_head
        changed = weight.reshape(heads, 3, -1, *weight.shape[1:]).swapaxes(0, 1).reshape(weight.shape)
        return changed, lambda value: value.reshape(3, heads, -1, *value.shape[1:]).swapaxes(0, 1).reshape(value.shape)
    if architecture == "falcon" and "query_key_value" in name:
        groups = config.num_kv_heads if config.new_decoder_architecture else 1
        queries = config.num_attention_heads // groups
        parts = weight.reshape(groups, queries + 2, -1, weight.shape[1])
        changed = [parts[:, :queries], parts[:, [-2]], parts[:, [-1]]]
        changed = torch.cat([part.reshape(-1, weight.shape[1]) for part in changed])
        assert groups == 1 or not torch.equal(changed, weight)
        return changed, lambda value: weight  # not quantised in the tests
    return weight, same


def _write_sizes(writer: gguf.GGUFWriter, config, architecture: str) -> None:
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    inner = getattr(config, "n_inner", None) or getattr(config, "ffn_hidden_size", None)
    inner = inner or (4 * HIDDEN if architecture in ("gpt2", "bloom", "falcon") else config.intermediate_size)
    writer.add_feed_forward_length(inner)
    if architecture == "falcon":
        writer.add_head_count_kv(config.num_kv_heads if config.new_decoder_architecture else 1)
    elif hasattr(config, "num_key_value_heads"):
        writer.add_head_count_kv(config.num_key_value_heads)
    if hasattr(config, "rms_norm_eps"):
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    for name in ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"):
        if hasattr(config, name):
            writer.add_layer_norm_eps(getattr(config, name))
            break
    parameters = dict(getattr(config, "rope_parameters", None) or {})
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if architecture in ("llama", "qwen3", "gemma2", "gemma3"):
        writer.add_key_length(head)
        writer.add_value_length(head)
    if architecture == "llama":
        writer.add_vocab_size(config.vocab_size)
    if architecture == "gemma3":
        parameters = parameters["full_attention"]
    if parameters and architecture not in ("gemma2", "gpt2", "bloom", "falcon"):
        writer.add_rope_freq_base(parameters["rope_theta"])
    if architecture in ("llama", "phi3", "stablelm", "nemotron"):
        writer.add_rope_dimension_count(int(head * parameters.get("partial_rotary_factor", 1)))
    if parameters.get("rope_type") in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(parameters["rope_type"]))
        writer.add_rope_scaling_factor(parameters["factor"])
        if original := parameters.get("original_max_position_embeddings"):
            writer.add_rope_scaling_orig_ctx_len(original)
        for name, write in (
            ("beta_fast", writer.add_rope_scaling_yarn_beta_fast),
            ("beta_slow", writer.add_rope_scaling_yarn_beta_slow),
            ("attention_factor", writer.add_rope_scaling_yarn_attn_factor),
        ):
            if name in parameters:
                write(parameters[name])
    if architecture in ("gemma2", "gemma3"):
        writer.add_sliding_window(config.sliding_window)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if architecture == "stablelm":
        writer.add_parallel_residual(config.use_parallel_residual)


def _llama3_factors(config) -> np.ndarray:
    """What llama.cpp divides each rotary frequency by: transformers' default frequencies over those of Llama 3."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, device="cpu")
    head = config.head_dim
    plain = 1 / config.rope_parameters["rope_theta"] ** (torch.arange(0, head, 2).float() / head)
    return (plain / scaled).numpy()


def _write_tokenizer(writer: gguf.GGUFWriter) -> None:
    """bridgex-mini's, a byte-level BPE, as llama.cpp writes those."""
    import json

    tokenizer = AutoTokenizer.from_pretrained(MINI)
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    special = set(tokenizer.all_special_ids)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if i in special else 1 for i in range(len(tokens))])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)


def _write_characters(writer: gguf.GGUFWriter) -> None:
    """A vocabulary in the form of sentencepiece: special tokens, bytes, characters and words; as large as bridgex-mini's."""
    size = len(AutoTokenizer.from_pretrained(MINI))
    tokens = ["<pad>", "<s>", "</s>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *map(chr, range(33, 127))]
    tokens += ["on", "one", "tw", "two", "th", "\u2581t", "\u2581th"]
    kinds = [3, 3, 3, 2, *[6] * 256] + [1] * (len(tokens) - 260)
    tokens += [f"<unused{i}>" for i in range(size - len(tokens))]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(size)])
    writer.add_token_types(kinds + [3] * (size - len(kinds)))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
