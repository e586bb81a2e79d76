"""The lens of all layers against the bare forward and what one writes by hand: pytest -s -n 0 tests/benchmarks/bench_lens.py"""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median

import pytest
import torch
from bench_activations import in_turns, over, saved_llama
from record import record
from transformers import LlamaConfig, LlamaForCausalLM

import bridgex_nb as bx
from bridgex_nb.inference._batches import batches_by_length, default_token_budget
from bridgex_nb.models._load_model import MINI

#: The models that are timed -> how many words they read.
WORDS = {"bridgex-mini": 300, "gemma-3-270m-shaped Llama": 12}


def model_folder(name, folder):
    """The folder of a model; the one with 262,144 tokens of vocabulary is made in `folder`, with random weights."""
    if name == "bridgex-mini":
        return MINI
    return saved_llama(
        folder,
        vocab_size=262_144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
    )


def bare_forward(model, rows):
    with torch.inference_mode():
        for batch in batches_by_length([len(row) for row in rows], default_token_budget(model)):
            model.hf_model.model(**model.pad([rows[i] for i in batch]), use_cache=False)


def by_hand(model, rows, batches):
    """Every layer's next-token distribution at the last token, as one writes it with transformers; the words' entropy."""
    entropy = torch.zeros(model.num_layers, len(rows))
    norm, head = model.hf_model.model.norm, model.hf_model.lm_head
    with torch.inference_mode():
        for batch in batches:
            result = model.hf_model(**model.pad([rows[i] for i in batch]), output_hidden_states=True, use_cache=False)
            for layer in range(model.num_layers):
                last = layer == model.num_layers - 1  # transformers has normed this one already
                state = result.hidden_states[layer + 1][:, -1]
                chances = head(state if last else norm(state)).float().softmax(dim=-1)
                entropy[layer, batch] = torch.special.entr(chances).sum(dim=-1)
    return entropy


@pytest.mark.parametrize("name", WORDS)
def test_time_beside_the_bare_forward_and_by_hand(name, tmp_path):
    model = bx.load_model(model_folder(name, tmp_path), dtype="float32")
    lexicon = bx.core_lexicon("sw", "tl").sample(WORDS[name])
    rows = model.tokenizer([bx.word_prompt("sw", "tl", word) + '"' for word in lexicon.entries])["input_ids"]
    batches = list(batches_by_length([len(row) for row in rows], default_token_budget(model)))
    ways = {
        "bare": partial(bare_forward, model, rows),
        "`language_lens`": lambda: bx.language_lens(model, lexicon).entropy,
        "by hand, in batches": partial(by_hand, model, rows, batches),
        "by hand, one word at a time": partial(by_hand, model, rows, [[i] for i in range(len(rows))]),
    }
    results = [way() for label, way in ways.items() if label != "bare"]
    assert all(torch.allclose(other, results[0], rtol=1e-3, atol=1e-4) for other in results[1:])
    seconds = in_turns(ways, 3)
    print(f"\n{name}, {len(rows)} words, {sum(map(len, rows))} tokens, {torch.get_num_threads()} thread(s)")
    print(f"bare forward: {median(seconds['bare']):.2f} s")
    ratio, noise = over(seconds["`language_lens`"], seconds["bare"])
    record(f"`language_lens` / bare forward, {name}", ratio)
    print(f"over the rounds: {noise}")
    faster = {}
    for label in list(ways)[2:]:
        faster[label], noise = over(seconds[label], seconds["`language_lens`"])
        record(f"logit lens {label} / `language_lens`, {name}", faster[label])
        print(f"over the rounds: {noise}")
    assert max(faster.values()) >= 2


#: In a process of its own: the memory at its highest during a lens, above what was there before, in MB.
PEAK = """
import json, sys
from pathlib import Path
import bridgex_nb as bx

model, number = bx.load_model(sys.argv[1]), int(sys.argv[2])
entries = list(bx.core_lexicon("sw", "tl").entries.items())
english = bx.core_lexicon("sw", "en").entries

def lens(number):
    some = [(f"{word}{i}", word, into) for i in range(number // len(entries) + 1) for word, into in entries][:number]
    words = bx.Lexicon("sw", "tl", {name: into for name, _, into in some})
    forms = {"en": bx.Lexicon("sw", "en", {name: english[word] for name, word, _ in some})}
    bx.language_lens(model, words, ["en"], forms=forms, resamples=10)

def memory(name):
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1000

lens(100)  # what is loaded once
Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
before = memory("VmRSS")
lens(number)
print(json.dumps(memory("VmHWM") - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_vocabulary_times_the_words(tmp_path):
    for file in MINI.glob("tokenizer*"):
        shutil.copy(file, tmp_path)
    size = {"vocab_size": 262_144, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3}
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**size, num_attention_heads=4, pad_token_id=0)).save_pretrained(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    extra = {}
    for number in (200, 2000):
        command = [sys.executable, "-c", PEAK, str(tmp_path), str(number)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        extra[number] = json.loads(done.stdout.splitlines()[-1])
        print(f"\n{number} words: {extra[number]:.0f} MB above what was there before")
    # All layers' distributions of 2,000 words would be 6.3 GB; prompts, token ids and results are some 10 KB a word.
    assert max(extra.values()) < 500
