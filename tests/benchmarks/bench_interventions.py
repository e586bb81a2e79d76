"""Generation under an intervention against the same without one: pytest -s -n 0 tests/benchmarks/bench_*.py"""

from statistics import median

import pytest
import torch
from bench_activations import in_turns, model_folder, over
from record import record

import bridgex_nb as bx

#: The models that are timed -> prompts and new tokens of one generation: a second or two.
SIZES = {"bridgex-mini": (200, 16), "150M-shaped Llama": (8, 8)}


def greedy(model, inputs, new_tokens):
    """So many new tokens for every row, whatever the model writes: what is timed must not depend on it."""
    with torch.inference_mode():
        model.hf_model.generate(**inputs, max_new_tokens=new_tokens, min_new_tokens=new_tokens, do_sample=False)


@pytest.mark.parametrize("name", SIZES)
def test_time_beside_plain_generation(name, tmp_path):
    model = bx.load_model(model_folder(name, tmp_path), dtype="float32")
    prompts, new_tokens = SIZES[name]
    words = list(bx.core_lexicon("sw", "en").entries)[:prompts]
    inputs = model.pad(model.tokenizer([bx.word_prompt("sw", "en", word) for word in words])["input_ids"])
    mask = bx.random_like(torch.arange(model.num_neurons).expand(model.num_layers, -1) < model.num_neurons // 20)
    values = torch.rand(mask.shape)
    blocks = {
        "`deactivate`": lambda: bx.deactivate(model, mask),
        "`deactivate`, generated tokens": lambda: bx.deactivate(model, mask, positions="generated"),
        "`amplify`": lambda: bx.amplify(model, mask, 5.0),
        "`set_activation`": lambda: bx.set_activation(model, mask, values),
    }

    def within(block):
        def run():
            with block():
                greedy(model, inputs, new_tokens)

        return run

    ways = {"plain": lambda: greedy(model, inputs, new_tokens)} | {way: within(block) for way, block in blocks.items()}
    seconds = in_turns(ways, rounds=9)
    print(f"\n{name}, {prompts} prompts, {new_tokens} new tokens, plain generation: {median(seconds['plain']):.2f} s")
    ratio = {}
    for way in blocks:
        ratio[way], noise = over(seconds[way], seconds["plain"])
        record(f"{way} / plain generation, {name}", ratio[way])
        print(f"over the rounds: {noise}")
    assert max(ratio.values()) < 1.15
