"""`count_active` beside TransformerLens `run_with_cache`, on the same batches of the same model, each in a process of its own.

TransformerLens goes into an environment of its own, whose python is named by a variable:

    python -m venv lens
    lens/bin/pip install -c constraints.txt "transformer_lens>=4"
    BRIDGEX_TRANSFORMERLENS_PYTHON=lens/bin/python pytest -s -n 0 tests/benchmarks/bench_transformerlens.py
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest
import torch
from bench_activations import SENTENCES, model_folder, over, sentences

import bridgex_nb as bx
from bridgex_nb.inference._batches import batches_by_length

PYTHON = os.environ.get("BRIDGEX_TRANSFORMERLENS_PYTHON")

#: Small batches: the whole cache of one is 0.9 GB in the larger model.
BUDGET = 512

OURS = """
import bridgex_nb as bx

model = bx.load_model(folder, dtype="float32", site="gated")

def count(texts, batches):
    return bx.count_active(model, {"en": texts}, token_budget=budget).active[0]
"""

#: The value that TransformerLens calls `mlp.hook_post` is the input of the down projection: the site "gated".
LENS = """
from transformer_lens import TransformerBridge

model = TransformerBridge.boot_transformers(folder, dtype=torch.float32, device="cpu")
names = [f"blocks.{layer}.mlp.hook_post" for layer in range(model.cfg.n_layers)]

@torch.inference_mode()
def count(texts, batches):
    total = 0
    for batch in batches:
        mask = batch["attention_mask"].bool()
        _, cache = model.run_with_cache(batch["input_ids"], attention_mask=batch["attention_mask"], names_filter=FILTER)
        total = total + torch.stack([(cache[name][mask] > 0).sum(dim=0) for name in names])
    return total
"""

WAYS = {
    "`count_active`": (sys.executable, OURS),
    "TransformerLens, `mlp.hook_post` in the cache": (PYTHON, LENS.replace("FILTER", "names")),
    "TransformerLens, everything in the cache": (PYTHON, LENS.replace("FILTER", "None")),
}

#: What a process does after it has loaded its model: a little to warm up, then all the texts, by the clock.
RUN = """
def memory(name):
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1000

count(texts[-20:], batches[-1:])
Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
before, start = memory("VmRSS"), time.perf_counter()
counts = count(texts, batches)
seconds = time.perf_counter() - start
torch.save(counts, scratch / "counts.pt")
print(json.dumps([seconds, memory("VmHWM") - before]))
"""

SETUP = """
import json, sys, time
from pathlib import Path
import torch

folder, scratch, budget = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
texts, batches = torch.load(scratch / "texts.pt")
"""


def measure(way, folder, scratch):
    """Seconds, MB at the peak above what was there before, and the counts [L, N] of one way, in a new process."""
    python, code = WAYS[way]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    command = [python, "-c", SETUP + code + RUN, str(folder), str(scratch), str(BUDGET)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return *json.loads(done.stdout.splitlines()[-1]), torch.load(scratch / "counts.pt")


@pytest.mark.skipif(PYTHON is None, reason="BRIDGEX_TRANSFORMERLENS_PYTHON names no python that has transformer_lens")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", SENTENCES)
def test_time_and_memory_beside_transformerlens(name, tmp_path):
    folder = model_folder(name, tmp_path)
    model = bx.load_model(folder, dtype="float32")
    texts = sentences(SENTENCES[name])
    rows = model.tokenizer(texts)["input_ids"]
    batches = [model.pad([rows[i] for i in batch]) for batch in batches_by_length([len(row) for row in rows], BUDGET)]
    torch.save((texts, batches), tmp_path / "texts.pt")
    runs = {way: [] for way in WAYS}
    for _ in range(4):
        for way, some in runs.items():
            some.append(measure(way, folder, tmp_path))
    seconds, memory, counts = ({way: [run[i] for run in some] for way, some in runs.items()} for i in range(3))
    ours, *others = WAYS
    print(f"\n{name}, {sum(map(len, rows))} tokens in {len(batches)} batches, {torch.get_num_threads()} thread(s)")
    print(f"{ours}: {median(seconds[ours]):.2f} s, {max(memory[ours]):.0f} MB above the model")
    for way in others:
        # Attention computed in another order: a value within the last bits of 0 falls to the other side.
        assert (counts[way][0] - counts[ours][0]).abs().max() <= 3
        ratio, noise = over(seconds[way], seconds[ours])
        more = max(memory[way]) / max(memory[ours])
        print(f"| {way}, {name} | time {ratio:.2f} x, peak memory {more:.2f} x `count_active` | {noise} |")
        assert ratio > 1
