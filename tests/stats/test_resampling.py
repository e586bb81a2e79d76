"""Bootstrap intervals and Holm's correction by hand."""

import numpy as np
import pytest

import bridgex_nb as bx
from bridgex_nb.stats import beyond_random, holm, percentile_interval


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


@pytest.mark.parametrize("resamples", [0, -1])
@pytest.mark.parametrize(
    "function",
    [
        lambda **options: bx.compare(None, **options),
        lambda **options: bx.translation_scores(None, **options),
        lambda **options: bx.regret(None, None, **options),
        lambda **options: bx.leaderboard(None, None, **options),
        lambda **options: bx.headroom(None, **options),
        lambda **options: beyond_random(np.zeros(3), np.zeros((2, 3)), seed=0, **options),
        lambda **options: bx.bridge_causality(None, "sw", "tl", "en", None, **options),
        lambda **options: bx.contrast_shift(None, None, None, None, **options),
        lambda **options: bx.language_shift_score(None, None, None, None, on=None, off=None, **options),
        lambda **options: bx.deactivation_matrix(None, None, None, **options),
        lambda **options: bx.alignment(None, None, **options),
    ],
    ids=[
        "compare",
        "translation",
        "regret",
        "leaderboard",
        "headroom",
        "random",
        "causality",
        "contrast",
        "shift",
        "matrix",
        "alignment",
    ],
)
def test_intervals_without_a_draw_are_refused_before_anything_is_computed(function, resamples):
    with pytest.raises(bx.InputError, match=f"resamples={resamples}: the intervals need at least one bootstrap draw"):
        function(resamples=resamples)
