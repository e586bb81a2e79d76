"""`count_active` and `probe` against the bare forward and what one would write by hand: pytest -s tests/benchmarks/bench_*"""

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.model import batches_by_length

BUDGET = 8192


def bare_forward(model, rows):
    with torch.inference_mode():
        for batch in batches_by_length([len(row) for row in rows], BUDGET):
            model.hf_model.model(**model.pad([rows[i] for i in batch]), use_cache=False)


def in_turns(functions, rounds=4):
    """Best CPU seconds of each function, which other jobs disturb little, taken in turns; the first round warms up."""
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.process_time()
            function()
            best[name] = min(best[name], time.process_time() - start)
    return best


@pytest.mark.parametrize("what", ["count_active", "probe"])
def test_time_over_the_bare_forward(what):
    model = bx.load_model()
    texts = [text for some in bx.core_sentences().values() for text in some]
    rows = model.tokenizer(texts)["input_ids"]
    ours = {"count_active": lambda: bx.count_active(model, {"en": texts}), "probe": lambda: bx.probe(model, texts)}[what]
    best = in_turns({"bare": lambda: bare_forward(model, rows), "ours": ours})
    ratio = best["ours"] / best["bare"]
    print(f"\n{what}: {best['ours']:.2f} CPU s, bare forward {best['bare']:.2f} s, ratio {ratio:.2f}")
    assert ratio < 2


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


def test_side_by_side_with_hooks_by_hand():
    model = bx.load_model()
    texts = [text for some in bx.core_sentences().values() for text in some[:60]]
    rows = model.tokenizer(texts)["input_ids"]
    ways = {
        "count_active": lambda: bx.count_active(model, {"en": texts}).active[0],
        "hooks that keep everything": partial(keep_everything, model, rows),
        "one prompt at a time": partial(one_at_a_time, model, texts),
    }
    counts = [way() for way in ways.values()]
    # Values within the last bit of 0 fall to either side, by the shape of the batch.
    assert all((other - counts[0]).abs().max() <= 3 for other in counts)
    best = in_turns(ways, rounds=2)
    for name, seconds in best.items():
        print(f"\n{name}: {seconds:.2f} CPU s, {seconds / best['count_active']:.2f} x count_active", end="")
    print()
    assert best["one prompt at a time"] > best["count_active"]


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
