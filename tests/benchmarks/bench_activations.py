"""`count_active` and `probe` against the bare forward and what one writes by hand: pytest -s -n 0 tests/benchmarks/bench_*"""

import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median

import pytest
import torch
from record import record
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import bridgex_nb as bx
from bridgex_nb.inference._batches import batches_by_length
from bridgex_nb.models._load_model import MINI

BUDGET = 8192

#: The models that are timed -> how many sentences of each language they read: some ten seconds a forward at the most.
SENTENCES = {"bridgex-mini": 120, "150M-shaped Llama": 12}


def model_folder(name, folder):
    """The folder of a model; the one of about 150M parameters is made in `folder`, with random weights."""
    if name == "bridgex-mini":
        return MINI
    return saved_llama(
        folder,
        vocab_size=32_000,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
    )


def saved_llama(folder, **sizes):
    """The folder, in which a Llama of these sizes is saved, with random weights and bridgex-mini's tokenizer."""
    for file in MINI.glob("tokenizer*"):
        shutil.copy(file, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = LlamaConfig(
        **sizes,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def sentences(number):
    """The first sentences of every bundled language."""
    return [text for some in bx.core_sentences().values() for text in some[:number]]


def bare_forward(model, rows):
    with torch.inference_mode():
        for batch in batches_by_length([len(row) for row in rows], BUDGET):
            model.hf_model.model(**model.pad([rows[i] for i in batch]), use_cache=False)


def in_turns(functions, rounds):
    """Seconds of each function in each round; every round begins with another one, and one that is not timed comes before."""
    seconds = {name: [] for name in functions}
    names = list(functions)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.perf_counter()
            functions[name]()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def over(seconds, base):
    """The median over the rounds of a ratio of times, and its range, which shows how noisy the machine is."""
    pairs = [one / other for one, other in zip(seconds, base, strict=True)]
    return median(pairs), f"{min(pairs):.2f} to {max(pairs):.2f}"


def hooked(model, batches, each):
    """Runs batches of padded inputs with a hook on every activation function; `each` is given what it saw and the mask."""
    for inputs in batches:
        seen = []
        handles = [
            layer.mlp.act_fn.register_forward_hook(lambda module, given, output, seen=seen: seen.append(output))
            for layer in model.hf_model.model.layers
        ]
        with torch.inference_mode():
            model.hf_model(**inputs)
        for handle in handles:
            handle.remove()
        each(seen, inputs["attention_mask"].bool())


def keep_everything(model, rows):
    """Plain hooks: all activations of all tokens side by side, and then their count."""
    kept = []
    batches = [model.pad([rows[i] for i in batch]) for batch in batches_by_length([len(row) for row in rows], BUDGET)]
    hooked(model, batches, lambda seen, mask: kept.append(torch.stack([one[mask] for one in seen])))
    whole = torch.cat(kept, dim=1)
    return (whole > 0).sum(dim=1)


def one_at_a_time(model, texts):
    """The published scripts: every text by itself, counted as it comes."""
    total = torch.zeros(model.num_layers, model.num_neurons, dtype=torch.int64)

    def add(seen, mask):
        for layer, one in enumerate(seen):
            total[layer] += (one[0] > 0).sum(dim=0)

    hooked(model, (dict(model.tokenizer(text, return_tensors="pt")) for text in texts), add)
    return total


@pytest.mark.parametrize("name", SENTENCES)
def test_time_beside_the_bare_forward_and_hooks_by_hand(name, tmp_path):
    model = bx.load_model(model_folder(name, tmp_path), dtype="float32")
    texts = sentences(SENTENCES[name])
    rows = model.tokenizer(texts)["input_ids"]
    ways = {
        "`count_active`": lambda: bx.count_active(model, {"en": texts}, special_tokens=True).active[0],
        "hooks that keep everything": partial(keep_everything, model, rows),
        "one prompt at a time": partial(one_at_a_time, model, texts),
    }
    counts = [way() for way in ways.values()]
    # Values within the last bit of 0 fall to either side, by the shape of the batch.
    assert all((other - counts[0]).abs().max() <= 3 for other in counts)
    bare = partial(bare_forward, model, rows)
    ratio = {}
    for some, rounds in [
        ({"`count_active`": ways.pop("`count_active`"), "`probe`": lambda: bx.probe(model, texts)}, 9),
        (ways, 3),
    ]:
        seconds = in_turns({"bare": bare} | some, rounds)
        print(f"\n{name}, {sum(map(len, rows))} tokens, {torch.get_num_threads()} thread(s)")
        print(f"bare forward: {median(seconds['bare']):.2f} s")
        for way in some:
            ratio[way], noise = over(seconds[way], seconds["bare"])
            record(f"{way} / bare forward, {name}", ratio[way])
            print(f"over the rounds: {noise}")
    assert ratio["`count_active`"] <= 1.10
    assert ratio["`probe`"] <= 1.10
    assert ratio["hooks that keep everything"] > 1
    assert ratio["one prompt at a time"] > ratio["`count_active`"]


#: In a process of its own: the memory at its highest during one way of counting, above what was there before, in MB.
PEAK = """
import json, sys
from pathlib import Path
import bridgex_nb as bx
import bench_activations as bench

way, number = sys.argv[1], int(sys.argv[2])
model = bx.load_model()
sentences = [text for some in bx.core_sentences().values() for text in some]
texts = (sentences * (number // len(sentences) + 1))[:number]

def count(texts):
    if way == "count_active":
        bx.count_active(model, {"en": texts}, token_budget=2048)
    else:
        bench.keep_everything(model, model.tokenizer(texts)["input_ids"])

def memory(name):
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1000

count(texts[:500])  # what is loaded once
Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
before = memory("VmRSS")
count(texts)
print(json.dumps(memory("VmHWM") - before))
"""


def peak(way, number):
    here = Path(__file__)
    environment = os.environ | {"PYTHONPATH": f"{here.parent}{os.pathsep}{here.parents[2]}"}
    command = [sys.executable, "-c", PEAK, way, str(number)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_texts():
    print()
    extra = {}
    for way, number in [("count_active", 1000), ("count_active", 10_000), ("hooks that keep everything", 1000)]:
        extra[way, number] = peak(way, number)
        print(f"{way}, {number} texts: {extra[way, number]:.0f} MB above what was there before")
    # The texts and their token ids are some 2 KB a text; the allocator gives and takes about 20 MB from run to run.
    assert extra["count_active", 10_000] < extra["count_active", 1000] + 60
