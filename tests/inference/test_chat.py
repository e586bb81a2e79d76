"""Prompts in a chat template, against transformers' own tokens of a conversation; a template or BOS that is left out."""

import warnings

import pandas as pd
import pytest
import tiny
import torch
from tokenizers import processors

import bridgex_nb as bx
from bridgex_nb.inference import _bos

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[model] {% endif %}"
)
MRC = {"text": "Maji ni baridi.", "question": "Wie ist das Wasser?", "choices": ["heiß", "kalt", "rot", "alt"], "answer": 1}
PROMPTS = [*(bx.word_prompt("sw", "en", word) for word in ("moto", "maji", "jua kali sana")), "The sun is", "a"]


@pytest.fixture
def model():
    """A tiny model of its own with a chat template that writes BOS, as most do; its tokenizer adds BOS, too."""
    model = bx.load_model(tiny.folder("llama"))
    model.tokenizer.chat_template = TEMPLATE
    return model


def conversation(model, prompt):
    """The token ids of a prompt in the template, by transformers."""
    messages = [{"role": "user", "content": prompt}]
    return model.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]


def test_a_conversation_begins_with_bos_once(model):
    bos = model.tokenizer.bos_token_id
    assert model.tokenizer("a")["input_ids"][0] == bos
    for prompt in PROMPTS:
        ids = conversation(model, prompt)
        assert ids.count(bos) == 1


def test_completions_of_a_conversation(model):
    got = bx.complete(model, PROMPTS, chat=True, max_new_tokens=8)
    scored = bx.complete_scored(model, PROMPTS, chat=True, max_new_tokens=8)
    for prompt, text, completion in zip(PROMPTS, got, scored, strict=True):
        ids = torch.tensor([conversation(model, prompt)])
        output = model.hf_model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8, pad_token_id=0
        )
        assert text == model.tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True).split("\n", 1)[0]
        assert completion.text == text
    with pytest.warns(UserWarning, match="chat template"):
        assert got != bx.complete(model, PROMPTS, max_new_tokens=8)


def test_likelihood_of_answers_in_a_conversation(model):
    ((fire, water),) = bx.option_logprobs(model, PROMPTS[:1], [['"fire"', '"two waters"']], chat=True)
    for answer, got in (('"fire"', fire), ('"two waters"', water)):
        head = conversation(model, PROMPTS[0])
        tail = model.tokenizer(answer, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logprobs = model.hf_model(torch.tensor([head + tail])).logits[0].double().log_softmax(dim=-1)
        assert got == pytest.approx(sum(float(logprobs[len(head) - 1 + i, token]) for i, token in enumerate(tail)), rel=1e-4)


@pytest.mark.parametrize("statistic", ["mean", "last"])
def test_a_probe_of_conversations(model, statistic):
    result = bx.probe(model, PROMPTS, chat=True, statistic=statistic)
    for s, prompt in enumerate(PROMPTS):
        ids = conversation(model, prompt)
        values = tiny.hooked(model, ids)["act"][:, 1:]  # BOS is not counted
        assert tiny.close(result.values[..., s], values.mean(dim=1) if statistic == "mean" else values[:, -1])
    assert result.card["options"]["chat"] is True
    assert "chat" not in bx.probe(tiny.load(), PROMPTS).card["options"]


def test_everything_that_asks_takes_it(mini, tmp_path):
    model = bx.load_model()
    # In this template the prompt is all there is, so the answers are those without one.
    model.tokenizer.chat_template = "{{ bos_token }}{{ messages[0].content }}"
    lexicon = bx.core_lexicon("sw", "tl").keep(["moto", "maji", "jua", "mti", "samaki"])
    options = {"shots": 1, "examples": [bx.core_lexicon("sw", "tl")], "gold_logprobs": True}
    plain = bx.answers(mini, "bli", lexicon, [None, "en"], **options)
    chatting = bx.answers(model, "bli", lexicon, [None, "en"], chat=True, store=tmp_path, **options)
    assert plain.output.equals(chatting.output)
    assert plain.bridge_text.equals(chatting.bridge_text)
    assert chatting.gold_logprob.tolist() == pytest.approx(plain.gold_logprob.tolist(), abs=1e-4)
    card = chatting.attrs["card"]["options"]
    assert {name: card[name] for name in card if name not in plain.attrs["card"]["options"]} == {
        "chat": True,
        "chat_sha256": card["chat_sha256"],
    }
    table = bx.evaluate(model, "bli", "sw", "tl", [None], lexicon=lexicon, chat=True)
    assert table.attrs["card"]["options"]["chat"] is True
    assert table.accuracy.tolist() == bx.evaluate(mini, "bli", "sw", "tl", [None], lexicon=lexicon).accuracy.tolist()
    grid = bx.evaluate_grid(model, ["bli"], [("sw", "tl")], ["en"], limit=5, chat=True)
    assert grid.attrs["card"]["inputs"]["bli"]["options"]["chat"] is True
    known = bx.core_lexicon("sw", "en").keep(["moto", "maji", "jua"])
    assert bx.known_words(model, known, chat=True).entries == bx.known_words(mini, known).entries
    controls = bx.bridge_controls(model, "bli", lexicon, ["en"], controls=["gold"], chat=True)
    assert controls.attrs["card"]["options"]["chat"] is True
    assert controls.attrs["card"]["options"]["controls"] == ["gold"]
    item = pd.DataFrame([{"src": "sw", "tgt": "de", "item": 0, **MRC}])
    letters = bx.answers(model, "mrc", item, scoring="letters", chat=True).logprobs[0]
    assert letters == pytest.approx(bx.answers(mini, "mrc", item, scoring="letters").logprobs[0], abs=1e-4)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: bx.complete(model, PROMPTS, chat=True),
        lambda model: bx.option_logprobs(model, PROMPTS[:1], [["a", "b"]], chat=True),
        lambda model: bx.probe(model, PROMPTS, chat=True),
        lambda model: bx.evaluate(model, "bli", "sw", "en", limit=3, chat=True),
        lambda model: bx.known_words(model, bx.core_lexicon("sw", "en"), chat=True),
    ],
)
def test_a_model_without_a_template_is_refused(mini, ask):
    with pytest.raises(bx.InputError, match="the tokenizer of bridgex-mini has no chat template; leave out chat="):
        ask(mini)


def test_a_template_that_fails(model):
    model.tokenizer.chat_template = "{{ raise_exception('no user may speak') }}"
    with pytest.raises(bx.InputError, match=r"the chat template of llama fails \(no user may speak"):
        bx.complete(model, PROMPTS, chat=True)


def test_a_template_that_is_not_used_is_said_once(model):
    with pytest.warns(UserWarning, match="llama has a chat template, and prompts are read without it.*chat=True"):
        bx.probe(model, PROMPTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bx.probe(model, PROMPTS)
        bx.complete(model, PROMPTS, max_new_tokens=2)
        bx.count_active(bx.load_model(tiny.folder("llama")), {"en": PROMPTS})


# BOS


def without_bos():
    """The bundled model with a tokenizer that does not add BOS, though it was trained with it."""
    model = bx.load_model()
    model.tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    assert model.tokenizer.bos_token_id not in model.tokenizer("a")["input_ids"]
    return model


def test_the_loss_with_and_without_bos():
    model = without_bos()
    row, bos = model.tokenizer(_bos.TEXT)["input_ids"], model.tokenizer.bos_token_id
    for got, ids in zip(_bos._losses(model, row, bos), (row, [bos, *row]), strict=True):
        with torch.inference_mode():
            logits = model.hf_model(torch.tensor([ids])).logits[0]
        loss = torch.nn.functional.cross_entropy(logits[-len(row) : -1], torch.tensor(row[1:]))
        assert got == pytest.approx(float(loss), rel=1e-4)


def test_a_model_that_needs_bos_and_does_not_get_it_is_said_once(monkeypatch):
    monkeypatch.setattr(_bos, "NATS", 0.5)  # the bundled model loses 0.7 nats a token, Gemma four
    model = without_bos()
    with pytest.warns(UserWarning, match="bridgex-mini does not begin texts with BOS .*7.2 nats a token, and 6.5 with it"):
        bx.count_active(model, {"en": ["The sun is hot."]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bx.loglikelihood(model, ["The sun is hot."])


def test_a_model_that_gets_bos_or_does_not_need_it(monkeypatch):
    seen = []
    monkeypatch.setattr(_bos, "_losses", lambda *given: seen.append(given) or [9.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bx.count_active(bx.load_model(), {"en": ["The sun is hot."]})
    assert not seen
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 0.7 nats is what many texts do without
        bx.count_active(without_bos(), {"en": ["The sun is hot."]})
