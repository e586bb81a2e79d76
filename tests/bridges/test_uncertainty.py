"""How certain a ranking is: bootstrap, permutation test and Holm's correction, by simulation and against loops."""

import numpy as np
import pandas as pd
import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.bridges._layer_rows import LayerRows
from bridgex_nb.bridges._resample import draw_prompts, drawn_scores, permuted_scores
from bridgex_nb.stats._hsic import hsic_scaled, scale, standardize
from bridgex_nb.utils._progress import progress_bar


def ranking(x, y, **options):
    """Ranking in a model of one layer: x [n1, S], shared by sw and tl, and y {bridge: [n2, S]}, the bridge-specific neurons."""
    rows = [x, *y.values()]
    owner = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor([len(neurons) for neurons in rows]))[None]
    sets = {"sw": owner == 0, "tl": owner == 0} | {bridge: owner == i for i, bridge in enumerate(y, start=1)}
    probe = bx.ProbeActivations(torch.cat(rows)[None], tuple(map(str, range(x.shape[1]))), "sw", "tl", None, {})
    return bx.rank_bridges(probe, sets, list(y), rule="exclusive", window=(0, 1), **options)


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
    first, second = torch.arange(6) < 3, torch.arange(6) >= 3
    layers = [LayerRows(0, torch.cat([x, y]), first, {"en": second, "fr": first}), LayerRows(2, torch.cat([x, y]), first, {})]
    draws, orders = draw_prompts(30, 5, 7)
    with progress_bar(total=1, desc="", unit="draw") as bar:
        drawn = drawn_scores(layers, ["fr", "en"], sigma, estimator, draws, bar)
        null = permuted_scores(layers, ["fr", "en"], sigma, estimator, orders, bar)
    assert drawn[:, 1].isnan().all()  # no bridge has neurons in the second layer
    assert null[:, 1].isnan().all()
    generator = seeded(7)
    for i in range(5):
        draw = torch.randint(30, (30,), generator=generator)
        order = torch.randperm(30, generator=generator)
        for bridge, rows in enumerate((x, y)):
            fixed = scale(standardize(x), standardize(rows), sigma, estimator)
            expected = [
                bx.hsic_score(bx.hsic(x[:, draw], rows[:, draw], sigma, estimator)),
                bx.hsic_score(hsic_scaled(fixed[0], fixed[1][:, order], estimator, 1e-9)),
            ]
            # Wide kernels have few features in draws, in single precision: far below what draws differ by.
            rel = 1e-4 if sigma == "profile-median" else 1e-5
            assert [drawn[i, 0, bridge], null[i, 0, bridge]] == pytest.approx(expected, rel=rel)


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


# Against chance


def test_null_excess_and_z_are_those_of_the_permutations():
    x, y = dependent(40, seeded(0))
    result = ranking(x, {"en": y}, resamples=30, seed=3)
    fixed = scale(standardize(x), standardize(y), "profile-median", "biased")
    orders = draw_prompts(40, 30, 3)[1]
    null = np.array([bx.hsic_score(hsic_scaled(fixed[0], fixed[1][:, order], "biased", 1e-9)) for order in orders])
    row = result.table.iloc[0]
    assert [row.null, row.excess] == pytest.approx([null.mean(), row.score - null.mean()], rel=1e-4)
    assert row.z == pytest.approx(row.excess / null.std(ddof=1), rel=1e-4)
    assert result.by_layer[["null", "excess"]].iloc[0].tolist() == pytest.approx([row.null, row.excess])


def test_the_excess_does_not_grow_with_the_number_of_neurons():
    """Noise: the mean score follows the sizes of the bridges' sets, the mean excess stays 0."""
    sizes = {"en": 2, "de": 5, "fr": 12, "it": 30}
    tables = []
    for seed in range(20):
        x, *rows = torch.randn(15 + 49, 60, generator=seeded(seed)).split([15, *sizes.values()])
        tables.append(ranking(x, dict(zip(sizes, rows, strict=True)), resamples=20, seed=seed).table.set_index("bridge"))
    score, excess, deviation = (np.array([[t.loc[b, c] for b in sizes] for t in tables]) for c in ("score", "excess", "null"))
    assert (np.diff(score.mean(axis=0)) > 0).all()
    assert score.mean(axis=0)[-1] > 1.5 * score.mean(axis=0)[0]
    assert np.abs(excess.mean(axis=0)).max() < 0.1 * deviation.mean()


def test_ranking_by_excess():
    # The neurons of it are many and noise, the one of en depends a little on one shared neuron.
    noise = torch.randn(60, 60, generator=seeded(1))
    x, many = noise[:10], noise[10:]
    y = x[:1] + 2 * torch.randn(1, 60, generator=seeded(2))
    by_score, by_excess = (ranking(x, {"it": many, "en": y}, resamples=50, by=by) for by in ("score", "excess"))
    assert (by_score.best, by_excess.best) == ("it", "en")
    assert by_excess.table.excess.is_monotonic_decreasing
    assert by_excess.lead[0] < by_excess.table.excess[0] - by_excess.table.excess[1] < by_excess.lead[1]
    assert by_excess.card["options"]["by"] == by_excess.by == "excess"


def test_permuted_scores_that_do_not_vary_give_no_z():
    # One neuron on each side: the released code's bandwidth is then 1e-6, and every score S - 1.
    x, y = torch.randn(2, 1, 30, generator=seeded(0))
    row = ranking(x, {"en": y}, resamples=20, estimator="reference").table.iloc[0]
    assert [row.score, row.null, row.excess, row.z] == pytest.approx([29, 29, 0, 0])


# Over sentences


def layered(x, y, drawn, **options):
    """Ranking in a model of one layer whose sets hold other neurons of `y` in each draw: {bridge: [neuron, …]}."""
    probe = bx.ProbeActivations(torch.cat([x, y])[None], tuple(map(str, range(x.shape[1]))), "sw", "tl", None, {})
    shared = (torch.arange(len(x) + len(y)) < len(x))[None]

    def sets(own):
        return {"sw": shared, "tl": shared} | {
            code: torch.isin(torch.arange(len(x) + len(y)), torch.tensor(rows) + len(x))[None] for code, rows in own.items()
        }

    first, *others = map(sets, drawn)
    return bx.rank_bridges(probe, first, list(drawn[0]), rule="exclusive", window=(0, 1), redraws=others or None, **options)


def test_redraws_that_equal_the_sets_change_nothing():
    x, y = dependent(40, seeded(0))
    own = {"en": [0, 1], "fr": [2]}
    alone, drawn = layered(x, y, [own]), layered(x, y, [own] * 5)
    columns = ["score", "null", "excess", "z", "low", "high", "wins", "tied", "p"]
    pd.testing.assert_frame_equal(alone.table[columns], drawn.table[columns])
    assert (alone.redraws, drawn.redraws) == (0, 4)
    assert "and of the sentences" in drawn._drawn()
    assert "redraws" not in alone.card["options"]
    assert drawn.card["options"]["redraws"]["draws"] == 4


def test_intervals_widen_with_sets_that_vary():
    x, y = dependent(100, seeded(0))
    y = torch.cat([y, torch.randn(3, 100, generator=seeded(1))])
    own = {"en": [0, 1, 2], "fr": [3, 4, 5]}
    alone = layered(x, y, [own])
    varied = layered(x, y, [own, own, {"en": [3, 1, 4], "fr": [0, 2, 5]}])
    width = {name: (r.table.high - r.table.low)[0] for name, r in (("alone", alone), ("varied", varied))}
    assert width["varied"] > 1.3 * width["alone"]
    assert not alone.tie
    assert varied.tie
    assert varied.probability < 1


def test_draws_without_anything_to_rank_are_left_out_and_noted():
    x, y = dependent(40, seeded(0))
    probe = bx.ProbeActivations(torch.cat([x, y])[None], tuple(map(str, range(40))), "sw", "tl", None, {})
    first = (torch.arange(6) < 3)[None]
    sets = {"sw": first, "tl": first, "en": ~first}
    nothing = {"sw": first, "tl": ~first, "en": ~first}
    options = {"rule": "exclusive", "window": (0, 1), "resamples": 20}
    drawn = bx.rank_bridges(probe, sets, ["en"], redraws=[sets, nothing], **options)
    assert drawn.notes[-1] == "Left out of the intervals: 1 of 2 draws of the sets, without shared neurons in layer 0."
    alone = bx.rank_bridges(probe, sets, ["en"], redraws=[nothing], **options)
    expected = bx.rank_bridges(probe, sets, ["en"], **options)
    pd.testing.assert_frame_equal(alone.table, expected.table)


def test_a_bridge_without_neurons_in_a_draw_scores_0_there():
    x, y = dependent(40, seeded(0))
    table = layered(x, y, [{"en": [0], "fr": [1]}, {"en": [0], "fr": []}, {"en": [0], "fr": [1]}]).table.set_index("bridge")
    assert np.isfinite(table.select_dtypes("number")).all(axis=None)
    assert table.high["fr"] - table.low["fr"] >= table.score["fr"]


# Ties


def test_tied_bridges_are_those_that_the_draws_do_not_separate():
    x, y = dependent(150, seeded(0))
    rows = {"en": y, "fr": y + 0.05 * torch.randn(3, 150, generator=seeded(1)), "de": torch.randn(3, 150, generator=seeded(2))}
    result = ranking(x, rows, resamples=100)
    assert dict(zip(result.table.bridge, result.table.tied, strict=True)) == {"en": False, "fr": True, "de": False} or (
        result.best == "fr" and result.table.tied.tolist() == [False, True, False]
    )
    assert result.tie


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
    assert not {"low", "excess", "tied", "p"} & set(result.table)
    assert "null" not in result.by_layer


def test_a_negative_number_of_resamples_is_refused():
    x, y = dependent(40, seeded(0))
    with pytest.raises(bx.InputError, match="resamples=-1"):
        ranking(x, {"en": y}, resamples=-1)


@pytest.mark.parametrize("estimator", ["biased", "unbiased", "normalized"])
def test_rounding_is_no_evidence(estimator):
    """Neurons that fire on one prompt each, never the same one: permuted scores are nearly all equal to the score."""
    values = torch.zeros(1, 8, 380)
    for neuron in range(8):
        values[0, neuron, 40 * neuron + 3] = 1.0
    kept = torch.ones(1, 8, dtype=torch.bool)
    sets = {code: torch.zeros(1, 8, dtype=torch.bool) for code in ("sw", "tl", "en", "fr")}
    sets["sw"][0, :3] = sets["tl"][0, :3] = sets["en"][0, 3:6] = sets["fr"][0, 6:] = True
    probe = bx.ProbeActivations(values[kept], tuple(map(str, range(380))), "sw", "tl", kept, {})
    options = {"rule": "exclusive", "window": (0, 1), "estimator": estimator, "resamples": 100}
    table = bx.rank_bridges(probe, sets, ["en", "fr"], **options).table
    assert (table.p > 0.5).all()
    assert (table.z.abs() < 2).all()
