"""How certain a ranking is: bootstrap, permutation test and Holm's correction, by simulation and against loops."""

import numpy as np
import pandas as pd
import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.bridges._resample import resample
from bridgex_nb.stats._hsic import hsic_scaled, scale, standardize


def ranking(x, y, **options):
    """Ranking in a model of one layer: x [n1, S], shared by sw and tl, and y {bridge: [n2, S]}, the bridge-specific neurons."""
    rows = [x, *y.values()]
    owner = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor([len(neurons) for neurons in rows]))[None]
    sets = {"sw": owner == 0, "tl": owner == 0} | {bridge: owner == i for i, bridge in enumerate(y, start=1)}
    probe = bx.ProbeActivations(torch.cat(rows)[None], tuple(map(str, range(x.shape[1]))), "sw", "tl", None, {})
    return bx.rank_bridges(probe, sets, list(y), window=(0, 1), **options)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def dependent(samples, generator):
    """Three neurons on each side, all driven by two hidden causes."""
    causes = torch.randn(2, samples, generator=generator)
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]]) @ causes + 0.7 * torch.randn(3, samples, generator=generator)
    y = torch.tensor([[1.0, 0.3], [0.2, -1.0], [0.0, 1.0]]) @ causes + 0.7 * torch.randn(3, samples, generator=generator)
    return x.tanh(), y.tanh()


# By simulation


@pytest.mark.slow
def test_permutation_test_keeps_its_level():
    # With 19 permutations p is 1/20, 2/20, …: a test at 5 % is exact, and cheap.
    rejected = 0
    for seed in range(1000):
        values = torch.randn(3, 15, generator=seeded(seed))
        rejected += ranking(values[:1], {"en": values[1:]}, sigma=1.0, resamples=19, seed=seed).table.p[0] <= 0.05
    print(f"\npermutation test at 5 %: {rejected / 10:.1f} % of 1,000 independent draws rejected")
    assert 30 <= rejected <= 70


def mixtures(samples, generator):
    """Eight neurons on each side, noisy mixtures of five hidden causes: all are dependent, as real neurons are."""
    mix = torch.randn(2, 8, 5, generator=seeded(5))
    x, y = mix @ torch.randn(5, samples, generator=generator)
    return tuple((rows + torch.randn(8, samples, generator=generator)).sigmoid() for rows in (x, y))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("neurons", "sigma"),
    [(dependent, "profile-median"), (mixtures, "profile-median"), (dependent, 1.0), (dependent, 3.0)],
)
def test_bootstrap_interval_covers_the_truth(neurons, sigma):
    # The truth is the mean of the score over independent draws of the same number of samples.
    samples, trials = 200, 100
    truth = np.mean([bx.hsic_score(bx.hsic(*neurons(samples, seeded(10_000 + i)), sigma)) for i in range(500)])
    covered = 0
    for seed in range(trials):
        x, y = neurons(samples, seeded(seed))
        row = ranking(x, {"en": y}, sigma=sigma, seed=seed, resamples=199).table.iloc[0]
        covered += row.low <= truth <= row.high
    print(f"\n95 % bootstrap intervals, sigma {sigma}, {neurons.__name__} neurons: {covered / trials:.1%} cover the truth")
    assert 0.92 <= covered / trials <= 0.98


def test_permutation_test_detects_dependence():
    for seed in range(5):
        x, y = dependent(100, seeded(seed))
        table = ranking(x, {"en": y, "fr": torch.randn(2, 100, generator=seeded(100 + seed))}, sigma=1.0, resamples=99).table
        p = table.set_index("bridge").p
        assert p["en"] == 0.01
        assert p["fr"] > 0.02


# By definition


def test_hsic_of_a_draw_is_the_gram_form_of_the_drawn_samples():
    x, y = (standardize(rows) for rows in dependent(60, seeded(0)))
    draw = torch.randint(60, (60,), generator=seeded(1))
    centre = np.eye(60) - 1 / 60

    def gram(row):
        row = row[draw].numpy()
        return centre @ np.exp(-((row[:, None] - row) ** 2) / 2) @ centre

    expected = np.array([[(gram(a) * gram(b)).sum() for b in y] for a in x]) / 59**2
    quick = hsic_scaled(x[:, draw], y[:, draw], "biased", 1e-9)
    assert quick.numpy() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("estimator", ["biased", "unbiased", "normalized", "reference"])
@pytest.mark.parametrize("sigma", [1.0, "profile-median", "sample-median"])
def test_draws_and_permutations_are_those_of_a_loop(sigma, estimator):
    x, y = dependent(30, seeded(0))
    drawn, null = resample([[(x, y)], [(x, y), (x, y)]], sigma, estimator, 5, 7)
    # The second bridge has the same layer twice: the mean over its layers is the score of the first bridge.
    assert np.allclose(drawn[:, 0], drawn[:, 1])
    assert np.allclose(null[:, 0], null[:, 1])
    generator = seeded(7)
    for i in range(5):
        draw = torch.randint(30, (30,), generator=generator)
        order = torch.randperm(30, generator=generator)
        fixed = scale(standardize(x), standardize(y), sigma, estimator)
        expected = [
            bx.hsic_score(bx.hsic(x[:, draw], y[:, draw], sigma, estimator)),
            bx.hsic_score(hsic_scaled(fixed[0], fixed[1][:, order], estimator, 1e-9)),
        ]
        assert [drawn[i, 0], null[i, 0]] == pytest.approx(expected, rel=1e-5)


def test_the_seed_decides_the_draws():
    x, y = dependent(40, seeded(0))
    bridges = {"en": y, "fr": y.roll(3, dims=1)}
    first, same, other = (ranking(x, bridges, resamples=20, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.table, same.table)
    assert first.lead == same.lead
    assert first.lead != other.lead
    assert first.table.score.tolist() == other.table.score.tolist()


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    x, y = dependent(40, seeded(0))
    ranking(x, {"en": y}, resamples=5)
    assert torch.equal(torch.get_rng_state(), before)


# Ties


def test_two_identical_bridges_are_a_tie():
    x, y = dependent(60, seeded(0))
    result = ranking(x, {"en": y, "fr": y.clone()}, resamples=50)
    assert result.lead == pytest.approx((0, 0))
    assert result.tie


def test_a_clear_lead_is_not_a_tie():
    x, y = dependent(200, seeded(0))
    result = ranking(x, {"fr": torch.randn(3, 200, generator=seeded(1)), "en": y}, resamples=100)
    assert result.best == "en"
    assert result.lead[0] > 0
    assert not result.tie
    assert result.probability == 1
    assert result.table.wins.sum() == pytest.approx(1)


def test_a_single_bridge_is_not_a_tie():
    x, y = dependent(40, seeded(0))
    result = ranking(x, {"en": y}, resamples=20)
    assert np.isnan(result.lead).all()
    assert not result.tie
    assert result.probability == 1


def test_without_resamples_nothing_is_said_about_certainty():
    x, y = dependent(40, seeded(0))
    result = ranking(x, {"en": y, "fr": y.roll(3, dims=1)}, resamples=0)
    assert result.tie is None
    assert result.probability is None
    assert np.isnan(result.lead).all()
    assert result.summary == f"Best bridge: {bx.language(result.best).name}, over 40 words."


def test_a_negative_number_of_resamples_is_refused():
    x, y = dependent(40, seeded(0))
    with pytest.raises(bx.InputError, match="resamples=-1"):
        ranking(x, {"en": y}, resamples=-1)
