"""PLND by hand, against a loop over prompts, and against the effect of removing neurons from real models."""

import pytest
import tiny
import torch

import bridgex_nb as bx

PROMPTS = {
    "en": ["The sun is hot.", "I drink water.", "My sister drinks milk every day."],
    "sw": ["Jua ni kali.", "Ninakunywa maji."],
}


def members(neuron_set):
    return {tuple(index) for index in neuron_set.nonzero().tolist()}


def test_plnd_by_hand():
    # One layer of four neurons, half of which are taken on each prompt; the down projection doubles the last.
    norms = {
        "en": torch.tensor([[[5, 5], [4, 1], [1, 2], [1, 1.5]]]),
        "sw": torch.tensor([[[5.0, 1], [1, 9], [0, 0], [2, 3]]]),
    }
    sets = bx.plnd(norms, torch.tensor([[1.0, 1, 1, 2]]), rate=0.5)
    # en: {0, 1} and {0, 3}; sw: {0, 3} and {1, 3}.
    assert {code: members(neuron_set) for code, neuron_set in sets.items()} == {"en": {(0, 0)}, "sw": {(0, 3)}}


def test_plnd_against_a_loop_over_prompts():
    generator = torch.Generator().manual_seed(0)
    # Small whole numbers, so that there are ties with the last neuron taken, which are taken too.
    norms = {code: torch.randint(0, 6, (3, 50, 4), generator=generator).float() for code in ("en", "sw", "th")}
    down = torch.randint(1, 4, (3, 50), generator=generator).float()
    for code, neuron_set in bx.plnd(norms, down, rate=0.3).items():
        for layer in range(3):
            expected = set(range(50))
            for prompt in range(4):
                importance = [float(norms[code][layer, j, prompt] * down[layer, j]) for j in range(50)]
                least = sorted(importance, reverse=True)[round(0.3 * 50) - 1]
                expected &= {j for j in range(50) if importance[j] >= least}
            assert set(neuron_set[layer].nonzero()[:, 0].tolist()) == expected


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
def test_plnd_of_a_model_agrees_with_plain_hooks(kind):
    model = tiny.load(kind, "gated")
    norms = {code: bx.probe(model, texts, statistic="norm").values for code, texts in PROMPTS.items()}
    sets = bx.plnd(norms, model.down_norms, rate=0.25)
    for code, texts in PROMPTS.items():
        related = torch.ones(tiny.LAYERS, tiny.NEURONS, dtype=torch.bool)
        for text in texts:
            ids = model.tokenizer(text)["input_ids"]
            counted = [i for i, token in enumerate(ids) if token not in model.tokenizer.all_special_ids]
            hidden = tiny.hooked(model, ids)["gated"][:, counted]
            for layer in range(tiny.LAYERS):
                # The definition in the paper: the norm of the change in the output when the neuron is removed.
                down = model.hf_model.get_submodule(f"{model.architecture.layers}.{layer}.{model.architecture.down}")
                whole = down(hidden[layer])
                without = [down(hidden[layer] * (torch.arange(tiny.NEURONS) != j)) for j in range(tiny.NEURONS)]
                change = torch.stack([(whole - output).norm() for output in without])
                related[layer] &= torch.isin(torch.arange(tiny.NEURONS), change.topk(12).indices)
        assert torch.equal(sets[code], related)
        assert related.any()


def test_bad_norms_are_refused():
    down = torch.ones(2, 8)
    with pytest.raises(bx.InputError, match=r"sw.*\[2, 8\].*\[2, 7, 3\]"):
        bx.plnd({"en": torch.ones(2, 8, 3), "sw": torch.ones(2, 7, 3)}, down)
    with pytest.raises(bx.InputError, match=r"sw.*finite"):
        bx.plnd({"en": torch.ones(2, 8, 3), "sw": torch.full((2, 8, 3), float("nan"))}, down)
    with pytest.raises(bx.InputError, match="en: no prompts"):
        bx.plnd({"en": torch.ones(2, 8, 0)}, down)
    with pytest.raises(bx.InputError, match="rate"):
        bx.plnd({"en": torch.ones(2, 8, 3)}, down, rate=1.5)
