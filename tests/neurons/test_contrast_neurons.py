"""Neurons behind a behaviour: its sides are the LAPE sets of two languages."""

import pytest
import torch

import bridgex_nb as bx

POSITIVE = ['kiswahili:"moto"→English:', "The sun", "I drink water every day and"]
NEGATIVE = ['English:"fire"→', "Jua", "Maji ni"]


@pytest.mark.parametrize("tokens", ["generated", "prompt"])
@pytest.mark.parametrize(("threshold", "value"), [("semantic", 0.5), ("decision", 0.95), (0.8, 0.8)])
def test_sides_are_those_of_lape_for_two(mini, tokens, threshold, value):
    new_tokens = None if tokens == "prompt" else 6
    sides = bx.contrast_neurons(mini, POSITIVE, NEGATIVE, 0.05, threshold, tokens=tokens, max_new_tokens=new_tokens)
    prompts = {"positive": POSITIVE, "negative": NEGATIVE}
    counts = bx.count_active(mini, prompts) if tokens == "prompt" else bx.count_generated(mini, prompts, max_new_tokens=6)
    sets = bx.lape(counts, 0.05, value)
    assert not (sides["positive"] & sides["negative"]).any()
    assert torch.equal(sides["positive"] | sides["negative"], sets["positive"] ^ sets["negative"])
    assert torch.equal(sides["positive"], sets["positive"] & ~sets["negative"])
    assert all(side.any() for side in sides.values())


def test_bad_input_is_refused(mini):
    for call, message in [
        (lambda: bx.contrast_neurons(mini, POSITIVE, []), "the negative side needs"),
        (lambda: bx.contrast_neurons(mini, "one", NEGATIVE), "the positive side needs"),
        (lambda: bx.contrast_neurons(mini, POSITIVE, NEGATIVE, threshold="strict"), "semantic, decision"),
        (lambda: bx.contrast_neurons(mini, POSITIVE, NEGATIVE, tokens="last"), "choose from generated, prompt"),
        (
            lambda: bx.contrast_neurons(mini, POSITIVE, NEGATIVE, tokens="prompt", max_new_tokens=30),
            "max_new_tokens is for generated tokens",
        ),
    ]:
        with pytest.raises(bx.InputError, match=message):
            call()
