"""How much language sets depend on the sentences: draws and halves of the parts of the counts."""

import pytest
import torch

import bridgex_nb as bx

CODES = ("sw", "tl", "en")


def counted(by_part, tokens_by_part):
    """Counts of the parts [P, K, L, N] and [P, K]."""
    return bx.ActivationCounts(by_part.sum(0), tokens_by_part.sum(0), CODES, {}, by_part.int(), tokens_by_part)


@pytest.fixture
def counts():
    generator = torch.Generator().manual_seed(0)
    base = torch.rand(3, 4, 50, generator=generator)
    tokens = torch.randint(50, 150, (6, 3), generator=generator)
    by_part = torch.binomial(
        tokens[:, :, None, None].expand(6, 3, 4, 50).float(), base.expand(6, 3, 4, 50), generator=generator
    )
    return counted(by_part.long(), tokens)


def test_a_draw_is_the_set_of_the_drawn_parts(counts):
    drawn = bx.redraw_sets(counts, 0.1, draws=4, seed=5)
    chosen = torch.randint(6, (4, 6), generator=torch.Generator().manual_seed(5))
    for parts, sets in zip(chosen, drawn, strict=True):
        active, tokens = counts.by_part[parts].sum(0), counts.tokens_by_part[parts].sum(0)
        expected = bx.top_neurons(bx.ActivationCounts(active, tokens, CODES, {}), 0.1)
        assert list(sets) == list(CODES)
        assert all(torch.equal(sets[code], expected[code]) for code in CODES)


def test_draws_of_a_lower_rate_lie_within_those_of_a_higher_one(counts):
    for low, high in zip(bx.redraw_sets(counts, 0.05), bx.redraw_sets(counts, 0.1), strict=True):
        assert not any((low[code] & ~high[code]).any() for code in CODES)


def test_parts_that_agree_give_the_same_sets():
    one = torch.arange(3 * 4 * 50).view(3, 4, 50)
    counts = counted(one.expand(5, 3, 4, 50), torch.full((5, 3), 1000))
    whole = bx.top_neurons(counts, 0.1)
    for sets in [*bx.redraw_sets(counts, 0.1), *bx.half_sets(counts, 0.1)]:
        assert all(torch.equal(sets[code], whole[code]) for code in CODES)
    assert bx.split_half(counts, 0.1).jaccard.tolist() == [1, 1, 1]


def test_halves_are_the_even_and_the_odd_parts(counts):
    for half, sets in zip((slice(0, None, 2), slice(1, None, 2)), bx.half_sets(counts, 0.1), strict=True):
        active, tokens = counts.by_part[half].sum(0), counts.tokens_by_part[half].sum(0)
        expected = bx.top_neurons(bx.ActivationCounts(active, tokens, CODES, {}), 0.1)
        assert all(torch.equal(sets[code], expected[code]) for code in CODES)


def test_split_half_is_the_overlap_of_the_halves(counts):
    even, odd = bx.half_sets(counts, 0.1)
    table = bx.split_half(counts, 0.1).set_index("language")
    for code in CODES:
        assert table.jaccard[code] == pytest.approx(float((even[code] & odd[code]).sum() / (even[code] | odd[code]).sum()))
        assert table.neurons[code] == bx.top_neurons(counts, 0.1)[code].sum()


def test_unrelated_halves_overlap_as_by_chance():
    generator = torch.Generator().manual_seed(1)
    counts = counted(torch.randint(0, 10**6, (2, 3, 40, 500), generator=generator), torch.full((2, 3), 10**6))
    assert bx.split_half(counts, 0.1).jaccard.tolist() == pytest.approx([0.1 / 1.9] * 3, abs=0.01)


def test_the_parts_of_the_bundled_model_are_its_sentences(mini):
    texts = {code: sentences[:7] for code, sentences in bx.core_sentences().items() if code in CODES}
    texts["sw"][3] = " "  # an empty text keeps its number, so that parallel ones stay in the same part
    counts = bx.count_active(mini, texts, parts=3)
    assert counts.by_part.dtype == torch.int32
    assert torch.equal(counts.by_part.sum(0), counts.active)
    assert torch.equal(counts.tokens_by_part.sum(0), counts.tokens)
    for part in range(3):
        alone = bx.count_active(mini, {code: sentences[part::3] for code, sentences in texts.items()}, parts=1)
        assert torch.equal(counts.by_part[part].long(), alone.active)
        assert torch.equal(counts.tokens_by_part[part], alone.tokens)
    assert alone.by_part is None


def test_parts_survive_a_file_and_a_difference(counts, tmp_path):
    counts.save(tmp_path / "counts")
    again = bx.ActivationCounts.load(tmp_path / "counts")
    assert torch.equal(again.by_part, counts.by_part)
    assert torch.equal(again.tokens_by_part, counts.tokens_by_part)
    twice = counted(2 * counts.by_part, 2 * counts.tokens_by_part)
    assert torch.equal((twice - counts).by_part, counts.by_part)
    assert torch.equal((twice - counts).tokens_by_part, counts.tokens_by_part)
    without = bx.ActivationCounts(counts.active, counts.tokens, CODES, {})
    assert (twice - without).by_part is None


def test_a_text_that_fewer_parts_hold_is_drawn_from_those():
    tokens = torch.tensor([[5, 5, 5], [0, 5, 5], [5, 5, 5]])
    by_part = torch.randint(0, 5, (3, 3, 2, 20), generator=torch.Generator().manual_seed(0)) * (tokens > 0)[:, :, None, None]
    for sets in bx.redraw_sets(counted(by_part, tokens), 0.1):
        assert all(neurons.any() for neurons in sets.values())


@pytest.mark.parametrize("call", [bx.redraw_sets, bx.half_sets, bx.split_half])
def test_counts_without_parts_are_refused(counts, call):
    without = bx.ActivationCounts(counts.active, counts.tokens, CODES, {})
    with pytest.raises(bx.InputError, match=r"not taken by parts.*count_active\(…, parts=10\)"):
        call(without)
    single = counted(counts.by_part[:1], counts.tokens_by_part[:1])
    with pytest.raises(bx.InputError, match="fewer than two parts"):
        call(single)


def test_no_draws_are_refused(counts):
    with pytest.raises(bx.InputError, match="draws=0"):
        bx.redraw_sets(counts, draws=0)


def test_no_parts_are_refused(mini):
    with pytest.raises(bx.InputError, match="parts=0"):
        bx.count_active(mini, {"en": ["Fire!"]}, parts=0)
