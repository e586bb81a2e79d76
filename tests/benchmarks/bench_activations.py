"""`count_active` and `probe` against the bare forward pass of the same batches: pytest -s tests/benchmarks/bench_*.py"""

import time

import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.model import batches_by_length

BUDGET = 8192


def bare_forward(model, rows):
    with torch.inference_mode():
        for batch in batches_by_length([len(row) for row in rows], BUDGET):
            model.hf_model.model(**model.pad([rows[i] for i in batch]), use_cache=False)


@pytest.mark.parametrize("what", ["count_active", "probe"])
def test_time_over_the_bare_forward(what):
    model = bx.load_model()
    texts = [text for some in bx.core_sentences().values() for text in some]
    rows = model.tokenizer(texts)["input_ids"]
    ours = {"count_active": lambda: bx.count_active(model, {"en": texts}), "probe": lambda: bx.probe(model, texts)}[what]
    best = {"bare": float("inf"), "ours": float("inf")}
    for _ in range(4):  # in turns, so that both meet the same machine; the first round warms up
        for name, function in {"bare": lambda: bare_forward(model, rows), "ours": ours}.items():
            start = time.perf_counter()
            function()
            best[name] = min(best[name], time.perf_counter() - start)
    ratio = best["ours"] / best["bare"]
    print(f"\n{what}: {best['ours']:.2f} s, bare forward {best['bare']:.2f} s, ratio {ratio:.2f}")
    assert ratio < 2
