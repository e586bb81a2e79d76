"""HSIC against a faithful transcription of the published loop, side by side: pytest -s -n 0 tests/benchmarks/bench_*.py"""

import ctypes
import re
import time
from pathlib import Path

import pytest
import torch
from record import record

import bridgex_nb as bx
from bridgex_nb.stats._hsic import scale, standardize
from bridgex_nb.stats._kernel_features import choose_basis


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
    print(f"\nHSIC of 40 x 40 neurons, S = 400: {theirs:.2f} s published loop, {ours * 1e3:.2f} ms here")
    record("published loop / hsic", theirs / ours)
    assert theirs / ours >= 1000


def best_seconds(function, repeat):
    function()  # warm
    return min(seconds(function) for _ in range(repeat))


def processor_seconds(function, repeat):
    """Time of this process alone on one core: what else the machine does lies outside of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    function()
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    torch.set_num_threads(threads)
    return min(taken)


def bounded(rows, samples, seed):
    """Uniform neurons: their largest z-score, and with it the number of features, is the same at any S."""
    return torch.rand(rows, samples, generator=torch.Generator().manual_seed(seed))


def test_ten_times_the_samples_take_ten_times_the_time():
    times = {}
    for samples in (1_000, 10_000, 100_000):
        x, y = bounded(40, samples, 0), bounded(40, samples, 1)
        times[samples] = processor_seconds(lambda x=x, y=y: bx.hsic(x, y, 5.0), repeat=100_000 // samples + 3)
    growth = [times[10_000] / times[1_000], times[100_000] / times[10_000]]
    print("\nHSIC of 40 x 40 neurons:", ", ".join(f"S = {s:,}: {t * 1e3:.1f} ms" for s, t in times.items()))
    record("hsic, time of 10,000 / 1,000 samples", growth[0])
    record("hsic, time of 100,000 / 10,000 samples", growth[1])
    assert all(7 < one < 13 for one in growth)


def resident(what):
    """VmRSS or VmHWM (peak) of this process in MB, from Linux's /proc."""
    return int(re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text()).group(1)) / 1024


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_is_proportional_to_samples():
    peaks = {}
    bx.hsic(torch.randn(40, 100), torch.randn(40, 100), 5.0)  # warm; not at full size, whose freed memory would be used again
    trim = ctypes.CDLL(None).malloc_trim  # gives back what earlier tests freed, which would be used again too
    for samples in (30_000, 100_000, 300_000):
        x, y = bounded(40, samples, 0), bounded(40, samples, 1)
        trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here
        before = resident("VmRSS")
        bx.hsic(x, y, 5.0)
        peaks[samples] = resident("VmHWM") - before
    print("\nmemory of HSIC of 40 x 40 neurons:", ", ".join(f"S = {s:,}: {peak:.0f} MB" for s, peak in peaks.items()))
    record("hsic, memory of 300,000 / 30,000 samples", peaks[300_000] / peaks[30_000])
    assert peaks[300_000] < 13 * peaks[30_000]


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
def test_share_of_the_machines_matrix_multiply_rate(device):
    def done(function):
        function()
        if device == "cuda":
            torch.cuda.synchronize()

    dtype = torch.float64 if device == "cpu" else torch.float32
    square = torch.randn(2000, 2000, dtype=dtype, device=device)
    rate = 2 * 2000**3 / best_seconds(lambda: done(lambda: square @ square), repeat=5)
    shares = {}
    for rows in (40, 200):
        x, y = (bounded(rows, 5_000, seed).to(device) for seed in (0, 1))
        rank = choose_basis(*scale(standardize(x), standardize(y), 5.0, "biased"), 1e-9, 70).rank
        time_taken = best_seconds(lambda x=x, y=y: done(lambda: bx.hsic(x, y, 5.0)), repeat=5)
        shares[rows] = 2 * (rows * rank) ** 2 * 5_000 / time_taken / rate
    print(f"\n{device}: matrix multiply {rate / 1e9:,.0f} GFLOP/s;", f"{rank} features a neuron; the whole of HSIC reaches")
    print(", ".join(f"{share:.0%} of it with {rows} x {rows} neurons" for rows, share in shares.items()))
    assert shares[200] > 0.3


def test_ranking_again_is_fast():
    model = bx.load_model()
    counts = bx.count_active(model, bx.core_sentences())
    probe = bx.probe(model, bx.core_lexicon("sw", "tl"))
    for rate in (0.05, 0.1):
        sets = bx.top_neurons(counts, rate)
        taken = best_seconds(lambda sets=sets: bx.rank_bridges(probe, sets, resamples=0), repeat=10)
        print(f"\nall layers and bridges of bridgex-mini, S = {len(probe.words)}, rate {rate}: ranked in {taken * 1e3:.0f} ms")
        if rate == 0.05:
            record("rank_bridges without resamples on bridgex-mini, ms", taken * 1e3)
            assert taken < 0.1
