"""Neurons of gemma-3-270m against plain torch hooks, one text at a time, and whatever else is in the batch."""

import pytest
import tiny
import torch

import bridgex_nb as bx

pytestmark = pytest.mark.real

TEXTS = {code: bx.core_sentences()[code][:3] for code in ("en", "zh", "ar", "sw")}
#: Values this close to 0 may fall to either side of it, by the shape of the batch.
DOUBTFUL = 1e-4


@pytest.fixture(scope="module")
def plain(gemma):
    """Of each text: which of its tokens are its own, and what plain hooks see, {"act", "gated"} [L, T, N]."""
    seen = {}
    for texts in TEXTS.values():
        for text in texts:
            row = gemma.tokenizer(text)["input_ids"]
            values = tiny.hooked(gemma, row)
            seen[text] = [i for i, token in enumerate(row) if token != gemma.tokenizer.bos_token_id], values
    return seen


@pytest.fixture(scope="module")
def gated(gemma):
    """The same model, with neurons read at the input of the down projection."""
    return bx.load_model("gemma-3-270m", dtype="float32", site="gated")


@pytest.mark.parametrize("site", ["act", "gated"])
def test_counts_are_those_of_plain_hooks(site, plain, request):
    model = request.getfixturevalue("gemma" if site == "act" else "gated")
    counts = bx.count_active(model, TEXTS)
    for k, texts in enumerate(TEXTS.values()):
        values = torch.cat([plain[text][1][site][:, plain[text][0]] for text in texts], dim=1)
        assert counts.tokens[k] == values.shape[1]
        active, doubtful = (values > 0).sum(dim=1), (values.abs() < DOUBTFUL).sum(dim=1)
        assert ((counts.active[k] - active).abs() <= doubtful).all()
        different = (counts.active[k] != active).float().mean()
        print(f"\n{site}, {list(TEXTS)[k]}: {different:.4%} of neurons counted differently in the last bit")
        assert different < 0.001


@pytest.mark.parametrize("statistic", ["mean", "last", "norm"])
def test_probes_are_those_of_plain_hooks(statistic, gemma, plain):
    texts = [text for texts in TEXTS.values() for text in texts]
    probe = bx.probe(gemma, texts, statistic=statistic)
    for s, text in enumerate(texts):
        values = plain[text][1]["act"][:, plain[text][0]]
        expected = {"mean": values.mean(dim=1), "last": values[:, -1], "norm": values.square().sum(dim=1).sqrt()}[statistic]
        torch.testing.assert_close(probe.values[..., s], expected, rtol=1e-3, atol=1e-4)


def test_beside_a_text_longer_than_the_attention_window_nothing_changes(gemma):
    """Most layers have a window of 512 tokens; the padding of the short text is wider than it."""
    long, short = " ".join(bx.core_sentences()["en"][:75]), "The sun is hot and the water is cold."
    rows = gemma.tokenizer([long, short])["input_ids"]
    assert len(rows[0]) - len(rows[1]) > gemma.hf_model.config.get_text_config().sliding_window
    together = bx.probe(gemma, [long, short], token_budget=8192).values
    torch.testing.assert_close(together, bx.probe(gemma, [long, short], token_budget=1).values, rtol=1e-3, atol=1e-4)
    logprobs = bx.loglikelihood(gemma, [long, short], token_budget=8192).logprob
    for row, logprob in zip(rows, logprobs, strict=True):
        ids = torch.tensor([row])
        with torch.inference_mode():
            loss = float(gemma.hf_model(input_ids=ids, labels=ids).loss)
        assert logprob == pytest.approx(-loss * (len(row) - 1), rel=1e-4)
    prompts = [f"{long} The name of the girl is", f"{long} The sun is", short]
    assert bx.complete(gemma, prompts, max_new_tokens=5) == [generated_alone(gemma, prompt, 5) for prompt in prompts]


def generated_alone(model, prompt, new_tokens):
    """One prompt through transformers' own generate, up to a newline."""
    ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
    with torch.inference_mode():
        output = model.hf_model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new_tokens)
    return model.tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True).split("\n", 1)[0]


def test_words_are_translated_as_by_generate_one_at_a_time(gemma):
    prompts = [bx.word_prompt("zh", "en", word) for word in ("书", "水", "太阳", "戒指")] + [bx.word_prompt("en", "fr", "oil")]
    prompts += ['中文:"书"→English:"book"\n\n中文:"火"→English:', "The capital of France is"]
    assert bx.complete(gemma, prompts, max_new_tokens=12) == [generated_alone(gemma, prompt, 12) for prompt in prompts]


def test_deactivated_neurons_are_those_that_hooks_set_to_zero(gemma):
    """The loss of a text, with neurons set to zero by a plain hook on the activation function."""
    chosen = torch.rand(gemma.num_layers, gemma.num_neurons, generator=torch.Generator().manual_seed(0)) < 0.1
    text = TEXTS["en"][0]
    ids = torch.tensor([gemma.tokenizer(text)["input_ids"]])
    before = bx.loglikelihood(gemma, [text]).logprob[0]
    handles = [
        layer.mlp.act_fn.register_forward_hook(lambda module, given, output, row=row: output.masked_fill(row, 0))
        for layer, row in zip(gemma.hf_model.model.layers, chosen, strict=True)
    ]
    with torch.inference_mode():
        by_hand = -float(gemma.hf_model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
    for handle in handles:
        handle.remove()
    with bx.deactivate(gemma, chosen):
        assert bx.loglikelihood(gemma, [text]).logprob[0] == pytest.approx(by_hand, abs=0.01)
    assert by_hand < before - 1
    assert bx.loglikelihood(gemma, [text]).logprob[0] == before
