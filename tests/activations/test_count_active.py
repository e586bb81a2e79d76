"""Counts of active tokens of real models against plain torch hooks, one text at a time."""

import pytest
import tiny
import torch

import bridgex_nb as bx

TEXTS = {
    "en": ["The sun is hot.", "I drink water every day, and my sister drinks milk.", "Fire!"],
    "sw": ["Jua ni kali leo.", "Maji", "Ninakunywa maji kila siku, na dada yangu anakunywa maziwa."],
}

every_architecture = pytest.mark.parametrize("kind", tiny.ARCHITECTURES)
both_sites = pytest.mark.parametrize("site", ["act", "gated"])


def plain_counts(model, texts, special=False, on=lambda values: values > 0):
    """Active tokens [K, L, N] and tokens [K] by hooks, without or with the special tokens."""
    left_out = set() if special else set(model.tokenizer.all_special_ids)
    active = torch.zeros(len(texts), model.num_layers, model.num_neurons, dtype=torch.int64)
    tokens = torch.zeros(len(texts), dtype=torch.int64)
    for k, language_texts in enumerate(texts.values()):
        for text in language_texts:
            row = model.tokenizer(text)["input_ids"]
            values = tiny.hooked(model, row)[model.site][:, [i for i, token in enumerate(row) if token not in left_out]]
            active[k] += on(values).sum(dim=1)
            tokens[k] += values.shape[1]
    return active, tokens


@every_architecture
@both_sites
def test_counts_agree_with_plain_hooks(kind, site):
    model = tiny.load(kind, site)
    active, tokens = plain_counts(model, TEXTS)
    counts = bx.count_active(model, TEXTS, token_budget=1)
    assert torch.equal(counts.active, active)
    assert torch.equal(counts.tokens, tokens)
    # In padded batches the last bit may differ, and with it the sign of values that are 0 up to rounding.
    doubtful = plain_counts(model, TEXTS, on=lambda values: values.abs() < 1e-5)[0]
    counts = bx.count_active(model, TEXTS)
    assert ((counts.active - active).abs() <= doubtful).all()
    assert torch.equal(counts.tokens, tokens)


def test_counts_of_the_bundled_model_agree_with_plain_hooks(mini):
    active, tokens = plain_counts(mini, TEXTS)
    # Without padding: among this many values some may be 0 up to rounding.
    counts = bx.count_active(mini, TEXTS, token_budget=1)
    assert torch.equal(counts.active, active)
    assert torch.equal(counts.tokens, tokens)


@both_sites
def test_counts_do_not_depend_on_batches(site):
    model = tiny.load("mistral", site)
    whole = bx.count_active(model, TEXTS)
    for budget in (1, 20, 60):
        counts = bx.count_active(model, TEXTS, token_budget=budget)
        assert torch.equal(counts.active, whole.active)
        assert torch.equal(counts.tokens, whole.tokens)


def test_probability_is_active_over_tokens():
    counts = bx.count_active(tiny.load(), TEXTS)
    assert counts.languages == ("en", "sw")
    assert counts.active.dtype == torch.int64
    assert torch.equal(counts.probability[1], counts.active[1].double() / int(counts.tokens[1]))


def test_special_tokens_are_read_but_not_counted():
    model = tiny.load()
    assert model.tokenizer(TEXTS["en"][0])["input_ids"][0] == model.tokenizer.bos_token_id
    counts = bx.count_active(model, TEXTS)
    assert counts.card["options"]["special_tokens"] is False
    for special, counted in ((False, counts), (True, bx.count_active(model, TEXTS, special_tokens=True))):
        active, tokens = plain_counts(model, TEXTS, special)
        assert torch.equal(counted.active, active)
        assert torch.equal(counted.tokens, tokens)
    assert (tokens - counts.tokens).tolist() == [3, 3]


def test_a_language_whose_texts_have_only_special_tokens_is_refused():
    model = tiny.load()
    with pytest.raises(bx.InputError, match="sw have no tokens besides special ones"):
        bx.count_active(model, {"en": TEXTS["en"], "sw": [model.tokenizer.eos_token]})


def test_long_text_is_read_in_pieces():
    model = tiny.load()
    text = " ".join(TEXTS["en"] * 8)
    ids = model.tokenizer(text)["input_ids"]
    assert len(ids) > 2 * tiny.POSITIONS
    counts = bx.count_active(model, {"en": [text, "Fire!"]}, special_tokens=True)
    assert counts.tokens.tolist() == [len(ids) + len(model.tokenizer("Fire!")["input_ids"])]
    pieces = [ids[i : i + tiny.POSITIONS] for i in range(0, len(ids), tiny.POSITIONS)]
    active = sum((tiny.hooked(model, piece)["act"] > 0).sum(dim=1) for piece in pieces)
    assert torch.equal(counts.active[0], active + plain_counts(model, {"en": ["Fire!"]}, special=True)[0][0])


def test_blank_texts_count_nothing():
    model = tiny.load()
    counts = bx.count_active(model, {"en": ["", *TEXTS["en"], " \n"]})
    assert torch.equal(counts.tokens, bx.count_active(model, {"en": TEXTS["en"]}).tokens)


@pytest.mark.parametrize("empty", [[], [""], ["", " \n"]])
def test_language_without_texts(empty):
    with pytest.raises(bx.InputError, match="sw"):
        bx.count_active(tiny.load(), {"en": TEXTS["en"], "sw": empty})


def test_no_language():
    with pytest.raises(bx.InputError, match="texts is empty"):
        bx.count_active(tiny.load(), {})


@pytest.mark.parametrize("texts", ["Jua ni kali.", {"sw": "Jua ni kali."}])
def test_texts_as_a_bare_string(texts):
    with pytest.raises(bx.InputError, match="needs a list of texts for each language"):
        bx.count_active(tiny.load(), texts)


@pytest.mark.parametrize("count", [bx.count_active, bx.count_generated])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("layer", [0, tiny.LAYERS - 1])
def test_both_counts_refuse_values_that_are_not_finite(count, value, layer):
    # NaN > 0 is false: the neurons would silently count as never active.
    with pytest.raises(bx.InputError, match=f"layer {tiny.LAYERS - 1}: activations are not finite"):
        count(tiny.broken(layer, value), TEXTS)
