"""Neurons that are always on, and language sets without them, against sets taken with NumPy."""

import numpy as np
import pytest
import torch

import bridgex_nb as bx

CODES = ("sw", "tl", "en")
SHAPE = (4, 60)


def counts_by_part(parts=6, seed=0, always=30):
    """Counts of 3 languages in which the first neurons of layer 0 are on at about 97 % of the tokens, the others at less."""
    generator = np.random.default_rng(seed)
    share = generator.beta(0.8, 2, (3, *SHAPE))
    share[:, 0, :always] = 0.97
    tokens = generator.integers(80, 160, (parts, 3))
    by_part = generator.binomial(tokens[:, :, None, None], share)
    by_part, tokens = torch.from_numpy(by_part), torch.from_numpy(tokens)
    return bx.ActivationCounts(by_part.sum(0), tokens.sum(0), CODES, {}, by_part.int(), tokens)


def top_with_numpy(probability, rate, excluded):
    """The rate L N most active neurons besides the excluded ones, and those tied with the last: one language, [L, N]."""
    values = np.where(excluded, -np.inf, probability).ravel()
    cut = np.sort(values)[::-1][values.size - round((1 - rate) * values.size)]
    return (values >= cut).reshape(probability.shape)


def test_always_on_are_nine_of_ten_tokens_in_every_language():
    active = torch.tensor([[[900, 899, 1000, 950]], [[900, 1000, 899, 1000]]])
    counts = bx.ActivationCounts(active, torch.tensor([1000, 1000]), ("sw", "tl"), {})
    assert bx.always_on(counts).tolist() == [[True, False, False, True]]


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_sets_without_those_always_on(rate):
    counts = counts_by_part()
    probability = (counts.active / counts.tokens[:, None, None]).numpy()
    always = (probability >= 0.9).all(axis=0)
    assert always.sum() == 30
    sets = bx.top_neurons(counts, rate, exclude="always_on")
    for k, code in enumerate(CODES):
        assert np.array_equal(sets[code].numpy(), top_with_numpy(probability[k], rate, always))
        assert sets[code].sum() >= round(rate * probability[k].size)  # filled with the next ones


def test_without_them_languages_share_less():
    counts = counts_by_part()
    plain, other = bx.top_neurons(counts, 0.1), bx.top_neurons(counts, 0.1, exclude="always_on")
    jaccard = [float(bx.overlap_matrix(sets, "jaccard").loc["sw", "tl"]) for sets in (plain, other)]
    assert jaccard[0] > 0.5
    assert jaccard[1] < 0.2


def test_draws_and_halves_leave_them_out_too():
    counts = counts_by_part()
    drawn = bx.redraw_sets(counts, 0.1, draws=4, seed=5, exclude="always_on")
    chosen = torch.randint(6, (4, 6), generator=torch.Generator().manual_seed(5))
    halves = [torch.arange(0, 6, 2), torch.arange(1, 6, 2)]
    results = [*drawn, *bx.half_sets(counts, 0.1, exclude="always_on")]
    for parts, sets in zip([*chosen, *halves], results, strict=True):
        of_parts = bx.ActivationCounts(counts.by_part[parts].long().sum(0), counts.tokens_by_part[parts].sum(0), CODES, {})
        expected = bx.top_neurons(of_parts, 0.1, exclude="always_on")
        assert all(torch.equal(sets[code], expected[code]) for code in CODES)
        assert not (sets["sw"] & bx.always_on(of_parts)).any()
    table = bx.split_half(counts, 0.1, exclude="always_on")
    even, odd = results[-2:]
    for code, jaccard, size in zip(CODES, table.jaccard, table.neurons, strict=True):
        assert jaccard == pytest.approx(float((even[code] & odd[code]).sum() / (even[code] | odd[code]).sum()))
        assert size == bx.top_neurons(counts, 0.1, exclude="always_on")[code].sum()


def test_what_does_not_fit_is_refused():
    counts = counts_by_part()
    of_one = bx.ActivationCounts(
        counts.active[:1], counts.tokens[:1], CODES[:1], {}, counts.by_part[:, :1], counts.tokens_by_part[:, :1]
    )
    for take in (bx.top_neurons, bx.redraw_sets, bx.half_sets, bx.split_half):
        with pytest.raises(bx.InputError, match="needs counts of two languages or more"):
            take(of_one, 0.1, exclude="always_on")
        with pytest.raises(bx.InputError, match="exclude='always': take 'always_on', or None"):
            take(counts, 0.1, exclude="always")
    with pytest.raises(bx.InputError, match=r"rate=0.95 asks for 228 neurons, but without those always on 210 are left"):
        bx.top_neurons(counts, 0.95, exclude="always_on")
