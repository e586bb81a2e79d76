"""HSIC against its definition: S x S Gram matrices in float64, one pair of neurons at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

import bridgex_nb as bx
from bridgex_nb.stats import _hsic, _kernel_features
from bridgex_nb.stats._hsic import ESTIMATORS, hsic_scaled, profile_median, reference_median, sample_median, scale, standardize
from bridgex_nb.stats._kernel_features import choose_basis, features

SIGMAS = (0.05, 0.5, 1.0, 3.0, "profile-median", "sample-median")


def gram_hsic(x, y, sigma="profile-median", estimator="biased"):
    """Each estimator by its definition, from the two Gram matrices of every pair of rows."""
    x, y = (np.asarray(rows, dtype=np.float64) for rows in (x, y))
    x, y = ((rows - rows.mean(1, keepdims=True)) / (rows.std(1, ddof=1, keepdims=True) + 1e-6) for rows in (x, y))
    if sigma == "profile-median":
        sigma = released_sigma(x, y) if estimator == "reference" else np.median(pdist(np.concatenate([x, y]))) or 1.0

    def gram(row):
        width = (np.percentile(pdist(row[:, None]), 50, method="lower") or 1.0) if sigma == "sample-median" else sigma
        return np.exp(-((row[:, None] - row) ** 2) / (2 * width**2))

    return np.array([[one_pair(k, g, estimator) for g in map(gram, y)] for k in map(gram, x)])


def released_sigma(x, y):
    """Bandwidth of the released code, from its description: the lower median of all entries of both distance matrices."""
    entries = np.sort(np.concatenate([cdist(x, x).ravel(), cdist(y, y).ravel()]))
    return entries[(len(entries) - 1) // 2] + 1e-6


def one_pair(k, g, estimator):
    samples = len(k)
    centre = np.eye(samples) - 1 / samples
    if estimator == "reference":
        return np.trace(k @ centre @ g)
    if estimator == "unbiased":  # Song et al. 2012, eq. 5, term by term
        k, g, ones = k - np.diag(np.diag(k)), g - np.diag(np.diag(g)), np.ones(samples)
        first = np.trace(k @ g) + (ones @ k @ ones) * (ones @ g @ ones) / ((samples - 1) * (samples - 2))
        return (first - 2 / (samples - 2) * (ones @ k @ g @ ones)) / (samples * (samples - 3))
    biased = np.trace(k @ centre @ g @ centre) / (samples - 1) ** 2
    if estimator == "biased":
        return biased
    norm = np.sqrt(max(one_pair(k, k, "biased"), 0) * max(one_pair(g, g, "biased"), 0))
    return biased / norm if norm > 1e-25 else 0.0


def neurons(kind, rows, samples, seed=0):
    """Rows of one kind of distribution, [rows, samples] float32."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(rows, samples, generator=generator)
    if kind == "heavy tails":  # Cauchy: single samples lie hundreds of standard deviations from the others
        return normal / torch.randn(rows, samples, generator=generator)
    if kind == "duplicates":
        return normal[torch.arange(rows) // 2]
    if kind == "constant rows":
        return torch.where(torch.arange(rows)[:, None] % 2 == 0, normal, torch.tensor(0.1))
    return normal


def agrees(result, expected):
    """Relative error below 1e-5, or absolute error within rounding of the largest entry."""
    return np.allclose(result.numpy(), expected, rtol=1e-5, atol=1e-9 * np.abs(expected).max())


# Against the Gram form


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("samples", [2, 3, 10, 150])
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "duplicates", "constant rows"])
def test_equals_the_gram_form(kind, samples, sigma, estimator):
    if estimator == "unbiased" and samples < 4:
        pytest.skip("divides by S - 3")
    x, y = neurons(kind, 5, samples), neurons(kind, 4, samples, seed=1)
    y[0] = x[0].square()
    assert agrees(bx.hsic(x, y, sigma, estimator), gram_hsic(x, y, sigma, estimator))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("sigma", [1.0, 3.0, "profile-median"])
def test_equals_the_gram_form_at_many_samples(sigma, estimator):
    x, y = neurons("normal", 2, 700), neurons("heavy tails", 2, 700)
    assert agrees(bx.hsic(x, y, sigma, estimator), gram_hsic(x, y, sigma, estimator))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("sigma", "samples", "route"),
    [(3.0, 300, "powers"), (0.3, 300, "grid"), (1.0, 5, "Gram matrices"), (0.05, 300, "Gram matrices")],
)
def test_every_route_equals_the_gram_form(sigma, samples, route, estimator, monkeypatch):
    chosen = []
    monkeypatch.setattr(_hsic, "choose_basis", lambda *args: [chosen.append(choose_basis(*args)), chosen[-1]][1])
    x, y = neurons("normal", 3, samples), neurons("normal", 2, samples, seed=1)
    y[0] = x[0].square()
    assert agrees(bx.hsic(x, y, sigma, estimator), gram_hsic(x, y, sigma, estimator))
    assert route == ("Gram matrices" if chosen[0] is None else "grid" if chosen[0].edge else "powers")


@pytest.mark.parametrize("sigma", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_features_give_the_kernel_within_the_tolerance(sigma, tolerance):
    x = neurons("normal", 1, 300).double() / sigma
    basis = choose_basis(x, x, tolerance, 10_000)
    phi = features(x, basis)[0]
    exact = torch.exp(-((x.T - x) ** 2) / 2)
    # The first power feature omits its 1.
    values = phi.T @ phi + (0 if basis.edge else 1 + phi[:1] + phi[:1].T)
    assert (values - exact).abs().max() < 2 * tolerance


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("sigma", "gone"), [(0.3, "_from_grams"), (3.0, "_from_grams"), (0.01, "moments")])
def test_blocks_do_not_change_the_result(sigma, gone, estimator, monkeypatch):
    x, y = neurons("normal", 7, 900), neurons("normal", 5, 900, seed=1)
    monkeypatch.delattr(_hsic, gone)
    whole = bx.hsic(x, y, sigma, estimator)
    # Blocks of one neuron and of a few; blocks of 256 samples (the minimum) and of all samples.
    for size, cached in [(1, 1), (20_000, 2**30)]:
        monkeypatch.setattr(_hsic, "_BLOCK", size)
        monkeypatch.setattr(_kernel_features, "_CACHED", cached)
        assert torch.allclose(bx.hsic(x, y, sigma, estimator), whole, rtol=1e-8, atol=1e-11 * float(whole.max()))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("sigma", [0.05, 1.0, "profile-median", "sample-median"])
def test_a_batch_agrees_with_its_members(sigma, estimator):
    x, y = (
        torch.stack([neurons("normal", 3, 80, s) for s in (0, 1)]),
        torch.stack([neurons("heavy tails", 2, 80, s) for s in (2, 3)]),
    )
    together = hsic_scaled(*scale(standardize(x), standardize(y), sigma, estimator), estimator, 1e-9)
    alone = torch.stack([bx.hsic(*rows, sigma, estimator) for rows in zip(x, y, strict=True)])
    assert torch.allclose(together, alone, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("sigma", [0.3, 1.0, "profile-median", "sample-median"])
@pytest.mark.parametrize("kind", ["normal", "duplicates", "constant rows"])
def test_features_in_float32_as_on_a_gpu(kind, sigma, estimator):
    x, y = neurons(kind, 5, 400), neurons(kind, 4, 400, seed=1)
    y[0] = x[0].square()
    scaled = [rows.float() for rows in scale(standardize(x), standardize(y), sigma, estimator)]
    result = hsic_scaled(*scaled, estimator, 1e-9)
    exact = bx.hsic(x, y, sigma, estimator)
    own = [hsic_scaled(r[:, None].double(), r[:, None].double(), "biased", 1e-9).flatten() for r in scaled]
    unit = (
        1.0
        if estimator == "normalized"
        else (own[0][:, None] * own[1]).sqrt().max() * (399**2 if estimator == "reference" else 1)
    )
    assert ((result - exact).abs() / unit).max() < 1e-4


def test_dependence_without_correlation_is_detected():
    x = neurons("normal", 1, 500)
    dependent, independent = bx.hsic(x, torch.cat([x.square(), neurons("normal", 1, 500, seed=1)]), sigma=1.0)[0]
    assert dependent > 10 * independent


def test_constant_row_has_no_dependence():
    x = torch.cat([neurons("normal", 2, 50), torch.full((1, 50), 0.1)])
    h = bx.hsic(x, x)
    assert h[2].abs().max() < 1e-12
    assert h[:2, :2].min() > 0


def test_all_rows_constant():
    h = bx.hsic(torch.ones(2, 10), torch.zeros(3, 10))
    assert torch.equal(h, torch.zeros(2, 3, dtype=torch.float64))


def test_no_neurons():
    assert bx.hsic(torch.empty(0, 10), torch.randn(3, 10)).shape == (0, 3)
    assert bx.hsic(torch.randn(3, 10), torch.empty(0, 10)).shape == (3, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
def test_any_dtype_is_computed_in_float64(dtype):
    x = (10 * neurons("normal", 3, 40)).to(dtype)
    assert agrees(bx.hsic(x, x), gram_hsic(x.double(), x.double()))


def test_rows_that_differ_only_in_scale_have_a_result():
    # Their median distance is a rounding error: a bandwidth so small that no number of features would suffice.
    x = neurons("normal", 1, 100)
    assert agrees(bx.hsic(x, 2 * x + 1, 1e-7), np.array([[1 / 99]]))
    assert bx.hsic(x, 2 * x + 1).item() == pytest.approx(bx.hsic(x, x).item(), rel=1e-4)


# Bandwidth


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_profile_median(rows):
    # 1 + 1 rows have one distance; 2 + 1 an odd, 3 + 1 an even number of them.
    x, y = standardize(neurons("normal", rows, 30)), standardize(neurons("heavy tails", 1, 30))
    assert profile_median(x, y).item() == pytest.approx(np.median(pdist(torch.cat([x, y]).numpy())))


def test_median_bandwidth_of_normal_neurons_is_about_root_two_s():
    x, y = standardize(neurons("normal", 40, 400)), standardize(neurons("normal", 40, 400, seed=1))
    assert profile_median(x, y).item() == pytest.approx(800**0.5, rel=0.02)


def test_median_bandwidth_of_equal_rows():
    assert profile_median(torch.ones(2, 5), torch.ones(1, 5)) == 1


@pytest.mark.parametrize("samples", [30, 60])
@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 3), (5, 2), (5, 5), (40, 3), (40, 40)])
def test_reference_is_the_released_code(n1, n2, samples):
    x, y = neurons("normal", n1, samples), neurons("heavy tails", n2, samples, seed=1)
    y[0] = x[0].square()
    h = gram_hsic(x, y, estimator="reference")
    rows = standardize(x), standardize(y)
    assert reference_median(*rows).item() == pytest.approx(released_sigma(*(one.numpy() for one in rows)), rel=1e-3)
    assert bx.hsic(x, y, estimator="reference").numpy() == pytest.approx(h, rel=1e-3, abs=1e-6 * np.abs(h).max())
    score = (h.max(axis=1).mean() + h.max(axis=0).mean()) / 2
    assert bx.hsic_score(bx.hsic(x, y, estimator="reference")) == pytest.approx(score, rel=1e-3)


def test_the_bandwidth_of_the_released_code_in_a_batch():
    x, y = (torch.stack([standardize(neurons("normal", n, 40, s)) for s in (0, 1)]) for n in (3, 4))
    alone = [reference_median(*rows).item() for rows in zip(x, y, strict=True)]
    assert reference_median(x, y).tolist() == alone


def test_only_the_reference_has_the_bandwidth_of_the_released_code():
    x, y = neurons("normal", 2, 60), neurons("normal", 2, 60, seed=1)
    assert agrees(bx.hsic(x, y), gram_hsic(x, y))
    assert bx.hsic(x, y, estimator="reference").numpy() == pytest.approx(np.full((2, 2), 59.0))


@pytest.mark.parametrize("kind", ["normal", "heavy tails"])
@pytest.mark.parametrize("samples", [2, 3, 20, 501])
def test_sample_median(kind, samples):
    rows = standardize(neurons(kind, 4, samples))
    expected = [np.percentile(pdist(row[:, None]), 50, method="lower") for row in rows.numpy()]
    assert sample_median(rows).numpy() == pytest.approx(np.array(expected), rel=1e-9)


@pytest.mark.slow
def test_unbiased_estimate_is_zero_on_average_under_independence():
    draws = torch.stack([bx.hsic(*neurons("normal", 2, 20, seed).split(1), 1.0, "unbiased")[0, 0] for seed in range(2000)])
    biased = torch.stack([bx.hsic(*neurons("normal", 2, 20, seed).split(1), 1.0)[0, 0] for seed in range(2000)])
    error = draws.std() / len(draws) ** 0.5
    assert abs(draws.mean()) < 4 * error
    assert biased.mean() > 20 * error


def test_normalized_is_one_with_itself_and_within_one():
    x, y = neurons("normal", 4, 60), neurons("heavy tails", 3, 60)
    for sigma in (0.3, 1.0, "profile-median"):
        assert torch.allclose(bx.hsic(x, x, sigma, "normalized").diagonal(), torch.ones(4, dtype=torch.float64))
        assert bx.hsic(x, y, sigma, "normalized").amax() <= 1


def test_standardize():
    rows = neurons("normal", 3, 20) * 5 + 2
    expected = (rows.double() - rows.double().mean(1, keepdim=True)) / (rows.double().std(1, keepdim=True) + 1e-6)
    assert torch.allclose(standardize(rows), expected)


# Score of a layer


def test_score_by_hand():
    # Best of each row: 5 and 4; best of each column: 4, 2 and 5.
    assert bx.hsic_score(torch.tensor([[1.0, 2.0, 5.0], [4.0, 0.0, 3.0]])) == pytest.approx((9 / 2 + 11 / 3) / 2)


def test_score_is_the_formula():
    h = neurons("normal", 6, 9).double()
    rows, columns = h.shape
    best_of_rows = sum(max(float(h[i, j]) for j in range(columns)) for i in range(rows)) / rows
    best_of_columns = sum(max(float(h[i, j]) for i in range(rows)) for j in range(columns)) / columns
    assert bx.hsic_score(h) == pytest.approx((best_of_rows + best_of_columns) / 2)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_score_of_nothing(shape):
    with pytest.raises(bx.InputError, match="neurons"):
        bx.hsic_score(torch.empty(shape))


# Properties


@st.composite
def matrices(draw):
    """x [n1, S] and y [n2, S] of integers: a row is constant or varies by much more than the 1e-6 of z-scoring."""
    samples = draw(st.integers(2, 30))
    row = st.lists(st.integers(-20, 20), min_size=samples, max_size=samples)
    x, y = (draw(st.lists(row, min_size=1, max_size=4)) for _ in range(2))
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)


def same(result, expected, tolerance=1e-9):
    return torch.allclose(result, expected, rtol=tolerance, atol=tolerance * float(1e-3 + expected.abs().max()))


properties = settings(max_examples=60, deadline=None, derandomize=True)


@properties
@given(matrices(), st.sampled_from(SIGMAS))
def test_symmetric(rows, sigma):
    x, y = rows
    assert same(bx.hsic(x, y, sigma), bx.hsic(y, x, sigma).T)


@properties
@given(matrices(), st.sampled_from(SIGMAS))
def test_biased_estimate_is_never_negative(rows, sigma):
    assert bx.hsic(*rows, sigma).min() > -1e-12


@properties
@given(matrices(), st.integers(-1000, 1000), st.floats(0.5, 1000), st.sampled_from(SIGMAS[:-1]))
def test_shift_and_scale_do_not_matter(rows, shift, scale, sigma):
    x, y = rows
    # Not with a median bandwidth: that of two equal rows is due to the 1e-6 of z-scoring, which depends on their scale.
    assert same(bx.hsic(scale * x + shift, y, sigma), bx.hsic(x, y, sigma), 1e-4)


@properties
@given(matrices(), st.randoms(use_true_random=False), st.sampled_from(SIGMAS), st.sampled_from(["biased", "reference"]))
def test_order_of_samples_does_not_matter(rows, random, sigma, estimator):
    x, y = rows
    order = random.sample(range(x.shape[1]), x.shape[1])
    assert same(bx.hsic(x[:, order], y[:, order], sigma, estimator), bx.hsic(x, y, sigma, estimator), 1e-7)


# Errors


@pytest.mark.parametrize("samples", [0, 1])
def test_too_few_samples(samples):
    with pytest.raises(bx.InputError, match="two samples"):
        bx.hsic(torch.zeros(3, samples), torch.zeros(2, samples))


def test_neurons_must_be_a_matrix():
    with pytest.raises(bx.InputError, match=r"\[n, S\]"):
        bx.hsic(torch.randn(10), torch.randn(10))


def test_different_numbers_of_samples():
    with pytest.raises(bx.InputError, match=r"10 .* 11"):
        bx.hsic(torch.randn(3, 10), torch.randn(3, 11))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("side", [0, 1])
def test_values_that_are_not_finite(value, side):
    rows = [torch.randn(3, 10), torch.randn(3, 10)]
    rows[side][1, 2] = value
    with pytest.raises(bx.InputError, match="finite"):
        bx.hsic(*rows)


def test_unknown_estimator():
    with pytest.raises(bx.InputError, match="'linear'; choose from biased"):
        bx.hsic(torch.randn(3, 10), torch.randn(3, 10), estimator="linear")


@pytest.mark.parametrize("sigma", ["mean", 0, -1.0, float("nan"), float("inf")])
def test_invalid_bandwidth(sigma):
    with pytest.raises(bx.InputError, match=str(sigma)):
        bx.hsic(torch.randn(3, 10), torch.randn(3, 10), sigma=sigma)


def test_plain_median_is_refused_with_the_names_of_both_heuristics():
    with pytest.raises(bx.InputError, match=r"profile-median.*sample-median"):
        bx.hsic(torch.randn(3, 10), torch.randn(3, 10), sigma="median")
