"""The Mantel test against the enumeration of all permutations."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

import bridgex_nb as bx


def symmetric(n, seed):
    values = np.random.default_rng(seed).normal(size=(n, n))
    codes = list(bx.LANGUAGES)[:n]
    return pd.DataFrame(values + values.T, index=codes, columns=codes)


@pytest.mark.parametrize("n", [4, 5])
def test_p_agrees_with_all_permutations(n):
    x, y = symmetric(n, 0), symmetric(n, 1)
    pairs = [(i, j) for i in range(n) for j in range(i)]

    def correlation(order):
        return pearsonr([x.iloc[order[i], order[j]] for i, j in pairs], [y.iloc[i, j] for i, j in pairs]).statistic

    observed = correlation(range(n))
    reached = [abs(correlation(order)) >= abs(observed) - 1e-12 for order in permutations(range(n))]
    r, p = bx.mantel(x, y, permutations=4000)
    assert r == pytest.approx(observed)
    share = sum(reached) / len(reached)
    assert p == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5 + 1 / 4001)


def test_items_are_matched_by_name():
    matrix = symmetric(10, 0)
    shuffled = matrix.sample(frac=1, random_state=0)[matrix.columns[::-1]]
    r, p = bx.mantel(matrix, shuffled, permutations=99)
    assert r == pytest.approx(1)
    assert p == 1 / 100
    assert bx.mantel(matrix, -matrix, permutations=99)[0] == pytest.approx(-1)


def test_p_is_uniform_for_unrelated_matrices():
    ps = [bx.mantel(symmetric(8, seed), symmetric(8, 1000 + seed), permutations=99, seed=seed)[1] for seed in range(300)]
    assert 0.02 <= np.mean(np.array(ps) <= 0.05) <= 0.09
    assert np.mean(ps) == pytest.approx(0.5, abs=0.06)


def test_matrices_that_cannot_be_compared():
    matrix = symmetric(6, 0)
    with pytest.raises(bx.InputError, match="3 item"):
        bx.mantel(matrix, matrix.iloc[:3, :3])
    with pytest.raises(bx.InputError, match="same value"):
        bx.mantel(matrix, matrix * 0)
    with pytest.raises(bx.InputError, match="permutations=0"):
        bx.mantel(matrix, matrix, permutations=0)
    gap = matrix.copy()
    gap.loc["de", "fr"] = gap.loc["fr", "de"] = np.nan
    with pytest.raises(bx.InputError, match=r"no value for (de and fr|fr and de)"):
        bx.mantel(matrix, gap)
