"""Intervals of a change, and of its difference to random sets, against scipy's bootstrap."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from bridgex_nb.stats._random_set_test import beyond_random


def test_intervals_are_those_of_the_bootstrap():
    rng = np.random.default_rng(0)
    own, random = rng.normal(1, 1, 80), np.tile(rng.normal(0.2, 2, 80), (3, 1))
    numbers = beyond_random(own, random, 4000, 0)
    for name, sample in [("", own), ("random_", random[0]), ("beyond_", own - random[0])]:  # equal draws count as one
        expected = bootstrap((sample,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
        width = expected.high - expected.low
        assert numbers[f"{name}low"] == pytest.approx(expected.low, abs=0.06 * width)
        assert numbers[f"{name}high"] == pytest.approx(expected.high, abs=0.06 * width)
    assert numbers["change"] == pytest.approx(own.mean())
    assert numbers["beyond"] == pytest.approx((own - random[0]).mean())


def test_draws_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    own, base = rng.normal(0, 1, 100), rng.normal(0, 1, 100)
    same = beyond_random(own, np.stack([base] * 4), 1000, 0)
    apart = beyond_random(own, np.stack([base + shift for shift in (-2, -1, 1, 2)]), 1000, 0)
    assert apart["random"] == pytest.approx(same["random"])
    assert apart["random_high"] - apart["random_low"] > 2 * (same["random_high"] - same["random_low"])
