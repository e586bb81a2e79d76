"""Which batch size is fastest on a CPU: pytest -s -n 0 tests/benchmarks/bench_batches.py

BRIDGEX_BATCH_SIZES=docs/batch_sizes.csv replaces the rows of that table. Times are processor seconds of one thread, so that
other programs on the machine disturb them little. The shapes are those of real models with few layers, which cost the same.
"""

import os
import shutil
import time
from pathlib import Path
from statistics import median

import pandas as pd
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

import bridgex_nb as bx
from bridgex_nb.inference._batches import default_token_budget
from bridgex_nb.models._load_model import MINI

BUDGETS = (128, 256, 512, 1024, 2048, 4096)
ROUNDS = 3

#: Shape -> architecture, and what its configuration says. None is the bundled model.
SHAPES = {
    "bridgex-mini": None,
    "gemma-3-270m, 2 of 18 layers": (
        "gemma3_text",
        {
            "vocab_size": 262_144,
            "hidden_size": 640,
            "intermediate_size": 2048,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "head_dim": 256,
        },
    ),
    "Qwen2-0.5B, 1 of 24 layers": (
        "qwen2",
        {
            "vocab_size": 151_936,
            "hidden_size": 896,
            "intermediate_size": 4864,
            "num_hidden_layers": 1,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
        },
    ),
    "Llama-3.2-1B, 1 of 16 layers": (
        "llama",
        {
            "vocab_size": 128_256,
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 1,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
        },
    ),
}

#: Pass -> tokens that it reads at about; fewer where the vocabulary takes part.
TOKENS = {"count_active": 4096, "probe": 4096, "loglikelihood": 1024, "complete": 2048, "option_logprobs": 2048}


def load(shape, folder):
    if SHAPES[shape] is None:
        return bx.load_model()
    kind, sizes = SHAPES[shape]
    for file in MINI.glob("tokenizer*"):
        shutil.copy(file, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    config = AutoConfig.for_model(kind, **sizes, **special, max_position_embeddings=2048, tie_word_embeddings=True)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return bx.load_model(folder, dtype="float32")


def passes(model):
    """Pass -> function of a token budget."""
    sentences = [text for texts in zip(*bx.core_sentences().values(), strict=True) for text in texts]
    words = [
        (src, tgt, word)
        for src, tgt in (("sw", "en"), ("de", "fr"), ("en", "tl"))
        for word in bx.core_lexicon(src, tgt).entries
    ]
    head = "".join(bx.word_prompt("de", "en", word) + '"water"\n' for word in ("Wasser", "Feuer", "Sonne", "Mond"))
    prompts = [head + bx.word_prompt(*word) for word in words[::11]]

    def some(texts, name):
        """The first texts with as many tokens as the pass reads."""
        lengths = torch.tensor([len(row) for row in model.tokenizer(texts)["input_ids"]]).cumsum(0)
        return texts[: max(2, int((lengths < TOKENS[name]).sum()))]

    counted, read = some(sentences, "count_active"), some(sentences, "loglikelihood")
    probed, asked = some([bx.word_prompt(*word) for word in words], "probe"), some(prompts, "complete")
    return {
        "count_active": lambda budget: bx.count_active(model, {"all": counted}, token_budget=budget),
        "probe": lambda budget: bx.probe(model, probed, token_budget=budget),
        "loglikelihood": lambda budget: bx.loglikelihood(model, read, token_budget=budget),
        "complete": lambda budget: bx.complete(model, asked, max_new_tokens=6, token_budget=budget),
        "option_logprobs": lambda budget: bx.option_logprobs(model, asked, [['"apoy"']] * len(asked), token_budget=budget),
    }


def keep(shape, name, seconds):
    """Print a row; with BRIDGEX_BATCH_SIZES set, put it into that table."""
    fastest = min(seconds.values())
    row = {"shape": shape, "pass": name} | {str(budget): round(value / fastest, 2) for budget, value in seconds.items()}
    print(row, flush=True)
    if path := os.environ.get("BRIDGEX_BATCH_SIZES"):
        old = pd.read_csv(path) if Path(path).exists() else pd.DataFrame(columns=["shape", "pass"])
        others = old[(old["shape"] != shape) | (old["pass"] != name)]
        table = pd.concat([others, pd.DataFrame([row])], ignore_index=True).sort_values(["shape", "pass"])
        table.to_csv(path, index=False, lineterminator="\n")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_default_batch_is_nearly_the_fastest(shape, tmp_path):
    model = load(shape, tmp_path)
    torch.set_num_threads(1)
    slow = {}
    for name, run in passes(model).items():
        seconds = {budget: [] for budget in BUDGETS}
        run(BUDGETS[0])
        for turn in range(ROUNDS):
            for budget in BUDGETS[turn:] + BUDGETS[:turn]:
                start = time.process_time()
                run(budget)
                seconds[budget].append(time.process_time() - start)
        medians = {budget: median(values) for budget, values in seconds.items()}
        keep(shape, name, medians)
        default = default_token_budget(model, writing=name in ("complete", "option_logprobs"))
        slow[name] = medians[min(default, BUDGETS[-1])] / min(medians.values())  # more than the texts have makes one batch, too
    assert max(slow.values()) <= 1.10, slow
