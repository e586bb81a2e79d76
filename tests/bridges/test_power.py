"""Headroom, its reliability and detectable leads, against simulations with a known truth and an independent package."""

import numpy as np
import pandas as pd
import pytest
from made_answers import draw_right, rows, three_pairs
from scipy import stats

import bridgex_nb as bx
from bridgex_nb.bridges._power import detectable_lead, interval_by_pairs

PAIRS = [(a, b) for a in bx.LANGUAGES for b in bx.LANGUAGES if a != b and not {a, b} & {*bx.BRIDGES}]


def study(rng, accuracies, items):
    """Answers of pairs whose bridges have these accuracies [P, bridges]."""
    return pd.concat(
        [
            rows(*pair, **dict(zip(bx.BRIDGES, draw_right(rng, row, items).T, strict=False)))
            for pair, row in zip(PAIRS, accuracies, strict=False)
        ]
    )


def test_without_noise_headroom_is_best_minus_mean():
    """All items of a pair are answered alike: every half chooses the same bridge, and gains the whole of it."""
    items = pd.concat([rows(*pair, en=[True] * 20, fr=[i % 2 == 0] * 20, de=[False] * 20) for i, pair in enumerate(PAIRS[:6])])
    row = bx.headroom(items, resamples=50).iloc[0]
    expected = [1 - 2 / 3, 1 - 1 / 3] * 3
    low, high = stats.ttest_1samp(expected, 0).confidence_interval()
    assert (row.pairs, row.headroom, row.split_gain) == pytest.approx((6, np.mean(expected), np.mean(expected)))
    assert (row.headroom_low, row.headroom_high) == pytest.approx((low, high))
    assert row.reliability == pytest.approx(1)


def test_without_a_difference_between_bridges_there_is_no_headroom():
    rng = np.random.default_rng(0)
    found = [bx.headroom(study(rng, np.full((15, 4), 0.5), 100), resamples=50).iloc[0] for _ in range(10)]
    split, reliability = (np.mean([row[name] for row in found]) for name in ("split_gain", "reliability"))
    assert abs(split) < 0.004
    assert reliability < 0.12
    naive = np.mean([(a.max() - a.mean()) for a in rng.binomial(100, 0.5, (300, 4)) / 100])
    assert np.mean([row.headroom for row in found]) < 0.65 * naive


def test_reliability_is_the_share_of_the_variance_that_is_not_noise():
    rng = np.random.default_rng(1)
    found, expected = [], []
    for _ in range(10):
        accuracies = rng.normal(0.5, 0.05, (15, 6))
        found.append(bx.headroom(study(rng, accuracies, 100), resamples=50).reliability[0])
        measured = [np.array([draw_right(rng, row, 100).mean(axis=0) for row in accuracies]) for _ in range(2)]
        first, second = (scores - scores.mean(axis=1, keepdims=True) for scores in measured)
        expected.append(np.corrcoef(first.ravel(), second.ravel())[0, 1])  # two whole studies of the same pairs
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.05)


def test_a_clear_headroom_is_found_on_the_other_half():
    rng = np.random.default_rng(2)
    row = bx.headroom(study(rng, np.tile([0.8, 0.4, 0.4, 0.4, 0.4, 0.4], (15, 1)), 150), resamples=50).iloc[0]
    assert row.split_gain == pytest.approx(0.4 * 5 / 6, abs=0.02)
    assert row.headroom == pytest.approx(row.split_gain, abs=0.02)
    assert row.reliability > 0.95


def test_detectable_leads_are_those_of_statsmodels():
    power = pytest.importorskip("statsmodels.stats.power")
    for pairs in (3, 8, 15, 40):
        values = np.random.default_rng(pairs).normal(0.1, 0.2, (pairs, 2))
        effect = power.TTestPower().solve_power(nobs=pairs, alpha=0.05, power=0.8)
        assert detectable_lead(values) == pytest.approx(effect * values.std(axis=0, ddof=1), rel=1e-4)


def test_a_detectable_lead_is_found_in_four_of_five_studies():
    rng = np.random.default_rng(0)
    scatter = rng.normal(0, 0.2, (15, 1))
    lead = detectable_lead(scatter)[0]
    draws = rng.normal(lead, scatter.std(ddof=1), (4000, 15))
    assert (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.02)


def test_what_cannot_be_known_is_missing():
    assert np.isnan(detectable_lead(np.zeros((5, 1)))).all()
    assert np.isnan(detectable_lead(np.ones((1, 2)))).all()
    assert np.isnan(interval_by_pairs(np.ones((1, 2)))).all()
    alike = bx.headroom(rows("sw", "tl", en=[1, 0] * 5, fr=[1, 0] * 5), resamples=20).iloc[0]
    assert np.isnan(alike.reliability)
    assert np.isnan([alike.headroom_low, alike.split_high]).all()


def test_the_card_has_the_options():
    card = bx.headroom(three_pairs(), resamples=20, seed=5).attrs["card"]
    assert (card["function"], card["options"]) == ("headroom", {"resamples": 20, "seed": 5})


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (rows("sw", "tl", en=[1], fr=[0]), "sw-tl has one item"),
        (rows("sw", "tl", zero=[1, 0]), "sw-tl was asked through no bridge"),
    ],
)
def test_items_that_do_not_suffice_are_refused(items, message):
    with pytest.raises(bx.InputError, match=message):
        bx.headroom(items)
