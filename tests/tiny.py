"""Tiny real models: every architecture of the site table, randomly initialised, saved to a folder and loaded from it."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI

LAYERS, NEURONS, POSITIONS = 3, 48, 64

#: Attention windows shorter than the texts, so that padding could disturb them.
WINDOW = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
#: For architectures whose N is always four times the width.
NARROW = {"hidden_size": 12, "head_dim": 3}

#: Every architecture of the site table -> what its configuration needs besides `SIZES`; None for a size it does not take.
ARCHITECTURES = {
    "apertus": {},
    "arcee": {},
    "biogpt": {},
    "bloom": NARROW,
    "codegen": {"n_inner": NEURONS, "rotary_dim": 4},
    "cohere": {},
    "cohere2": WINDOW,
    "ernie4_5": {},
    "exaone4": WINDOW,
    "falcon": {"ffn_hidden_size": NEURONS, "head_dim": None},
    "gemma": {},
    "gemma2": WINDOW,
    "gemma3": WINDOW,
    "gemma3_text": WINDOW,
    "glm": {},
    "glm4": {},
    "gpt2": {"n_inner": NEURONS},
    "gpt_bigcode": {"n_inner": NEURONS},
    "gpt_neo": {"attention_types": [[["global", "local"], 1], [["global"], 1]], "window_size": 8},
    "gpt_neox": {},
    "gptj": {"n_inner": NEURONS, "rotary_dim": 4},
    "granite": {},
    "helium": {},
    "hunyuan_v1_dense": {},
    "llama": {},
    "ministral": WINDOW,
    "ministral3": {},
    "mistral": {"sliding_window": 8},
    "mpt": NARROW | {"max_seq_len": POSITIONS},
    "nemotron": {},
    "olmo": {},
    "olmo2": {},
    "olmo3": WINDOW,
    "opt": {"ffn_dim": NEURONS, "word_embed_proj_dim": 32},
    "persimmon": {},
    "phi": {},
    "phi3": {},
    "qwen2": {},
    "qwen3": {},
    "seed_oss": {},
    "smollm3": {},
    "stablelm": {},
    "starcoder2": {},
    "xglm": {"ffn_dim": NEURONS},
}

SIZES = {
    "hidden_size": 32,
    "intermediate_size": NEURONS,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": POSITIONS,
    # Large enough that neurons differ and attention is not uniform: with the usual 0.02 all activations are almost zero.
    "initializer_range": 0.3,
    "tie_word_embeddings": False,
}

_scratch = TemporaryDirectory()


@cache
def folder(kind: str) -> Path:
    """A model folder of one architecture, with bridgex-mini's tokenizer. Shared by all tests: copy it before changing it."""
    path = Path(_scratch.name) / kind
    path.mkdir()
    for file in MINI.glob("tokenizer*"):
        shutil.copy(file, path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    sizes = {name: value for name, value in (SIZES | ARCHITECTURES[kind]).items() if value is not None}
    sizes["vocab_size"] = len(tokenizer)
    if kind == "gemma3":
        sizes = {"text_config": sizes, "vision_config": SIZES | {"num_attention_heads": 2}, "mm_tokens_per_image": 4}
    config = AutoConfig.for_model(
        kind,
        **sizes,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(path)
    return path


@cache
def load(kind: str = "llama", site: str = "act") -> bx.NeuronModel:
    """The model of `folder(kind)`, loaded by the package. Shared by all tests: load a separate one before changing it."""
    return bx.load_model(folder(kind), site=site)


def broken(layer: int = 1, value: float = float("nan")) -> bx.NeuronModel:
    """A model with a weight that is not finite in one layer: as after an overflow in half precision."""
    model = bx.load_model(folder("llama"))
    model.hf_model.model.layers[layer].mlp.gate_proj.weight.data[5] = value
    return model


def always_on(path: Path, neurons: int = 8) -> Path:
    """A copy of `folder("gpt2")` in which the first neurons of every layer are active at every token."""
    shutil.copytree(folder("gpt2"), path)
    model = AutoModelForCausalLM.from_pretrained(path)
    for layer in model.transformer.h:
        layer.mlp.c_fc.bias.data[:neurons] = 10
    model.save_pretrained(path)
    return path


def close(result: torch.Tensor, expected: torch.Tensor) -> bool:
    """Equal to 1e-5 of the largest value: a small sum of large terms is no more exact than a large one."""
    return torch.allclose(result, expected, rtol=0, atol=1e-5 * float(expected.abs().max()) if expected.numel() else 0)


def neuron_set(seed: int, share: float = 0.2) -> torch.Tensor:
    """A random neuron set of these models, bool [L, N]."""
    return torch.rand(LAYERS, NEURONS, generator=torch.Generator().manual_seed(seed)) < share


def hooked(model: bx.NeuronModel, ids: list[int]) -> dict[str, torch.Tensor]:
    """`act`, `up` and `gated`, each [L, T, N], of one row of token ids: plain torch hooks, no nnsight, no padding.

    Modules are recognized by their input and output widths and not by the package's table: the activation function maps N
    values to N, the down projection maps N to fewer, `up` is the last N values of the last projection to N before it. `up` is
    None if there is only one projection.
    """
    n = model.num_neurons
    acts, ups, gates, projections = [], [], [], []

    def see(module, inputs, output):
        if not (inputs and torch.is_tensor(inputs[0]) and torch.is_tensor(output)):
            return
        widths = inputs[0].shape[-1], output.shape[-1]
        if isinstance(module, torch.nn.Dropout):
            return
        if widths == (n, n):
            acts.append(output.view(-1, n))
        elif widths[0] == n:
            gates.append(inputs[0].view(-1, n))
            gated = len(projections) == 2 or projections[0].shape[-1] == 2 * n
            ups.append(projections[-1].view(len(gates[-1]), -1)[:, -n:] if gated else None)
            projections.clear()
        elif widths[1] in (n, 2 * n):
            projections.append(output)

    leaves = [(name, module) for name, module in model.hf_model.named_modules() if not any(True for _ in module.children())]
    handles = [module.register_forward_hook(see) for name, module in leaves if "att" not in name]
    with torch.inference_mode():
        model.hf_model(torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    assert len(acts) == len(gates) == model.num_layers
    return {"act": torch.stack(acts), "up": None if ups[0] is None else torch.stack(ups), "gated": torch.stack(gates)}
