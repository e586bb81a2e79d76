"""Paired tests against scipy and against counting by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from bridgex_nb.stats import mcnemar, sign_flip_test


def test_mcnemar_counts_both_tails_of_a_fair_coin():
    assert mcnemar(0, 0) == 1
    assert mcnemar(1, 3) == mcnemar(3, 1) == pytest.approx(2 * (1 + 4) / 16)


@pytest.mark.parametrize("n", [1, 5, 12])
def test_few_differences_take_every_sign(n):
    differences = np.random.default_rng(n).normal(0.5, 1, n).round(1)
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=n)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    assert sign_flip_test(differences) == pytest.approx(expected)
    assert sign_flip_test(np.append(differences, [0.0] * 30)) == pytest.approx(expected)


@pytest.mark.parametrize("mean", [0, 0.1, 0.3, -0.3])
def test_many_differences_agree_with_scipy(mean):
    differences = np.random.default_rng(0).normal(mean, 1, 80)
    zero = np.zeros(80)
    scipys = stats.permutation_test(
        (differences, zero),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=100_000,
        vectorized=True,
        batch=2_000,
        rng=0,
    )
    assert sign_flip_test(differences) == pytest.approx(scipys.pvalue, abs=0.015)
    assert sign_flip_test(differences) == sign_flip_test(np.flip(differences))


def test_under_the_null_hypothesis_p_is_uniform():
    rng = np.random.default_rng(0)
    p = [sign_flip_test(rng.normal(size=14), seed=i) for i in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_nothing_differs():
    assert sign_flip_test(np.zeros(5)) == 1
