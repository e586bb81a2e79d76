"""Counts and probes of real models against plain torch hooks, one text at a time."""

import json

import pytest
import tiny
import torch

import bridgex_nb as bx

TEXTS = {
    "en": ["The sun is hot.", "I drink water every day, and my sister drinks milk.", "Fire!"],
    "sw": ["Jua ni kali leo.", "Maji", "Ninakunywa maji kila siku, na dada yangu anakunywa maziwa."],
}
PROMPTS = ['kiswahili:"moto"→English:', "x", 'English:"sun"→kiswahili:"jua"→Tagalog:', "The sun is hot today.", "Maji ni"]

every_architecture = pytest.mark.parametrize("kind", tiny.ARCHITECTURES)
both_sites = pytest.mark.parametrize("site", ["act", "gated"])


def plain_counts(model, texts, skip=0, on=lambda values: values > 0):
    """Active tokens [K, L, N] and tokens [K] by hooks; `skip` leaves out that many first tokens of each text."""
    active = torch.zeros(len(texts), model.num_layers, model.num_neurons, dtype=torch.int64)
    tokens = torch.zeros(len(texts), dtype=torch.int64)
    for k, some in enumerate(texts.values()):
        for text in some:
            values = tiny.hooked(model, model.tokenizer(text)["input_ids"])[model.site][:, skip:]
            active[k] += on(values).sum(dim=1)
            tokens[k] += values.shape[1]
    return active, tokens


def random_neurons(model, share=0.2, seed=0):
    shape = (model.num_layers, model.num_neurons)
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


# Counts


@every_architecture
@both_sites
def test_counts_are_those_of_plain_hooks(kind, site):
    model = tiny.load(kind, site)
    active, tokens = plain_counts(model, TEXTS)
    counts = bx.count_active(model, TEXTS, token_budget=1)
    assert torch.equal(counts.active, active)
    assert torch.equal(counts.tokens, tokens)
    # In padded batches the last bit may differ, and with it the sign of what rounding could take for 0.
    doubtful = plain_counts(model, TEXTS, on=lambda values: values.abs() < 1e-5)[0]
    counts = bx.count_active(model, TEXTS)
    assert ((counts.active - active).abs() <= doubtful).all()
    assert torch.equal(counts.tokens, tokens)


def test_counts_of_the_bundled_model_are_those_of_plain_hooks(mini):
    active, tokens = plain_counts(mini, TEXTS)
    # Unpadded: among this many values some may lie within the rounding of 0.
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


def test_special_tokens_can_be_left_out_of_the_counts():
    model = tiny.load()
    assert model.tokenizer(TEXTS["en"][0])["input_ids"][0] == model.tokenizer.bos_token_id
    counts = bx.count_active(model, TEXTS, special_tokens=False)
    active, tokens = plain_counts(model, TEXTS, skip=1)
    assert torch.equal(counts.active, active)
    assert torch.equal(counts.tokens, tokens)


def test_long_text_is_read_in_pieces():
    model = tiny.load()
    text = " ".join(TEXTS["en"] * 8)
    ids = model.tokenizer(text)["input_ids"]
    assert len(ids) > 2 * tiny.POSITIONS
    counts = bx.count_active(model, {"en": [text, "Fire!"]})
    assert counts.tokens.tolist() == [len(ids) + len(model.tokenizer("Fire!")["input_ids"])]
    pieces = [ids[i : i + tiny.POSITIONS] for i in range(0, len(ids), tiny.POSITIONS)]
    active = sum((tiny.hooked(model, piece)["act"] > 0).sum(dim=1) for piece in pieces)
    assert torch.equal(counts.active[0], active + plain_counts(model, {"en": ["Fire!"]})[0][0])


def test_blank_texts_count_nothing():
    model = tiny.load()
    counts = bx.count_active(model, {"en": ["", *TEXTS["en"], " \n"]})
    assert torch.equal(counts.tokens, bx.count_active(model, {"en": TEXTS["en"]}).tokens)


def test_counts_survive_saving(tmp_path):
    counts = bx.count_active(tiny.load(), TEXTS, special_tokens=False)
    counts.save(tmp_path / "counts.safetensors")
    again = bx.ActivationCounts.load(tmp_path / "counts.safetensors")
    assert torch.equal(again.active, counts.active)
    assert torch.equal(again.tokens, counts.tokens)
    assert again.languages == counts.languages
    assert again.card == counts.card


def test_full_minus_prefix():
    model = tiny.load()
    prefixes = {code: [text[:4] for text in some] for code, some in TEXTS.items()}
    full, prefix = bx.count_active(model, TEXTS), bx.count_active(model, prefixes)
    rest = full - prefix
    assert torch.equal(rest.active + prefix.active, full.active)
    assert torch.equal(rest.tokens + prefix.tokens, full.tokens)
    for name, counts in (("full", full), ("prefix", prefix)):
        assert rest.card["inputs"][name] == {key: counts.card[key] for key in ("function", "data", "options")}


def test_counts_of_other_languages_are_not_subtracted():
    model = tiny.load()
    with pytest.raises(bx.InputError, match="other languages"):
        bx.count_active(model, TEXTS) - bx.count_active(model, {"en": TEXTS["en"]})


@pytest.mark.parametrize("other", [("llama", "gated"), ("qwen2", "act")])
def test_counts_of_another_model_or_site_are_not_subtracted(other):
    # All tiny models have the same shape: only the run card tells them apart.
    with pytest.raises(bx.InputError):
        bx.count_active(tiny.load("llama"), TEXTS) - bx.count_active(tiny.load(*other), TEXTS)


def test_card_tells_the_data():
    model = tiny.load("llama", "gated")
    counts = bx.count_active(model, TEXTS)
    assert counts.card["site"] == "gated"
    assert counts.card["weights_sha256"] == model.card["weights_sha256"]
    assert counts.card["data"]["texts"] == {"en": 3, "sw": 3}
    other = bx.count_active(model, TEXTS | {"en": ["The sun is cold.", *TEXTS["en"][1:]]})
    assert other.card["data"]["sha256"] != counts.card["data"]["sha256"]
    assert str(tiny.folder("llama").parent) not in json.dumps(counts.card)


@pytest.mark.parametrize("nothing", [[], [""], ["", " \n"]])
def test_language_without_texts(nothing):
    with pytest.raises(bx.InputError, match="sw"):
        bx.count_active(tiny.load(), {"en": TEXTS["en"], "sw": nothing})


def test_no_language():
    with pytest.raises(bx.InputError):
        bx.count_active(tiny.load(), {})


@pytest.mark.parametrize("texts", ["Jua ni kali.", {"sw": "Jua ni kali."}])
def test_texts_as_a_bare_string(texts):
    with pytest.raises(bx.InputError):
        bx.count_active(tiny.load(), texts)


def test_counts_from_a_missing_file(tmp_path):
    with pytest.raises(bx.InputError, match=r"none\.safetensors"):
        bx.ActivationCounts.load(tmp_path / "none.safetensors")


def test_counts_from_a_file_of_something_else(tmp_path):
    (tmp_path / "text").write_text("not counts")
    for place in (tmp_path / "text", tiny.folder("llama") / "model.safetensors"):
        with pytest.raises(bx.InputError, match=place.name):
            bx.ActivationCounts.load(place)


# Probes


@every_architecture
@both_sites
def test_probe_is_the_token_mean_of_plain_hooks(kind, site):
    model = tiny.load(kind, site)
    rows = [model.tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    means = torch.stack([tiny.hooked(model, row)[site].mean(dim=1) for row in rows], dim=-1)
    assert tiny.close(bx.probe(model, PROMPTS).values, means)


@every_architecture
@both_sites
def test_probe_alone_is_probe_in_a_batch_is_probe_shuffled(kind, site):
    model = tiny.load(kind, site)
    together = bx.probe(model, PROMPTS).values
    alone = bx.probe(model, PROMPTS, token_budget=1).values
    order = [3, 0, 4, 1, 2]
    shuffled = bx.probe(model, [PROMPTS[i] for i in order], token_budget=40).values
    assert tiny.close(together, alone)
    assert tiny.close(together[..., order], shuffled)
    # The comparison means something: prompts do differ.
    assert not torch.allclose(together[..., 0], together[..., 2], atol=1e-2)


def test_special_tokens_can_be_left_out_of_the_mean():
    model = tiny.load()
    rows = [model.tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    means = torch.stack([tiny.hooked(model, row)["act"][:, 1:].mean(dim=1) for row in rows], dim=-1)
    assert tiny.close(bx.probe(model, PROMPTS, special_tokens=False).values, means)


@every_architecture
@both_sites
def test_last_token_and_norm_are_those_of_plain_hooks(kind, site):
    model = tiny.load(kind, site)
    values = [tiny.hooked(model, model.tokenizer(prompt)["input_ids"])[site] for prompt in PROMPTS]
    last, norm = (bx.probe(model, PROMPTS, statistic=statistic) for statistic in ("last", "norm"))
    assert tiny.close(last.values, torch.stack([one[:, -1] for one in values], dim=-1))
    assert tiny.close(norm.values, torch.stack([one.norm(dim=1) for one in values], dim=-1))
    assert (last.card["options"]["statistic"], norm.card["options"]["statistic"]) == ("last", "norm")


def test_last_token_and_norm_of_kept_neurons_without_special_tokens():
    model = tiny.load()
    keep = random_neurons(model)
    # One prompt that ends in a special token, which is not the last that counts.
    prompts = [*PROMPTS, "The sun" + model.tokenizer.eos_token]
    special = set(model.tokenizer.all_special_ids)
    rows = [model.tokenizer(prompt)["input_ids"] for prompt in prompts]
    assert rows[-1][-1] in special
    values = [tiny.hooked(model, row)["act"][:, [i for i, token in enumerate(row) if token not in special]] for row in rows]
    for statistic, over_tokens in [("last", lambda one: one[:, -1]), ("norm", lambda one: one.norm(dim=1))]:
        probe = bx.probe(model, prompts, keep=keep, statistic=statistic, special_tokens=False)
        assert tiny.close(probe.values, torch.stack([over_tokens(one)[keep] for one in values], dim=-1))


def test_unknown_statistic():
    with pytest.raises(bx.InputError, match=r"median.*mean, last, norm"):
        bx.probe(tiny.load(), PROMPTS, statistic="median")


def test_probe_of_a_lexicon_reads_its_prompts():
    model = tiny.load()
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    probe = bx.probe(model, lexicon)
    assert (probe.src, probe.tgt, probe.words) == ("sw", "tl", ("moto", "maji"))
    plain = bx.probe(model, ['kiswahili:"moto"→Tagalog:', 'kiswahili:"maji"→Tagalog:'])
    assert (plain.src, plain.tgt) == (None, None)
    assert torch.equal(probe.values, plain.values)


@both_sites
@pytest.mark.parametrize("empty", [None, 0, 1])
def test_kept_neurons_are_those_of_the_whole_probe(site, empty):
    model = tiny.load("gemma2", site)
    keep = random_neurons(model)
    if empty is not None:
        keep[empty] = False
    whole, kept = bx.probe(model, PROMPTS), bx.probe(model, PROMPTS, keep=keep)
    assert kept.values.shape == (int(keep.sum()), len(PROMPTS))
    assert kept.num_layers == whole.num_layers == tiny.LAYERS
    some = keep & random_neurons(model, 0.5, seed=1)
    for layer in range(tiny.LAYERS):
        for chosen in (keep[layer], some[layer]):
            assert kept.rows(layer, chosen).shape == (int(chosen.sum()), len(PROMPTS))
            assert tiny.close(kept.rows(layer, chosen), whole.rows(layer, chosen))


def test_neurons_that_were_not_kept_are_refused():
    model = tiny.load()
    keep = random_neurons(model)
    kept = bx.probe(model, PROMPTS, keep=keep)
    asked = keep[2].clone()
    asked[(~keep[2]).nonzero()[0]] = True
    with pytest.raises(bx.InputError, match="layer 2"):
        kept.rows(2, asked)


@pytest.mark.parametrize("count", [0, 1])
def test_probe_needs_two_prompts(count):
    with pytest.raises(bx.InputError, match=str(count)):
        bx.probe(tiny.load(), PROMPTS[:count])


def test_probe_needs_two_words():
    with pytest.raises(bx.InputError, match="sw-tl"):
        bx.probe(tiny.load(), bx.Lexicon("sw", "tl", {"moto": ["apoy"]}))


def test_prompt_longer_than_the_context():
    with pytest.raises(bx.InputError, match=f"prompt 1 .*{tiny.POSITIONS}"):
        bx.probe(tiny.load(), ["x", "The sun is hot. " * 20])


def test_probe_refuses_a_bare_string():
    # Its letters would be taken for prompts.
    with pytest.raises(bx.InputError):
        bx.probe(tiny.load(), PROMPTS[0])


def test_prompt_without_a_token_that_counts():
    # Only the BOS token is left of it: a mean over no token is not a number.
    with pytest.raises(bx.InputError, match="prompt 1"):
        bx.probe(tiny.load(), ["x", ""], special_tokens=False)


@pytest.mark.parametrize(
    "keep",
    [
        torch.ones(tiny.LAYERS, tiny.NEURONS + 1, dtype=torch.bool),
        torch.ones(tiny.NEURONS, dtype=torch.bool),
        torch.ones(tiny.LAYERS, tiny.NEURONS),
        torch.zeros(tiny.LAYERS, tiny.NEURONS, dtype=torch.bool),
    ],
    ids=["too wide", "one layer", "not bool", "nothing"],
)
def test_keep_that_does_not_fit(keep):
    with pytest.raises(bx.InputError, match=r"\[L, N\] = \[3, 48\]"):
        bx.probe(tiny.load(), PROMPTS, keep=keep)


# Values that are not finite


@pytest.fixture
def broken():
    """A model whose layer 1 gives NaN, as overflow in half precision would."""
    return broken_model(1, float("nan"))


def broken_model(layer, value):
    model = bx.load_model(tiny.folder("llama"))
    model.hf_model.model.layers[layer].mlp.gate_proj.weight.data[5] = value
    return model


def test_ranking_names_the_layer_that_is_not_finite(broken):
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"], "jua": ["araw"]})
    every = torch.ones(tiny.LAYERS, tiny.NEURONS, dtype=torch.bool)
    first, second = every.clone(), every.clone()
    first[:, 24:], second[:, :24] = False, False
    with pytest.raises(bx.InputError, match="layer 1"):
        bx.rank_bridges(bx.probe(broken, lexicon), {"sw": first, "tl": first, "en": second}, ["en"])


def test_counts_of_a_model_that_is_not_finite(broken):
    # NaN > 0 is false: the neurons would silently count as never active.
    with pytest.raises(bx.InputError, match=r"layer [12]"):
        bx.count_active(broken, TEXTS)


@pytest.mark.parametrize("count", [bx.count_active, bx.count_generated])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("layer", [0, tiny.LAYERS - 1])
def test_both_counts_refuse_values_that_are_not_finite(count, value, layer):
    with pytest.raises(bx.InputError, match=f"layer {tiny.LAYERS - 1}: activations are not finite"):
        count(broken_model(layer, value), TEXTS)


# Counts of generated tokens (their numbers against plain hooks: tests/interventions/test_contrasts.py)


@pytest.mark.parametrize("prompts", ["Jua", {}, {"sw": "Jua ni kali."}, {"en": TEXTS["en"], "sw": []}])
def test_generated_counts_need_prompts_for_each_language(prompts):
    with pytest.raises(bx.InputError, match="count_generated needs a list of prompts for each language"):
        bx.count_generated(tiny.load(), prompts)


def test_generated_counts_read_the_prompt_that_was_continued():
    """A prompt that is too long loses its beginning before the model continues it: the counts are those after the cut."""
    model = tiny.load("gpt2")  # it learns a vector per position, and has none beyond its context
    with pytest.warns(UserWarning, match="lose their beginning") as caught:
        counts = bx.count_generated(model, {"en": ["The sun is hot. " * 30]}, max_new_tokens=4)
    assert len(caught) == 1
    assert 1 <= counts.tokens[0] <= 4


# Run cards


def test_every_result_has_its_card():
    model, options = tiny.load(), {"special_tokens": False}
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    counts = bx.count_active(model, TEXTS, **options)
    cards = {
        "count_active": counts.card,
        "count_generated": bx.count_generated(model, TEXTS, max_new_tokens=2).card,
        "probe": bx.probe(model, lexicon, **options).card,
        "token_values": bx.token_values(model, TEXTS, 1, 2).attrs["card"],
        "ActivationCounts.__sub__": (counts - counts).card,
    }
    for function, card in cards.items():
        assert card["function"] == function
        assert json.loads(json.dumps(card)) == card
        assert {name: card[name] for name in ("model", "weights_sha256", "dtype", "attention", "site")} == {
            name: model.card[name] for name in ("model", "weights_sha256", "dtype", "attention", "site")
        }
        assert len(card["data"]["sha256"]) == 64
        assert card["versions"]["torch"] == torch.__version__
    assert cards["count_active"]["options"] == options
    assert cards["count_generated"]["options"] == {"max_new_tokens": 2}
    assert cards["probe"]["options"] == {"special_tokens": False, "keep": None, "statistic": "mean"}
    assert (cards["probe"]["data"]["src"], cards["probe"]["data"]["tgt"]) == ("sw", "tl")
    assert cards["token_values"]["options"] == {"layer": 1, "neuron": 2}
