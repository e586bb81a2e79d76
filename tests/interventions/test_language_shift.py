"""The language shift score against likelihoods computed one set at a time, and what it shows on bridgex-mini."""

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.neurons._random_sets import random_sets


def test_the_score_is_the_share_of_items_whose_lead_rises():
    model, on, off = tiny.load(), tiny.neuron_set(1), tiny.neuron_set(2)
    prompts, source, target = ["The sun", "Maji ni", "Fire"], [" hot", " kali", " burns"], [" araw", " tubig", " apoy"]
    table = bx.language_shift_score(model, prompts, source, target, on=on, off=off, factor=3.0, draws=2, seed=7)

    def lead(on, off):
        with bx.amplify(model, on & ~off, 3.0), bx.deactivate(model, off):
            return bx.loglikelihood(model, target, prompts).logprob - bx.loglikelihood(model, source, prompts).logprob

    before = lead(torch.zeros_like(on), torch.zeros_like(on))
    rise = lead(on, off) - before
    assert table["score"][0] == pytest.approx((rise > 0).mean())
    assert table["shift"][0] == pytest.approx(rise.mean(), rel=1e-4)
    items = [prompt + answer for prompt, *both in zip(prompts, source, target, strict=True) for answer in both]
    frequency = bx.count_active(model, {"items": items}).probability[0]
    random = [lead(*pair) - before for pair in random_sets([on & ~off, off], 2, 7, frequency)]
    assert table["random"][0] == pytest.approx(np.mean([(change > 0).mean() for change in random]))
    card = table.attrs["card"]
    assert card["data"]["texts"] == {"prompts": 3, "source": 3, "target": 3}
    assert card["options"]["sets"]["sizes"]["on"] == int(on.sum())
    assert (card["options"]["factor"], card["options"]["draws"], card["options"]["seed"]) == (3.0, 2, 7)


def test_on_bridgex_mini_answers_move_to_the_language_whose_neurons_are_amplified(mini, counts):
    sets = bx.lape(counts, 0.05)
    french, spanish = bx.core_lexicon("en", "fr").entries, bx.core_lexicon("en", "es").entries
    words = [word for word in french if word in spanish][:60]
    table = bx.language_shift_score(
        mini,
        [bx.word_prompt("en", "fr", word) for word in words],
        [f'"{french[word][0]}"' for word in words],
        [f'"{spanish[word][0]}"' for word in words],
        on=sets["es"],
        off=sets["fr"],
        draws=39,
    )
    assert table.low[0] > 0.5
    assert table.beyond_low[0] > 0
    assert table.p[0] <= 0.075  # 1 of 39 random sets is as far; of 199, 2 are


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(bx.InputError, match="2 prompts, 1 source answers and 2 target answers"):
        bx.language_shift_score(tiny.load(), ["a", "b"], ["c"], ["d", "e"], on=tiny.neuron_set(1), off=tiny.neuron_set(2))


def test_a_string_is_no_list_of_prompts():
    with pytest.raises(bx.InputError, match="not one string"):
        bx.language_shift_score(tiny.load(), "ab", "cd", "ef", on=tiny.neuron_set(1), off=tiny.neuron_set(2))
