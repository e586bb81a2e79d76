"""Ties at the cut: said, with how many texts would help; and they would."""

import re
import warnings

import numpy as np
import pytest
import torch

import bridgex_nb as bx


def counted(tokens, seed=0, parts=10, always=60, languages=2):
    """Counts of 4,000 neurons: some are on at every token, the others at a share near 1 that differs from neuron to neuron."""
    generator = np.random.default_rng(seed)
    share = 1 - generator.beta(0.3, 3, (languages, 4, 1000))
    share[:, 0, :always] = 1
    by_part = torch.from_numpy(generator.binomial(tokens // parts, share, (parts, languages, 4, 1000)))
    of_parts = torch.full((parts, languages), tokens // parts)
    codes = ("sw", "tl", "en")[:languages]
    return bx.ActivationCounts(by_part.sum(0), of_parts.sum(0), codes, {}, by_part.int(), of_parts)


def test_the_texts_that_it_asks_for_are_enough():
    with pytest.warns(UserWarning, match="Ties inflate") as caught:
        sets = bx.top_neurons(counted(400), 0.1)
    (message,) = [str(warning.message) for warning in caught]
    tokens = int(re.search(r"times as many texts \(([\d,]+) tokens\)", message)[1].replace(",", ""))
    assert max(int(neurons.sum()) for neurons in sets.values()) > 600
    assert 400 < tokens < 20 * 400
    sizes = [int(neurons.sum()) for neurons in bx.top_neurons(counted(tokens // 10 * 10, seed=0), 0.1).values()]
    assert max(sizes) < 1.2 * 400  # near the tenth that is tolerated: an estimate
    assert max(int(neurons.sum()) for neurons in bx.top_neurons(counted(tokens // 4 // 10 * 10), 0.1).values()) > 1.1 * 400


def test_it_names_numbers_and_ways_out():
    counts = counted(400, languages=3)
    with pytest.warns(UserWarning, match="Ties inflate") as caught:
        sets = bx.top_neurons(counts, 0.1)
    sizes = {code: int(neurons.sum()) for code, neurons in sets.items()}
    worst = max(sizes, key=sizes.__getitem__)
    message = str(caught[0].message)
    assert f"of {worst}, like those of 2 other languages: {sizes[worst]:,} neurons instead of 400" in message
    tied = int((counts.active[counts.languages.index(worst)] == 400).sum())
    assert f"because {tied:,} are active at every one of its 400 tokens" in message
    assert message.endswith("; otherwise take a higher rate or exclude='always_on'.")
    assert caught[0].filename == __file__


def test_where_neurons_are_truly_always_on_more_texts_are_not_promised():
    with pytest.warns(UserWarning, match="More texts of this kind would hardly help"):
        bx.top_neurons(counted(100_000, always=600), 0.1)


def test_neurons_that_are_never_active():
    active = torch.zeros(1, 1, 100, dtype=torch.int64)
    active[0, 0, :5] = 3
    counts = bx.ActivationCounts(active, torch.tensor([50]), ("sw",), {})
    with pytest.warns(
        UserWarning, match="100 neurons instead of 10, because 95 are active at none of its 50 tokens.*a lower rate"
    ):
        bx.top_neurons(counts, 0.1)


def test_a_few_texts_with_a_coarse_probability():
    active = torch.arange(100).view(1, 1, 100) // 20
    counts = bx.ActivationCounts(active, torch.tensor([5]), ("sw",), {})
    with pytest.warns(
        UserWarning, match=r"20 neurons instead of 10, because 20 are active at 4 of its 5 tokens. About 10 times"
    ):
        bx.top_neurons(counts, 0.1)


def test_the_core_sentences_are_enough_for_the_bundled_model(mini):
    sentences = bx.core_sentences()
    counts = bx.count_active(mini, {code: sentences[code] for code in ("sw", "zh")})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rate in (0.01, 0.05):
            bx.top_neurons(counts, rate)
            bx.redraw_sets(counts, rate)


def test_draws_and_halves_do_not_repeat_it():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bx.redraw_sets(counted(100), 0.1, draws=3)
        bx.split_half(counted(100), 0.1)
