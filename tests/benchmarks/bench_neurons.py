"""LAPE against a loop over neurons, as published, side by side: pytest -s -n 0 tests/benchmarks/bench_*.py"""

import math
import time

import torch
from record import record

import bridgex_nb as bx

LANGUAGES, LAYERS, NEURONS = 10, 32, 14_336


def published_loop(counts, rate, bar):
    """LAPE's steps for a neuron after the other, in tensors of one number a language, as Zhang et al.'s script takes them."""
    p = counts.probability.permute(1, 2, 0).contiguous()
    limit = p.flatten().kthvalue(round(bar * p.numel())).values
    entropy = torch.zeros(p.shape[:2], dtype=p.dtype)
    for layer in range(p.shape[0]):
        for j in range(p.shape[1]):
            some = p[layer, j]
            total = some.sum()
            share = some / total if total > 0 else torch.full_like(some, 1 / len(some))
            share = share.clamp(min=1e-12)
            entropy[layer, j] = -(share * share.log()).sum().item()
            if not (some > limit).any():
                entropy[layer, j] = math.inf
    kept = entropy.flatten().topk(round(rate * entropy.numel()), largest=False).indices.tolist()
    masks = torch.zeros(p.shape[2], *p.shape[:2], dtype=torch.bool)
    for place in kept:
        layer, j = divmod(place, p.shape[1])
        for k in range(p.shape[2]):
            masks[k, layer, j] = p[layer, j, k] > limit
    return masks


def best_seconds(function, repeat):
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return min(taken)


def test_lape_of_an_8b_model_is_a_hundred_times_faster_than_a_loop():
    generator = torch.Generator().manual_seed(0)
    tokens = 1_000_000
    active = (torch.rand(LANGUAGES, LAYERS, NEURONS, generator=generator) ** 3 * tokens).long()
    counts = bx.ActivationCounts(active, torch.full((LANGUAGES,), tokens), tuple(bx.LANGUAGES)[:LANGUAGES], {})
    masks = torch.stack(list(bx.lape(counts, 0.01).values()))
    ours = best_seconds(lambda: bx.lape(counts, 0.01), repeat=5)
    start = time.perf_counter()
    expected = published_loop(counts, 0.01, 0.95)
    theirs = time.perf_counter() - start
    print(f"\nLAPE of {LAYERS} x {NEURONS:,} neurons in {LANGUAGES} languages on {torch.get_num_threads()} thread(s):", end=" ")
    print(f"{theirs:.1f} s loop, {ours * 1e3:.0f} ms here")
    record("loop over neurons / lape", theirs / ours)
    assert torch.equal(masks, expected)
    assert ours < 0.2
    assert theirs / ours >= 100
