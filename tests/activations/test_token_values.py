"""One neuron at every token against a plain forward pass with a hook."""

import pytest
import torch

import bridgex_nb as bx

TEXTS = {"sw": ["Jua ni kali.", "Ninapenda kusoma vitabu vya zamani."], "he": ["השמש חמה."], "zh": ["太阳很热。"]}


def hooked(model, text, layer):
    """The neurons of a layer at every token of one text alone, [T, N]."""
    seen = []
    module = model.hf_model.get_submodule(f"{model.architecture.layers}.{layer}.{model.architecture.act}")
    handle = module.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.inference_mode():
        model.hf_model(**model.tokenizer(text, return_tensors="pt"))
    handle.remove()
    return seen[0].reshape(-1, model.num_neurons)


def test_values_agree_with_a_plain_forward(mini):
    table = bx.token_values(mini, TEXTS, layer=3, neuron=267)
    for code, texts in TEXTS.items():
        for i, text in enumerate(texts):
            rows = table[(table.language == code) & (table.text == i)]
            expected = hooked(mini, text, 3)[-len(rows) :, 267]
            torch.testing.assert_close(torch.tensor(rows.value.tolist()), expected, rtol=1e-4, atol=1e-5)


def test_tokens_are_where_the_table_says(mini):
    table = bx.token_values(mini, TEXTS, layer=0, neuron=0)
    for row in table.itertuples():
        assert TEXTS[row.language][row.text][row.start : row.end] == row.token
    for code, texts in TEXTS.items():
        for i, text in enumerate(texts):
            rows = table[(table.language == code) & (table.text == i)]
            covered = {k for row in rows.itertuples() for k in range(row.start, row.end)}
            assert covered >= {k for k, char in enumerate(text) if not char.isspace()}


def test_batches_do_not_matter(mini):
    whole = bx.token_values(mini, TEXTS, layer=5, neuron=767)
    single = bx.token_values(mini, TEXTS, layer=5, neuron=767, token_budget=1)
    torch.testing.assert_close(torch.tensor(whole.value), torch.tensor(single.value), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TEXTS, 6, 0), "no neuron 0 in layer 6: the model has layers 0-5 and neurons 0-767"),
        ((TEXTS, 0, -1), "no neuron -1 in layer 0"),
        (({}, 0, 0), "needs at least one text"),
        (({"en": ["word " * 5000]}, 0, 0), "the model's context"),
        (({"en": "Fire!"}, 0, 0), "a list of texts for each language"),
    ],
)
def test_bad_input_is_refused(mini, arguments, message):
    with pytest.raises(bx.InputError, match=message):
        bx.token_values(mini, *arguments)
