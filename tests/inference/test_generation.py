"""Completions in batches, over shared beginnings, against transformers' own generate one unpadded prompt at a time."""

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bridgex_nb as bx
from bridgex_nb.inference._generation import prefill

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
        assert completion.logprob == pytest.approx(logprob, rel=1e-4, abs=1e-6)
    assert bx.complete(model, PROMPTS, max_new_tokens=12) == [one.text for one in got]


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.lists(st.integers(3, 5), min_size=1, max_size=8), min_size=1, max_size=12))
def test_shared_beginnings_give_the_same_logits(mini, rows):
    with torch.inference_mode():
        ids, mask, cache = prefill(mini, rows)
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


def test_no_prompts_no_completions(mini):
    assert bx.complete(mini, []) == []


@pytest.mark.parametrize("positions", ["prompt", "generated", "all"])
def test_interventions_tell_the_prompt_although_it_comes_in_pieces(mini, positions):
    neuron_set = torch.rand(mini.num_layers, mini.num_neurons, generator=torch.Generator().manual_seed(0)) < 0.2
    with bx.deactivate(mini, neuron_set, positions=positions):
        got = bx.complete(mini, PROMPTS, max_new_tokens=8)
        assert got == [one_at_a_time(mini, prompt, 8)[0] for prompt in PROMPTS]
    assert got != bx.complete(mini, PROMPTS, max_new_tokens=8)


# Every architecture, against transformers' generate

SHORT = ['kiswahili:"moto"→English:', 'English:"sun"→', "x", 'Tagalog:"apoy"→English:"fire"→kiswahili:']


def generate_alone(model, prompt, new_tokens):
    """One prompt through transformers' own generate: the text of the new tokens."""
    ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
    output = model.hf_model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new_tokens, pad_token_id=0
    )
    return model.tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("kind", tiny.ARCHITECTURES)
def test_complete_is_greedy_generation_one_at_a_time(kind):
    model = tiny.load(kind)
    alone = [generate_alone(model, prompt, 10).split("\n", 1)[0] for prompt in SHORT]
    assert bx.complete(model, SHORT, max_new_tokens=10) == alone


def test_complete_in_small_batches_is_the_same():
    model = tiny.load("llama")
    one_by_one = bx.complete(model, SHORT, max_new_tokens=10, token_budget=1)
    assert bx.complete(model, SHORT, max_new_tokens=10) == one_by_one


def writes_instead(token):
    """A model changed to write `token` as the fourth new token after the first prompt, and the tokens that it wrote before.

    The two tokens exchange their rows of the output layer, so that the model stays a real one.
    """
    model = bx.load_model(tiny.folder("llama"))
    ids = torch.tensor([model.tokenizer(SHORT[0])["input_ids"]])
    output = model.hf_model.generate(ids, do_sample=False, max_new_tokens=10, pad_token_id=0)
    tokens = output[0, ids.shape[1] :].tolist()
    rows = model.hf_model.lm_head.weight.data
    rows[[token, tokens[3]], :] = rows[[tokens[3], token], :]
    return model, tokens


def test_complete_cuts_at_newline():
    newline = tiny.load("llama").tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    model, tokens = writes_instead(newline)
    # By itself, the model continues after the newline.
    before, after = generate_alone(model, SHORT[0], 10).split("\n", 1)
    assert before == model.tokenizer.decode(tokens[:3])
    assert after
    assert bx.complete(model, SHORT, max_new_tokens=10)[0] == before


def test_complete_stops_once_all_prompts_are_answered():
    newline = tiny.load("llama").tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    model, _ = writes_instead(newline)
    bx.complete(model, SHORT[:1], max_new_tokens=1)  # looks at the output layer once
    steps = []
    model.hf_model.register_forward_hook(lambda module, inputs, output: steps.append(1))
    bx.complete(model, SHORT[:1], max_new_tokens=10)
    assert len(steps) == 4


def test_complete_ends_at_end_of_text():
    model, tokens = writes_instead(tiny.load("llama").tokenizer.eos_token_id)
    # The other prompts of the batch continue, and the padding of this one is not part of its text.
    assert bx.complete(model, SHORT, max_new_tokens=10)[0] == model.tokenizer.decode(tokens[:3])


def test_complete_refuses_a_bare_string():
    # Its letters would be taken as prompts.
    with pytest.raises(bx.InputError):
        bx.complete(tiny.load("llama"), SHORT[0])


@pytest.mark.parametrize("max_new_tokens", [0, -2])
@pytest.mark.parametrize(
    ("function", "prompts"), [(bx.complete, SHORT), (bx.complete_scored, SHORT), (bx.count_generated, {"en": SHORT})]
)
def test_completions_without_a_token_are_refused(function, prompts, max_new_tokens):
    with pytest.raises(bx.InputError, match=f"max_new_tokens is {max_new_tokens}; it must be 1 or more"):
        function(tiny.load("llama"), prompts, max_new_tokens=max_new_tokens)
