"""Tiny real models: every architecture of the site table, randomly initialised, saved to a folder and loaded from there."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

import bridgex_nb as bx
from bridgex_nb.model import MINI

ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "cohere", "olmo2")
LAYERS, NEURONS, POSITIONS = 3, 48, 64

#: What an architecture needs besides: attention windows shorter than the texts, so that padding could disturb them.
EXTRA = {
    "mistral": {"sliding_window": 8},
    "gemma2": {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    "gemma3_text": {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
}

_scratch = TemporaryDirectory()


@cache
def folder(kind: str) -> Path:
    """A model folder of one architecture, with bridgex-mini's tokenizer. Shared by all tests: copy it before changing it."""
    place = Path(_scratch.name) / kind
    place.mkdir()
    for file in MINI.glob("tokenizer*"):
        shutil.copy(file, place)
    tokenizer = AutoTokenizer.from_pretrained(place)
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=NEURONS,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=POSITIONS,
        # Large enough that neurons differ and the attention looks somewhere: the usual 0.02 gives a model of almost zeros.
        initializer_range=0.3,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **EXTRA.get(kind, {}),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(place)
    return place


@cache
def load(kind: str = "llama", site: str = "act") -> bx.NeuronModel:
    """The model of `folder(kind)`, loaded by the package. Shared by all tests: load another one to change it."""
    return bx.load_model(folder(kind), site=site)


def hooked(model: bx.NeuronModel, ids: list[int]) -> dict[str, torch.Tensor]:
    """`act`, `up` and `gated`, each [L, T, N], of one row of token ids: plain torch hooks, no nnsight, no padding."""
    seen = {"act": [], "up": [], "gated": []}
    handles = []
    for layer in model.hf_model.model.layers:
        handles += [
            layer.mlp.act_fn.register_forward_hook(lambda module, inputs, output: seen["act"].append(output[0])),
            layer.mlp.up_proj.register_forward_hook(lambda module, inputs, output: seen["up"].append(output[0])),
            layer.mlp.down_proj.register_forward_pre_hook(lambda module, inputs: seen["gated"].append(inputs[0][0])),
        ]
    with torch.inference_mode():
        model.hf_model(torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return {name: torch.stack(values) for name, values in seen.items()}
