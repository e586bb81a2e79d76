"""Shifts of answers against completions computed one set at a time, and what they show on bridgex-mini."""

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.neurons._random_sets import random_sets

POSITIVE = ['kiswahili:"moto"→English:', "The sun", "I drink water every day and"]
NEGATIVE = ['English:"fire"→', "Jua", "Maji ni"]


def test_shift_is_the_change_of_shares(mini):
    sides = bx.contrast_neurons(mini, POSITIVE, NEGATIVE, 0.1, max_new_tokens=6)
    prompts = [f'English:"{word}"→:' for word in ("fire", "water", "sun", "moon", "hand", "eye")]

    def read(completions):
        return ["long" if len(text) > 6 else None for text in completions]

    table = bx.contrast_shift(mini, sides, prompts, read, factor=4.0, draws=2, seed=1, max_new_tokens=8)

    def share(on, off, answer):
        with bx.amplify(mini, on & ~off, 4.0), bx.deactivate(mini, off):
            return np.mean([(found or "none") == answer for found in read(bx.complete(mini, prompts, max_new_tokens=8))])

    nothing = torch.zeros_like(sides["positive"])
    frequency = bx.count_active(mini, {"prompts": prompts}).probability[0]
    for start, (toward, away) in ((1, ("positive", "negative")), (3, ("negative", "positive"))):
        pairs = random_sets([sides[toward], sides[away]], 2, start, frequency)
        for row in table[table.toward == toward].itertuples():
            intact = share(nothing, nothing, row.answer)
            assert row.intact == pytest.approx(intact)
            assert row.change == pytest.approx(share(sides[toward], sides[away], row.answer) - intact)
            assert row.random == pytest.approx(np.mean([share(*pair, row.answer) for pair in pairs]) - intact)
    for _, rows in table.groupby("toward"):
        assert set(rows.answer) <= {"long", "none"}
        assert rows.change.sum() == pytest.approx(0)
    card = table.attrs["card"]
    assert card["data"]["texts"] == {"prompts": 6}
    assert card["options"]["sets"]["sizes"]["positive"] == int(sides["positive"].sum())
    assert (card["options"]["factor"], card["options"]["draws"], card["options"]["max_new_tokens"]) == (4.0, 2, 8)


def test_on_bridgex_mini_steering_moves_the_language_that_it_answers_in(mini):
    # A prompt that names no target language leaves the choice to the model.
    words = list(bx.core_lexicon("en", "es").entries)
    words, asked = words[:200], words[200:]
    sides = bx.contrast_neurons(
        mini,
        [bx.word_prompt("en", "es", word) for word in words],
        [bx.word_prompt("en", "de", word) for word in words],
        0.05,
        max_new_tokens=8,
    )
    table = bx.contrast_shift(
        mini, sides, [f'English:"{word}"→:' for word in asked], bx.output_language, draws=19, max_new_tokens=8
    ).set_index(["toward", "answer"])
    assert table.p["positive", "es"] == 0.05  # the least that 19 random sets allow
    assert table.change["positive", "es"] > table.random_high["positive", "es"]
    assert table.change["positive", "de"] < table.random_low["positive", "de"]


def test_bad_input_is_refused(mini):
    sides = {"positive": torch.zeros(6, 768, dtype=torch.bool), "negative": torch.zeros(6, 768, dtype=torch.bool)}
    for call, message in [
        (lambda: bx.contrast_shift(mini, sides, [], bx.read_option), "list of prompts"),
        (lambda: bx.contrast_shift(mini, {"a": sides["positive"]}, ["x"], bx.read_option), "negative, not for a"),
        (lambda: bx.contrast_shift(mini, sides, ["x"], bx.read_option, draws=1), "draws=1"),
        (lambda: bx.contrast_shift(tiny.load(), sides, ["x"], bx.read_option), r"neuron set is \[6, 768\]"),
    ]:
        with pytest.raises(bx.InputError, match=message):
            call()
    with pytest.raises(TypeError, match="store"):
        bx.contrast_shift(mini, sides, ["x"], bx.read_option, store="folder")
