"""Effects among those of random sets: false positives in simulations, scipy's bootstrap, and ranks counted by hand."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from bridgex_nb.stats import beyond_random
from bridgex_nb.stats._random_set_test import beyond_random_by_group


def of_random_sets(rng, sets, items, spread, skewed=False):
    """Effects [sets, items]: what items do to all sets alike, what sets do to all items alike, and what is left."""
    effect_of_set = rng.exponential(spread, (sets, 1)) if skewed else rng.normal(0, spread, (sets, 1))
    return rng.normal(0, 1, items) + effect_of_set + rng.normal(0, 1, (sets, items))


@pytest.mark.parametrize(
    ("draws", "spread", "skewed"), [(99, 0, False), (99, 0.1, False), (99, 0.4, False), (99, 0.4, True), (19, 0.4, False)]
)
def test_a_random_set_is_seldom_called_unusual(draws, spread, skewed):
    rng = np.random.default_rng(draws)
    by_p, by_interval = [], []
    for _ in range(1000):
        own, *random = of_random_sets(rng, draws + 1, 40, spread, skewed)
        numbers = beyond_random(own, np.array(random), 50, 0)
        by_p.append(numbers["p"] <= 0.05)
        by_interval.append(numbers["beyond_low"] > 0 or numbers["beyond_high"] < 0)
    assert 0.03 <= np.mean(by_p) <= 0.07
    assert 0.025 <= np.mean(by_interval) <= (0.1 if skewed else 0.07)  # the interval takes sets to be roughly normal


@pytest.mark.parametrize(("groups", "draws"), [(2, 19), (15, 4)])
def test_neither_is_one_random_set_for_each_of_several_groups(groups, draws):
    rng = np.random.default_rng(groups)
    by_p, by_interval = [], []
    weights = rng.multinomial(40, np.full(40, 1 / 40), size=100).T / 40
    for _ in range(1000):
        of_sets = rng.normal(0, rng.uniform(0.1, 1, groups), (draws + 1, groups))
        effects = of_sets[..., None] + rng.normal(0, 1, 40) + rng.normal(0, 1, (draws + 1, groups, 40))
        effects, resampled = effects.mean(axis=2), effects.mean(axis=1) @ weights
        numbers = beyond_random_by_group(effects, resampled, 199, 0)
        by_p.append(numbers["p"] <= 0.05)
        by_interval.append(numbers["beyond_low"] > 0 or numbers["beyond_high"] < 0)
    assert 0.03 <= np.mean(by_p) <= 0.07
    assert 0.025 <= np.mean(by_interval) <= 0.07


def test_a_set_that_does_more_is_found():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        own, *random = of_random_sets(rng, 100, 40, 0.1)
        numbers = beyond_random(own + 1, np.array(random), 50, 0)
        found.append(numbers["p"] == 0.01 and numbers["beyond_low"] > 0 and numbers["change"] > numbers["random_high"])
    assert np.mean(found) > 0.95


def test_the_interval_covers_what_was_added_to_a_random_set():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(1000):
        own, *random = of_random_sets(rng, 20, 40, 0.2)
        numbers = beyond_random(own + rng.normal(0.7, 2, 40), np.array(random), 100, 0)  # and it varies more over items
        covered.append(numbers["beyond_low"] <= 0.7 <= numbers["beyond_high"])
    assert 0.93 <= np.mean(covered) <= 0.97


def test_ranks_counted_by_hand():
    random = np.array([-3.0, -1.0, 0.0, 1.0, 2.0])

    def p(own):
        return beyond_random(np.full(4, own), np.tile(random[:, None], (1, 4)), 10, 0)["p"]

    assert p(7.0) == pytest.approx(1 / 6)  # mean 1; no other is 6 from it
    assert p(1.0) == pytest.approx(5 / 6)  # mean 0, where 0.0 is; itself 1 from it, as far as -1 and 1 -> 1 + 4
    assert p(-5.0) == pytest.approx(1 / 6)
    assert beyond_random(np.zeros(4), np.zeros((5, 4)), 10, 0)["p"] == 1  # all are equally far


def test_ranks_of_several_groups_against_all_exchanges():
    effects = np.random.default_rng(1).normal(size=(4, 3)) + np.array([[1.5], [0], [0], [0]])
    every = effects[np.array(list(np.ndindex(4, 4, 4))), np.arange(3)].mean(axis=1)
    far = np.abs(every - effects.mean())
    exact = (far >= abs(effects[0].mean() - effects.mean()) - 1e-12).mean()
    numbers = beyond_random_by_group(effects, np.zeros((4, 10)), 20_000, 0)
    assert numbers["p"] == pytest.approx(exact, abs=0.01)
    assert numbers["change"] == pytest.approx(effects[0].mean())
    assert numbers["random"] == pytest.approx(effects[1:].mean())


def test_the_interval_of_the_effect_agrees_with_scipys_bootstrap():
    rng = np.random.default_rng(0)
    effects, random = rng.normal(1, 1, 80), rng.normal(0.2, 1, (99, 80))
    numbers = beyond_random(effects, random, 4000, 0)
    expected = bootstrap((effects,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    width = expected.high - expected.low
    assert numbers["low"] == pytest.approx(expected.low, abs=0.06 * width)
    assert numbers["high"] == pytest.approx(expected.high, abs=0.06 * width)
    assert numbers["change"] == pytest.approx(effects.mean())
    assert numbers["beyond"] == pytest.approx(effects.mean() - random.mean())
    within = ((random.mean(axis=1) >= numbers["random_low"]) & (random.mean(axis=1) <= numbers["random_high"])).mean()
    assert within == pytest.approx(0.95, abs=0.02)


def test_the_range_of_random_sets_does_not_shrink_with_their_number():
    rng = np.random.default_rng(0)
    width = {}
    for draws in (99, 999):
        numbers = beyond_random(np.zeros(40), of_random_sets(rng, draws, 40, 0.5), 50, 0)
        width[draws] = numbers["random_high"] - numbers["random_low"]
    assert width[999] == pytest.approx(width[99], rel=0.25)
