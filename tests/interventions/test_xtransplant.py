"""XTransplant against plain torch hooks, one prompt at a time."""

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx

PROMPTS = ['kiswahili:"moto"→Tagalog:"', "The sun is", "Maji"]
DONORS = ['English:"fire"→Tagalog:"', "Jua", "Water is here and"]
ANSWERS = ["apoy", " hot", " ni"]


def by_hand(model, prompt, donor, answer, taken, put):
    """The change for one prompt when the output of layer `taken` on the donor replaces that of layer `put`."""
    downs = [
        model.hf_model.get_submodule(f"{model.architecture.layers}.{layer}.{model.architecture.down}")
        for layer in range(model.num_layers)
    ]

    def run(text, layer, hook):
        handle = downs[layer].register_forward_hook(hook)
        with torch.inference_mode():
            logits = model.hf_model(torch.tensor([model.tokenizer(text)["input_ids"]])).logits[0, -1]
        handle.remove()
        return logits.log_softmax(-1)

    seen = []
    run(donor, taken, lambda module, inputs, output: seen.append(output.reshape(-1, output.shape[-1])[-1].clone()))

    def replace(module, inputs, output):
        output = output.clone()
        output.view(-1, output.shape[-1])[-1] = seen[0]
        return output

    token = model.tokenizer(prompt + answer)["input_ids"][len(model.tokenizer(prompt)["input_ids"])]
    return float(run(prompt, put, replace)[token] - run(prompt, put, lambda *_: None)[token])


@pytest.mark.parametrize("kind", ["llama", "opt", "gpt2", "bloom", "gemma2", "phi3"])
@pytest.mark.parametrize("token_budget", [30, 8192])
def test_every_pair_of_layers(kind, token_budget):
    model = tiny.load(kind)
    table = bx.transplant(model, PROMPTS, DONORS, ANSWERS, token_budget=token_budget)
    assert table.shape == (tiny.LAYERS, tiny.LAYERS)
    for taken in range(tiny.LAYERS):
        for put in range(tiny.LAYERS):
            each = [by_hand(model, *item, taken, put) for item in zip(PROMPTS, DONORS, ANSWERS, strict=True)]
            assert table.loc[taken, put] == pytest.approx(sum(each) / len(each), rel=1e-3, abs=1e-4)


def test_a_prompt_is_its_own_donor(mini):
    table = bx.transplant(mini, PROMPTS, PROMPTS, ANSWERS)
    assert table.to_numpy().diagonal() == pytest.approx([0] * mini.num_layers, abs=1e-5)
    assert table.abs().max(axis=None) > 0.1


def test_a_batch_that_does_not_fit_into_memory_is_halved():
    model = tiny.load()
    whole = bx.transplant(model, PROMPTS, DONORS, ANSWERS)
    refused = []

    def refuse(module, inputs):
        if len(inputs[0]) > 1:
            refused.append(len(inputs[0]))
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = model.hf_model.model.layers[1].register_forward_pre_hook(refuse)
    with hook:
        halved = bx.transplant(model, PROMPTS, DONORS, ANSWERS)
    assert refused[0] == 3
    assert len(refused) <= 2  # the rest is as small
    assert np.allclose(halved, whole, rtol=1e-4, atol=1e-5)


def test_the_run_card(mini):
    card = bx.transplant(mini, PROMPTS[:1], DONORS[:1], ANSWERS[:1]).attrs["card"]
    assert (card["function"], card["model"]) == ("transplant", "bridgex-mini")
    assert card["data"]["texts"] == {"prompts": 1, "donors": 1, "answers": 1}


def test_bad_input_is_refused(mini):
    with pytest.raises(bx.InputError, match="3 prompts, 3 donors and 2 answers"):
        bx.transplant(mini, PROMPTS, DONORS, ANSWERS[:2])
    with pytest.raises(bx.InputError, match="adds no token"):
        bx.transplant(mini, PROMPTS, DONORS, ["a", "", "b"])
