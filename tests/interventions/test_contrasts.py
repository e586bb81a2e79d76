"""Neurons behind a behaviour: counts by plain hooks, sides by LAPE, shifts by hand, and the experiment on bridgex-mini."""

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx

POSITIVE = ['kiswahili:"moto"→English:', "The sun", "I drink water every day and"]
NEGATIVE = ['English:"fire"→', "Jua", "Maji ni"]


def written(model, prompt, steps):
    """Token ids of a prompt and of its greedy continuation up to a newline or the end, by plain forwards."""
    ids, new = model.tokenizer(prompt)["input_ids"], []
    while len(new) < steps:
        with torch.inference_mode():
            new.append(int(model.hf_model(torch.tensor([ids + new])).logits[0, -1].argmax()))
        if new[-1] == model.tokenizer.eos_token_id or "\n" in model.tokenizer.decode([new[-1]]):
            break
    return ids, new


@pytest.mark.parametrize("kind", ["llama", "opt", "gpt2"])
@pytest.mark.parametrize("token_budget", [60, 8192])
def test_generated_tokens_are_counted_alone(kind, token_budget):
    model = tiny.load(kind)
    prompts = {"positive": POSITIVE, "negative": NEGATIVE}
    counts = bx.count_generated(model, prompts, max_new_tokens=6, token_budget=token_budget)
    for k, some in enumerate(prompts.values()):
        active, tokens = torch.zeros(tiny.LAYERS, tiny.NEURONS, dtype=torch.int64), 0
        for prompt in some:
            ids, new = written(model, prompt, 6)
            active += (tiny.hooked(model, ids + new)["act"][:, -len(new) :] > 0).sum(dim=1)
            tokens += len(new)
        assert counts.tokens[k] == tokens
        assert (counts.active[k] - active).abs().max() <= 1  # values within the last bit of 0 fall to either side


@pytest.mark.parametrize("tokens", ["generated", "prompt"])
@pytest.mark.parametrize(("bar", "value"), [("semantic", 0.5), ("decision", 0.95), (0.8, 0.8)])
def test_sides_are_those_of_lape_for_two(mini, tokens, bar, value):
    sides = bx.contrast_neurons(mini, POSITIVE, NEGATIVE, 0.05, bar, tokens=tokens, max_new_tokens=6)
    prompts = {"positive": POSITIVE, "negative": NEGATIVE}
    counts = bx.count_active(mini, prompts) if tokens == "prompt" else bx.count_generated(mini, prompts, max_new_tokens=6)
    masks = bx.lape(counts, 0.05, value)
    assert not (sides["positive"] & sides["negative"]).any()
    assert torch.equal(sides["positive"] | sides["negative"], masks["positive"] ^ masks["negative"])
    assert torch.equal(sides["positive"], masks["positive"] & ~masks["negative"])
    assert all(one.any() for one in sides.values())


def test_shift_is_the_change_of_shares(mini):
    sides = bx.contrast_neurons(mini, POSITIVE, NEGATIVE, 0.1, max_new_tokens=6)
    prompts = [f'English:"{word}"→:' for word in ("fire", "water", "sun", "moon", "hand", "eye")]

    def read(completions):
        return ["long" if len(one) > 6 else None for one in completions]

    table = bx.contrast_shift(mini, sides, prompts, read, factor=4.0, draws=2, seed=1, max_new_tokens=8)

    def share(on, off, answer):
        with bx.amplify(mini, on & ~off, 4.0), bx.deactivate(mini, off):
            return np.mean([(one or "none") == answer for one in read(bx.complete(mini, prompts, max_new_tokens=8))])

    nothing = torch.zeros_like(sides["positive"])
    for start, (toward, away) in ((1, ("positive", "negative")), (5, ("negative", "positive"))):
        for row in table[table.toward == toward].itertuples():
            intact = share(nothing, nothing, row.answer)
            assert row.intact == pytest.approx(intact)
            assert row.change == pytest.approx(share(sides[toward], sides[away], row.answer) - intact)
            pairs = [(bx.random_like(sides[toward], start + d), bx.random_like(sides[away], start + 2 + d)) for d in range(2)]
            assert row.random == pytest.approx(np.mean([share(*pair, row.answer) for pair in pairs]) - intact)
    for _, some in table.groupby("toward"):
        assert set(some.answer) <= {"long", "none"}
        assert some.change.sum() == pytest.approx(0)


def test_on_bridgex_mini_steering_moves_the_language_that_it_answers_in(mini):
    # A prompt that names no language leaves the choice to the model.
    words = list(bx.core_lexicon("en", "es").entries)
    found, asked = words[:200], words[200:]
    sides = bx.contrast_neurons(
        mini,
        [bx.word_prompt("en", "es", word) for word in found],
        [bx.word_prompt("en", "de", word) for word in found],
        0.05,
        max_new_tokens=8,
    )
    table = bx.contrast_shift(
        mini, sides, [f'English:"{word}"→:' for word in asked], bx.output_language, draws=2, max_new_tokens=8
    ).set_index(["toward", "answer"])
    assert table.beyond_low["positive", "es"] > 0
    assert table.beyond_high["positive", "de"] < 0


def test_options():
    texts = ["A", "(B) because A is wrong", "Answer: A.", "Also neither", "", "b", "ABBA or B"]
    assert bx.read_option(texts) == ["A", "B", "A", None, None, None, "B"]
    assert bx.read_option(["C++ or C", "C."], ("C++", "C")) == ["C++", "C"]
    assert bx.read_option(["nein, ja"], ("ja", "nein")) == ["nein"]


def test_refusals(mini):
    sides = {"positive": torch.zeros(6, 768, dtype=torch.bool), "negative": torch.zeros(6, 768, dtype=torch.bool)}
    for call, said in [
        (lambda: bx.contrast_neurons(mini, POSITIVE, []), "the negative side needs"),
        (lambda: bx.contrast_neurons(mini, "one", NEGATIVE), "the positive side needs"),
        (lambda: bx.contrast_neurons(mini, POSITIVE, NEGATIVE, threshold="strict"), "choose from semantic, decision"),
        (lambda: bx.contrast_neurons(mini, POSITIVE, NEGATIVE, tokens="last"), "choose from generated, prompt"),
        (lambda: bx.contrast_shift(mini, sides, [], bx.read_option), "list of prompts"),
        (lambda: bx.contrast_shift(mini, {"a": sides["positive"]}, ["x"], bx.read_option), "there are sets for a"),
        (lambda: bx.contrast_shift(mini, sides, ["x"], bx.read_option, draws=0), "draws=0"),
        (lambda: bx.contrast_shift(tiny.load(), sides, ["x"], bx.read_option), r"mask is \[6, 768\]"),
    ]:
        with pytest.raises(bx.InputError, match=said):
            call()
