"""Completions in batches, over shared beginnings, against transformers' own generate one unpadded prompt at a time."""

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bridgex_nb as bx
from bridgex_nb.inference._generation import _prefill

PROMPTS = [
    *(bx.word_prompt("sw", tgt, word) for tgt in ("en", "de", "tl") for word in ("moto", "maji", "jua kali sana")),
    'kiswahili:"moto"→English:"fire"→Tagalog:',
    "The sun is",
    "a",
]


def one_at_a_time(model, prompt, new_tokens):
    """Text up to the newline, log-probability and number of tokens, by `generate`."""
    ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
    with torch.inference_mode():
        output = model.hf_model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new_tokens,
            do_sample=False,
            pad_token_id=model.tokenizer.pad_token_id,
            output_logits=True,
            return_dict_in_generate=True,
        )
    new = output.sequences[0, ids.shape[1] :]
    logprob = 0.0
    count = 0
    for token, logits in zip(new.tolist(), output.logits, strict=True):
        count += 1
        logprob += float(logits[0].log_softmax(dim=-1)[token])
        if "\n" in model.tokenizer.decode([token]) or token == model.tokenizer.eos_token_id:
            break
    return model.tokenizer.decode(new, skip_special_tokens=True).split("\n", 1)[0], logprob, count


@pytest.mark.parametrize("kind", ["mini", "qwen3", "gpt2", "bloom", "gemma2", "mistral", "mpt"])
def test_the_same_as_generate_one_at_a_time(kind, mini):
    model = mini if kind == "mini" else tiny.load(kind)
    got = bx.complete_scored(model, PROMPTS, max_new_tokens=12, token_budget=200)
    for prompt, completion in zip(PROMPTS, got, strict=True):
        text, logprob, count = one_at_a_time(model, prompt, 12)
        assert (completion.text, completion.tokens) == (text, count)
        assert model.tokenizer.decode(completion.ids, skip_special_tokens=True).split("\n", 1)[0] == text
        assert len(completion.ids) == count
        assert completion.logprob == pytest.approx(logprob, rel=1e-4)
    assert bx.complete(model, PROMPTS, max_new_tokens=12) == [one.text for one in got]


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.lists(st.integers(3, 5), min_size=1, max_size=8), min_size=1, max_size=12))
def test_what_goes_through_the_model_once_stands_for_all(mini, rows):
    with torch.inference_mode():
        ids, mask, cache = _prefill(mini, rows)
        output = mini.hf_model(
            ids, attention_mask=mask, past_key_values=cache, position_ids=(mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        )
        for row, logits in zip(rows, output.logits[:, -1], strict=True):
            torch.testing.assert_close(logits, mini.hf_model(torch.tensor([row])).logits[0, -1], rtol=1e-4, atol=1e-4)


def test_common_beginnings_go_through_the_model_once(mini):
    seen = []
    hook = mini.hf_model.model.embed_tokens.register_forward_hook(lambda module, args, out: seen.append(tuple(args[0].shape)))
    bx.complete(
        mini, [bx.word_prompt("sw", tgt, word) for tgt in ("en", "de", "fr") for word in ("moto", "maji")], max_new_tokens=1
    )
    hook.remove()
    language, word = (len(mini.tokenizer(text)["input_ids"]) for text in ('kiswahili:"', 'kiswahili:"moto"→'))
    assert seen == [(1, language), (2, word - language), (6, 2)]


def test_a_row_that_has_ended_leaves_the_batch(mini):
    seen = []
    hook = mini.hf_model.model.embed_tokens.register_forward_hook(lambda module, args, out: seen.append(args[0].shape[0]))
    got = bx.complete_scored(mini, PROMPTS[:9])
    hook.remove()
    steps = seen[-(max(one.tokens for one in got) - 1) :]
    assert steps == [sum(one.tokens > step for one in got) for step in range(1, len(steps) + 1)]
    assert steps[-1] < 9


def test_nothing_asked_is_nothing_answered(mini):
    assert bx.complete(mini, []) == []


@pytest.mark.parametrize("positions", ["prompt", "generated", "all"])
def test_interventions_know_the_prompt_though_it_comes_in_pieces(mini, positions):
    mask = torch.rand(mini.num_layers, mini.num_neurons, generator=torch.Generator().manual_seed(0)) < 0.2
    with bx.deactivate(mini, mask, positions=positions):
        got = bx.complete(mini, PROMPTS, max_new_tokens=8)
        assert got == [one_at_a_time(mini, prompt, 8)[0] for prompt in PROMPTS]
    assert got != bx.complete(mini, PROMPTS, max_new_tokens=8)
