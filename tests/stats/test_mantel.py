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


# Partial


def same(groups):
    return pd.DataFrame([[float(a == b) for a in groups.values()] for b in groups.values()], [*groups], [*groups])


def test_partial_correlation_by_the_formula_of_smouse():
    x, y = symmetric(9, 0), symmetric(9, 1)
    z = same(dict(zip(x.index, "aaabbbbcc", strict=True)))
    x = x + z
    pairs = np.tril_indices(9, -1)
    xy, xz, yz = (pearsonr(a.to_numpy()[pairs], b.to_numpy()[pairs]).statistic for a, b in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / ((1 - xz**2) * (1 - yz**2)) ** 0.5
    assert bx.mantel(x, y, 99, given=z)[0] == pytest.approx(expected)


def residuals(values, *given):
    design = np.column_stack([np.ones(len(values)), *given])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def test_partial_p_agrees_with_all_permutations():
    """Of groups, all orders that keep every item in its group; of a matrix, the residuals in all orders."""
    n = 5
    x, y = symmetric(n, 0).to_numpy(), symmetric(n, 1).to_numpy()
    codes = list(bx.LANGUAGES)[:n]
    groups = dict(zip(codes, "aaabb", strict=True))
    pairs = np.tril_indices(n, -1)
    z = same(groups).to_numpy()[pairs]
    both_a = np.outer([1, 1, 1, 0, 0], [1, 1, 1, 0, 0])[pairs]
    e = np.zeros((n, n))
    e[pairs] = residuals(x[pairs], z)
    e += e.T

    def partial(matrix, order, *given):
        order = np.array(order)
        permuted = matrix[order[pairs[0]], order[pairs[1]]]
        return pearsonr(residuals(permuted, *given), residuals(y[pairs], *given)).statistic

    kept = [order for order in permutations(range(n)) if all((i < 3) == (j < 3) for i, j in enumerate(order))]
    every = list(permutations(range(n)))
    for given, matrix, orders, held in ((groups, x, kept, (z, both_a)), (same(groups), e, every, (z,))):
        observed = partial(x, range(n), *held)
        reached = [abs(partial(matrix, order, *held)) >= abs(observed) - 1e-12 for order in orders]
        share = sum(reached) / len(reached)
        r, p = bx.mantel(*(pd.DataFrame(one, codes, codes) for one in (x, y)), 4000, given=given)
        assert r == pytest.approx(observed)
        assert p == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5 + 1 / 4001)


def test_groups_are_blocks_of_pairs():
    """What all pairs of the same two groups have in common, whatever it is, makes no difference."""
    x, y = symmetric(9, 0), symmetric(9, 1)
    groups = dict(zip(x.index, "aaabbbccc", strict=True))
    number = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    blocks = symmetric(3, 2).to_numpy()[np.ix_(number, number)]
    assert bx.mantel(x + 10 * blocks, y, 200, given=groups) == pytest.approx(bx.mantel(x, y, 200, given=groups))


def test_false_positives_where_groups_are_places():
    """Similarity is nearness; items of one group are near each other, and y says in which group they are, roughly."""
    rng = np.random.default_rng(0)
    codes = list(bx.LANGUAGES)
    groups = {code: language.script for code, language in bx.LANGUAGES.items()}
    place = 3 * np.eye(5)[pd.factorize(np.array(list(groups.values())))[0]]
    ps = []
    for seed in range(150):
        at = np.concatenate([rng.normal(size=(15, 2)), place], axis=1)
        x = pd.DataFrame(-np.linalg.norm(at[:, None] - at, axis=2), codes, codes)
        ps.append([bx.mantel(x, bx.same_family(), 99, seed, given=held)[1] for held in (None, groups)])
    plain, partial = (np.array(ps) <= 0.05).mean(axis=0)
    assert plain > 0.5
    assert partial <= 0.1


def test_a_large_offset_changes_nothing():
    x, y = symmetric(8, 0), symmetric(8, 1)
    for given in (None, same(dict(zip(x.index, "aaaabbbb", strict=True)))):
        assert bx.mantel(x + 1e6, y, 99, given=given) == pytest.approx(bx.mantel(x, y, 99, given=given), rel=1e-5)


def test_what_cannot_be_held_constant_is_refused():
    x, y = symmetric(6, 0), symmetric(6, 1)
    with pytest.raises(bx.InputError, match="given lacks de"):
        bx.mantel(x, y, given={code: "a" for code in x.index if code != "de"})
    with pytest.raises(bx.InputError, match="given lacks es"):
        bx.mantel(x, y, given=symmetric(5, 2))
    with pytest.raises(bx.InputError, match="group of its own"):
        bx.mantel(x, y, given={code: code for code in x.index})
    with pytest.raises(bx.InputError, match="determines a matrix"):
        bx.mantel(x, y, given=y * 2)


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


@pytest.mark.parametrize("group", [None, float("nan")])
def test_an_item_without_a_group_is_refused(group):
    items = list("abcdef")
    distance = pd.DataFrame(abs(np.subtract.outer(range(6), range(6))), items, items)
    with pytest.raises(bx.InputError, match="given has no group for c"):
        bx.mantel(distance, distance**2, given=dict(zip(items, "111222", strict=True)) | {"c": group})
