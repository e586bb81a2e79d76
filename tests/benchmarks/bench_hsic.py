"""HSIC against a faithful transcription of the published loop, side by side: pytest -s tests/benchmarks/bench_*.py"""

import time

import torch

import bridgex_nb as bx


def published_loop(x, y):
    """The released code's way: for every pair of neurons two S x S kernels and tr(K H L), one after the other."""
    z = [(v - v.mean(1, keepdim=True)) / (v.std(1, keepdim=True) + 1e-6) for v in (x, y)]
    samples = x.shape[1]
    sigma = torch.cdist(torch.cat(z), torch.cat(z)).median()
    centring = torch.eye(samples) - torch.ones(samples, samples) / samples
    result = torch.zeros(len(x), len(y))
    for i, a in enumerate(z[0]):
        for j, b in enumerate(z[1]):
            k = torch.exp(-((a[:, None] - a[None, :]) ** 2) / (2 * sigma**2))
            m = torch.exp(-((b[:, None] - b[None, :]) ** 2) / (2 * sigma**2))
            result[i, j] = torch.trace(k @ centring @ m)
    return result


def seconds(function, repeat=1):
    start = time.perf_counter()
    for _ in range(repeat):
        function()
    return (time.perf_counter() - start) / repeat


def test_one_layer_is_a_thousand_times_faster_than_the_published_loop():
    torch.manual_seed(0)
    x, y = torch.randn(40, 400), torch.randn(40, 400)
    bx.hsic_score(bx.hsic(x, y))  # warm
    ours = seconds(lambda: bx.hsic_score(bx.hsic(x, y)), repeat=20)
    theirs = seconds(lambda: published_loop(x, y))
    print(
        f"\nHSIC of 40 x 40 neurons, S = 400: {theirs:.2f} s published loop, {ours * 1e3:.2f} ms here: {theirs / ours:,.0f} x"
    )
    assert theirs / ours >= 1000


def test_cost_grows_with_samples_not_with_their_square():
    torch.manual_seed(0)
    times = {}
    for samples in (10_000, 20_000, 40_000):
        x, y = torch.randn(20, samples), torch.randn(20, samples)
        bx.hsic(x, y)
        times[samples] = seconds(lambda x=x, y=y: bx.hsic(x, y), repeat=5)
    ratio = times[40_000] / times[10_000]
    print("\nHSIC of 20 x 20 neurons:", ", ".join(f"S = {s:,}: {t * 1e3:.0f} ms" for s, t in times.items()))
    print(f"four times the samples: {ratio:.1f} x the time")
    assert ratio < 8
