"""Log-likelihood and perplexity against one text at a time and torch's own cross entropy."""

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx

TEXTS = ["The sun is hot, and the moon is not.", "Maji", 'kiswahili:"moto"→English:"fire"', "אש", "x y"]


def one_at_a_time(model, ids, start):
    """The log-probability of the tokens from `start` on, by the model's own loss on one row."""
    with torch.inference_mode():
        logits = model.hf_model(torch.tensor([ids])).logits[0].double()
    return -float(torch.nn.functional.cross_entropy(logits[start - 1 : -1], torch.tensor(ids[start:]), reduction="sum"))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt", "bloom", "gemma2", "gemma3", "phi3", "falcon", "xglm", "mpt"])
@pytest.mark.parametrize("token_budget", [10, 60, 8192])
def test_texts_in_a_batch_are_texts_alone(kind, token_budget):
    model = tiny.load(kind)
    table = bx.loglikelihood(model, TEXTS, token_budget=token_budget)
    for i, text in enumerate(TEXTS):
        ids = model.tokenizer(text)["input_ids"]
        assert table.tokens[i] == len(ids) - 1
        assert table.logprob[i] == pytest.approx(one_at_a_time(model, ids, 1), rel=1e-5)


def test_texts_after_prompts(mini):
    prompts = ['kiswahili:"moto"→English:', "The s", "Maji", ""]
    texts = ['"fire"', "un is hot.", " ni", "Maji ni"]
    table = bx.loglikelihood(mini, texts, prompts)
    for i, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        ids, start = mini.tokenizer(prompt + text)["input_ids"], len(mini.tokenizer(prompt)["input_ids"])
        assert table.tokens[i] == len(ids) - start
        assert table.logprob[i] == pytest.approx(one_at_a_time(mini, ids, start), rel=1e-4, abs=1e-4)
    whole = bx.loglikelihood(mini, [prompts[0] + texts[0]]).logprob[0]
    assert whole == pytest.approx(bx.loglikelihood(mini, prompts[:1]).logprob[0] + table.logprob[0], rel=1e-4)


def test_a_greedy_completion_has_the_log_probability_that_it_reports(mini):
    prompts = ['kiswahili:"moto"→English:', 'English:"water"→Français:']
    written = bx.complete_scored(mini, prompts)
    texts = [one.text + "\n" for one in written]
    assert bx.loglikelihood(mini, texts, prompts).logprob.tolist() == pytest.approx([one.logprob for one in written], abs=1e-3)
    ids = [mini.tokenizer.decode(one.ids) for one in written]
    assert [text.split("\n")[0] for text in ids] == [one.text for one in written]
    assert [len(one.ids) for one in written] == [one.tokens for one in written]


def test_perplexity_is_by_token_and_by_language(mini):
    texts = {code: some[:4] for code, some in bx.core_sentences().items() if code in ("en", "ar", "zh")}
    table = bx.perplexity(mini, texts).set_index("language")
    for code, some in texts.items():
        rows = mini.tokenizer(some)["input_ids"]
        total, tokens = sum(one_at_a_time(mini, ids, 1) for ids in rows), sum(len(ids) - 1 for ids in rows)
        assert table.tokens[code] == tokens
        assert table.perplexity[code] == pytest.approx(np.exp(-total / tokens), rel=1e-4)


def test_run_cards(mini):
    alone, after = bx.loglikelihood(mini, TEXTS[:2]), bx.loglikelihood(mini, TEXTS[:2], ["a", "b"])
    assert (alone.attrs["card"]["function"], alone.attrs["card"]["model"]) == ("loglikelihood", "bridgex-mini")
    assert after.attrs["card"]["data"]["texts"] == {"texts": 2, "prompts": 2}
    assert alone.attrs["card"]["data"]["sha256"] != after.attrs["card"]["data"]["sha256"]
    with bx.deactivate(mini, torch.ones(mini.num_layers, mini.num_neurons, dtype=torch.bool)):
        card = bx.perplexity(mini, {"en": TEXTS[:2], "sw": TEXTS[2:]}).attrs["card"]
    assert (card["function"], card["data"]["texts"]) == ("perplexity", {"en": 2, "sw": 3})
    assert len(card["interventions"]) == 1


@pytest.mark.parametrize(
    ("texts", "prompts", "message"),
    [
        ("fire", None, "not one string"),
        ([], None, "needs texts"),
        (["a", "b"], ["c"], "2 and 1 prompts"),
        ([""], None, "text 0 has no token after the first"),
        (["fine", ""], ["a", "b"], "text 1 adds no token to its prompt: ''"),
        (["word " * 100], None, r"text 0 has \d+ tokens, more than the model's context of 64"),
        (["word " * 100], ["a"], r"text 0 has \d+ tokens with its prompt, more than the model's context of 64"),
    ],
)
def test_bad_texts_are_refused(texts, prompts, message):
    with pytest.raises(bx.InputError, match=message):
        bx.loglikelihood(tiny.load(), texts, prompts)


def test_a_language_without_texts():
    with pytest.raises(bx.InputError, match="none for: sw"):
        bx.perplexity(tiny.load(), {"en": ["The sun"], "sw": []})
    with pytest.raises(bx.InputError, match="texts is empty"):
        bx.perplexity(tiny.load(), {})


def test_a_model_that_is_not_finite():
    model = bx.load_model(tiny.folder("llama"))
    model.hf_model.lm_head.weight.data[5] = float("nan")
    with pytest.raises(bx.InputError, match="not finite"):
        bx.loglikelihood(model, TEXTS)
