"""Counts over generated tokens against plain torch hooks and greedy decoding one prompt at a time."""

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
    for k, texts in enumerate(prompts.values()):
        active, tokens = torch.zeros(tiny.LAYERS, tiny.NEURONS, dtype=torch.int64), 0
        for prompt in texts:
            ids, new = written(model, prompt, 6)
            active += (tiny.hooked(model, ids + new)["act"][:, -len(new) :] > 0).sum(dim=1)
            tokens += len(new)
        assert counts.tokens[k] == tokens
        assert (counts.active[k] - active).abs().max() <= 1  # values within the last bit of 0 fall to either side


@pytest.mark.parametrize("prompts", ["Jua", {}, {"sw": "Jua ni kali."}, {"en": POSITIVE, "sw": []}])
def test_generated_counts_need_prompts_for_each_language(prompts):
    with pytest.raises(bx.InputError, match="count_generated needs a list of prompts for each language"):
        bx.count_generated(tiny.load(), prompts)


def test_generated_counts_read_the_prompt_that_was_continued():
    """A prompt that is too long loses its beginning before the model continues it: the counts are those after the cut."""
    model = tiny.load("gpt2")  # it has learned positions, and none beyond its context
    with pytest.warns(UserWarning, match="too long for the model's context") as caught:
        counts = bx.count_generated(model, {"en": ["The sun is hot. " * 30]}, max_new_tokens=4)
    assert len(caught) == 1
    assert 1 <= counts.tokens[0] <= 4
