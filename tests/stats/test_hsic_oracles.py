"""HSIC against hyppo, an independent implementation (Panda et al. 2019, arXiv 1907.02088)."""

import numpy as np
import pytest
import torch
from hyppo import independence

import bridgex_nb as bx

pytestmark = pytest.mark.slow  # hyppo compiles itself when it is imported


def hyppo_hsic(x, y, sigma, bias):
    """HSIC_xy / sqrt(HSIC_xx HSIC_yy) of every pair of rows, biased or unbiased (Song et al. 2012).

    hyppo computes HSIC as distance correlation with distances 1 - kernel, and returns the square root of the biased form.
    """
    x, y = ((z - z.mean(1, keepdims=True)) / (z.std(1, ddof=1, keepdims=True) + 1e-6) for z in (x.numpy(), y.numpy()))
    test = independence.Hsic(compute_kernel="rbf", bias=bias, gamma=1 / (2 * sigma**2))
    statistic = np.array([[test.statistic(a[:, None], b[:, None]) for b in y] for a in x])
    return statistic**2 if bias else statistic


def rows(kind, samples, seed):
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(3, samples, generator=generator, dtype=torch.float64)
    if kind == "heavy tails":
        return normal / torch.randn(3, samples, generator=generator, dtype=torch.float64)
    if kind == "duplicates":
        return normal[[0, 0, 1]]
    return normal


@pytest.fixture(params=["normal", "dependent", "heavy tails", "duplicates"])
def neurons(request):
    def make(samples):
        x, y = rows(request.param, samples, 0), rows(request.param, samples, 1)
        return x, (x.square() + 0.1 * y if request.param == "dependent" else y)

    return make


@pytest.mark.parametrize("samples", [4, 80])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 20.0])
def test_normalized_agrees_with_hyppos_biased_statistic(neurons, sigma, samples):
    x, y = neurons(samples)
    assert bx.hsic(x, y, sigma, "normalized").numpy() == pytest.approx(hyppo_hsic(x, y, sigma, bias=True), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("samples", [5, 80])
@pytest.mark.parametrize("sigma", [0.3, 5.0])
def test_unbiased_agrees_with_hyppo_after_normalization(neurons, sigma, samples):
    x, y = neurons(samples)
    norms = [bx.hsic(z, z, sigma, "unbiased").diagonal() for z in (x, y)]
    normalized = bx.hsic(x, y, sigma, "unbiased") / (norms[0][:, None] * norms[1]).sqrt()
    assert normalized.numpy() == pytest.approx(hyppo_hsic(x, y, sigma, bias=False), rel=1e-5, abs=1e-7)


def test_biased_agrees_with_hyppo_times_both_norms(neurons):
    x, y = neurons(60)
    norms = [bx.hsic(z, z, 1.0).diagonal().numpy() for z in (x, y)]
    expected = hyppo_hsic(x, y, 1.0, bias=True) * np.sqrt(norms[0][:, None] * norms[1])
    assert bx.hsic(x, y, 1.0).numpy() == pytest.approx(expected, rel=1e-5)
