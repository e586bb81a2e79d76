"""Kendall's W against Friedman's test of scipy, which is M (B - 1) W with the same correction for ties."""

import numpy as np
import pytest
from scipy import stats

import bridgex_nb as bx


@pytest.mark.parametrize(("judges", "things", "values"), [(4, 6, 1000), (9, 3, 1000), (7, 6, 3), (12, 5, 2)])
def test_w_is_that_of_friedmans_test(judges, things, values):
    scores = np.random.default_rng(judges).integers(values, size=(judges, things))
    friedman = stats.friedmanchisquare(*scores.T).statistic
    assert bx.kendall_w(scores) == pytest.approx(friedman / (judges * (things - 1)))


def test_independent_judges_have_a_w_of_one_over_their_number():
    rng = np.random.default_rng(0)
    assert np.mean([bx.kendall_w(rng.random((8, 6))) for _ in range(2000)]) == pytest.approx(1 / 8, abs=0.005)


def test_same_opposite_and_undecided():
    assert bx.kendall_w([[1, 2, 2, 5]] * 3) == 1
    assert bx.kendall_w([[1, 2, 3], [3, 2, 1]]) == 0
    assert np.isnan(bx.kendall_w([[1, 1], [2, 2]]))


@pytest.mark.parametrize(
    ("scores", "message"),
    [([[1, 2]], "two or more of both"), ([1, 2], "two or more"), ([[1, np.nan], [1, 2]], "some are missing")],
)
def test_what_is_no_ranking_is_refused(scores, message):
    with pytest.raises(bx.InputError, match=message):
        bx.kendall_w(scores)
