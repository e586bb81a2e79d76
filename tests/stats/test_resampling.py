"""Bootstrap intervals and Holm's correction by hand."""

import numpy as np
import pytest

from bridgex_nb.stats import holm, percentile_interval


def test_percentile_interval_counts_ranks_from_one():
    draws = np.random.default_rng(0).permutation(np.arange(1.0, 200.0))  # the value at rank r is r
    assert percentile_interval(draws) == pytest.approx([5, 195])  # ranks 0.025 and 0.975 of 199 + 1


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_against_its_definition():
    # A hypothesis is rejected at level alpha if each p up to its own is at most alpha / (hypotheses not yet rejected).
    generator = np.random.default_rng(0)
    for size in range(1, 8):
        p = generator.integers(1, 40, size) / 100  # with ties
        corrected = holm(p)
        for i in range(size):
            level = 0.0
            for rank, value in enumerate(sorted(p)):
                if value <= p[i]:
                    level = max(level, (size - rank) * value)
            assert corrected[i] == pytest.approx(min(1.0, level))
