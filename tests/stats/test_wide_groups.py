"""Groups of neurons that share one product of few features, against each pair of groups alone and against Gram matrices."""

import numpy as np
import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.bridges._layer_rows import LayerRows
from bridgex_nb.bridges._wide_scores import drawn_wide, layer_groups, permuted_wide
from bridgex_nb.stats._hsic import standardize
from bridgex_nb.stats._profile_widths import couples, interpolation, widths
from bridgex_nb.stats._wide_groups import exact_scores, wide_groups

ESTIMATORS = ["biased", "normalized", "reference"]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def neurons(count, samples, seed=0):
    """Mixtures of a few causes, some with rare and large values, as after a gate."""
    mixed = torch.randn(count, 5, generator=seeded(seed)) @ torch.randn(5, samples, generator=seeded(seed + 1))
    mixed += torch.randn(count, samples, generator=seeded(seed + 2))
    mixed[::3] = mixed[::3].exp()
    return mixed


def groups(count, of, seed=3):
    return [torch.rand(count, generator=seeded(seed + i)) < 0.4 for i in range(of)]


def gram_scores(rows, first, second, estimator):
    """Score of two groups from S x S matrices, with the bandwidth and the estimator written out."""
    z = rows.double().numpy()
    z = (z - z.mean(1, keepdims=True)) / (z.std(1, ddof=1, keepdims=True) + 1e-6)
    x, y, samples = z[first.numpy()], z[second.numpy()], z.shape[1]

    def distances(a, b):
        return np.sqrt(np.maximum(((a[:, None] - b[None]) ** 2).sum(-1), 0))

    if estimator == "reference":
        entries = np.sort(np.concatenate([distances(x, x).ravel(), distances(y, y).ravel()]))
        sigma = entries[(len(entries) - 1) // 2] + 1e-6
    else:
        both = np.concatenate([x, y])
        sigma = np.median(distances(both, both)[np.triu_indices(len(both), 1)])
    centre = np.eye(samples) - 1 / samples
    k, m = (np.exp(-((r[:, :, None] - r[:, None]) ** 2) / (2 * sigma**2)) for r in (x, y))
    if estimator == "reference":
        h = np.einsum("iab,jab->ij", k, centre @ m)
    else:
        k, m = centre @ k @ centre, centre @ m @ centre
        h = np.einsum("iab,jab->ij", k, m) / (samples - 1) ** 2
        if estimator == "normalized":
            own = [np.einsum("iab,iab->i", kernel, kernel) / (samples - 1) ** 2 for kernel in (k, m)]
            h = h / np.sqrt(own[0][:, None] * own[1])
    return (h.max(1).mean() + h.max(0).mean()) / 2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_scores_of_all_pairs_are_those_of_gram_matrices(estimator):
    rows = neurons(30, 60)
    chosen = groups(30, 5)
    pairs = [(a, b) for i, a in enumerate(chosen) for b in chosen[:i]]
    shared = wide_groups(standardize(rows), pairs, estimator)
    assert shared is not None
    assert shared.width.max() > 1.01 * shared.width.min()  # there is something to interpolate
    expected = [gram_scores(rows, a, b, estimator) for a, b in pairs]
    assert exact_scores(shared).tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_draws_are_those_of_gram_matrices(estimator):
    rows = neurons(25, 80)
    rows[2] = 0.3
    rows[2, :2] = 5.0  # constant in draws without the first two samples
    first, *others = groups(25, 4)
    first[2] = True
    layer = LayerRows(0, rows, first, dict(zip("abc", others, strict=True)))
    draws = torch.randint(80, (12, 80), generator=seeded(9))
    constant = (rows[2][draws] == 0.3).all(dim=1)
    assert 0 < constant.sum() < 12
    scores = drawn_wide(layer_groups(layer, estimator), rows, draws)
    for i, draw in enumerate(draws):
        if constant[i] and estimator == "normalized":
            continue  # 0 / 0 in the Gram form
        expected = [gram_scores(rows[:, draw], first, own, estimator) for own in others]
        assert scores[i].tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_permutations_in_order_are_the_exact_scores(estimator):
    rows = neurons(25, 80)
    first, *others = groups(25, 4)
    of = layer_groups(LayerRows(0, rows, first, dict(zip("abc", others, strict=True))), estimator)
    scores = permuted_wide(of, torch.arange(80).expand(3, -1))
    assert scores[2].tolist() == pytest.approx(exact_scores(of).tolist(), rel=1e-4)


def test_an_outlier_of_its_own_is_exact():
    """A neuron that is active on one prompt reaches as far as any can."""
    rows = neurons(12, 300)
    rows[4] = 0
    rows[4, 7] = 3.0
    rows[5, 7] += 40
    chosen = groups(12, 2)
    of = wide_groups(standardize(rows), [(chosen[0], chosen[1])], "biased")
    assert exact_scores(of).item() == pytest.approx(gram_scores(rows, *chosen, "biased"), rel=1e-6)


def test_an_estimator_whose_terms_cancel_is_refused():
    chosen = groups(12, 2)
    assert wide_groups(standardize(neurons(12, 100)), [(chosen[0], chosen[1])], "unbiased") is None


def test_a_narrow_kernel_is_refused():
    # One neuron on each side: the bandwidth of the released code is 1e-6.
    rows = neurons(2, 50)
    assert wide_groups(standardize(rows), [(torch.tensor([True, False]), torch.tensor([False, True]))], "reference") is None


def test_bandwidths_count_a_neuron_of_both_groups_twice():
    rows = standardize(neurons(10, 40))
    x, y = torch.tensor([0, 1, 2, 3]), torch.tensor([2, 3, 4, 5, 6])
    both = torch.cat([rows[x], rows[y]]).numpy()
    expected = np.median(np.sqrt(((both[:, None] - both[None]) ** 2).sum(-1))[np.triu_indices(9, 1)])
    found = widths((rows @ rows.T)[None], [couples(x, y, 10, reference=False)], reference=False)
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("split", [False, True])
def test_interpolation_is_exact_for_a_series_of_two_terms(split):
    width = torch.tensor([[20.0, 21.0, 22.0, 23.0, 24.0]], dtype=torch.float64)
    at = interpolation(width, 2, 1e-5, split=split)
    assert at.nodes.shape[1] < 5
    parts = []  # s^2 (1 + s) and 3 s^3, the term of the next order
    for sigma, terms in zip(at.nodes[0], at.terms, strict=True):
        s = sigma**-2
        parts += [s**2 * (1 + s), 3 * s**3, 0 * s][:terms] if split else [s**2 * (1 + s) + 3 * s**3]
    s = width[0] ** -2
    found = (torch.stack(parts)[None, :, None] * at.shares).sum(dim=1)[0]
    assert found.tolist() == pytest.approx((s**2 * (1 + s) + 3 * s**3).tolist(), rel=1e-12)


def test_a_single_bridge_and_equal_bandwidths_need_no_interpolation():
    for width in ([[20.0]], [[20.0, 20.0, 20.0]]):
        at = interpolation(torch.tensor(width, dtype=torch.float64), 2, 1e-5, split=True)
        assert at.nodes.tolist()[0] == [pytest.approx(20.0)]
        assert at.shares.sum(dim=1).tolist() == [pytest.approx([1.0] * len(width[0]))]


def test_intervals_are_those_of_exact_draws_within_their_monte_carlo_error():
    rows = neurons(40, 120)
    first, *others = groups(40, 3)
    layer = LayerRows(0, rows, first, dict(zip("ab", others, strict=True)))
    draws = torch.randint(120, (60, 120), generator=seeded(4))
    quick = drawn_wide(layer_groups(layer, "biased"), rows, draws).numpy()
    exact = np.array([[bx.hsic_score(bx.hsic(rows[first][:, draw], rows[own][:, draw])) for own in others] for draw in draws])
    for end in (2.5, 97.5):
        error = np.abs(np.percentile(quick, end, axis=0) - np.percentile(exact, end, axis=0))
        # The Monte Carlo error of an end of an interval is about 0.2 standard deviations of the draws.
        assert (error < 0.01 * exact.std(axis=0)).all()
