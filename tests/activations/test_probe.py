"""Probes of real models against plain torch hooks, one prompt at a time."""

import pytest
import tiny
import torch

import bridgex_nb as bx

PROMPTS = ['kiswahili:"moto"→English:', "x", 'English:"sun"→kiswahili:"jua"→Tagalog:', "The sun is hot today.", "Maji ni"]


def hooked(model, prompt, special=False):
    """Values [L, N, T] of a prompt by hooks, without or with the special tokens."""
    row = model.tokenizer(prompt)["input_ids"]
    left_out = set() if special else set(model.tokenizer.all_special_ids)
    return tiny.hooked(model, row)[model.site].movedim(1, -1)[..., [i for i, token in enumerate(row) if token not in left_out]]


every_architecture = pytest.mark.parametrize("kind", tiny.ARCHITECTURES)
both_sites = pytest.mark.parametrize("site", ["act", "gated"])


def random_neurons(model, share=0.2, seed=0):
    shape = (model.num_layers, model.num_neurons)
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


@every_architecture
@both_sites
def test_probe_agrees_with_the_token_mean_of_plain_hooks(kind, site):
    model = tiny.load(kind, site)
    means = torch.stack([hooked(model, prompt).mean(dim=-1) for prompt in PROMPTS], dim=-1)
    assert tiny.close(bx.probe(model, PROMPTS).values, means)


@every_architecture
@both_sites
def test_values_do_not_depend_on_batches_or_order(kind, site):
    model = tiny.load(kind, site)
    together = bx.probe(model, PROMPTS).values
    alone = bx.probe(model, PROMPTS, token_budget=1).values
    order = [3, 0, 4, 1, 2]
    shuffled = bx.probe(model, [PROMPTS[i] for i in order], token_budget=40).values
    assert tiny.close(together, alone)
    assert tiny.close(together[..., order], shuffled)
    # The comparison is not trivial: prompts do differ.
    assert not torch.allclose(together[..., 0], together[..., 2], atol=1e-2)


def test_special_tokens_are_read_but_not_part_of_the_mean():
    model = tiny.load()
    rows = [model.tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    assert {row[0] for row in rows} == {model.tokenizer.bos_token_id}
    for special in (False, True):
        probe = bx.probe(model, PROMPTS, **{"special_tokens": True} if special else {})
        means = torch.stack([hooked(model, prompt, special).mean(dim=-1) for prompt in PROMPTS], dim=-1)
        assert tiny.close(probe.values, means)
        assert probe.card["options"]["special_tokens"] is special
    assert hooked(model, PROMPTS[0], special=True).shape[-1] == hooked(model, PROMPTS[0]).shape[-1] + 1


@every_architecture
@both_sites
def test_last_token_and_norm_agree_with_plain_hooks(kind, site):
    model = tiny.load(kind, site)
    values = [hooked(model, prompt).mT for prompt in PROMPTS]
    last, norm = (bx.probe(model, PROMPTS, statistic=statistic) for statistic in ("last", "norm"))
    assert tiny.close(last.values, torch.stack([prompt_values[:, -1] for prompt_values in values], dim=-1))
    assert tiny.close(norm.values, torch.stack([prompt_values.norm(dim=1) for prompt_values in values], dim=-1))
    assert (last.card["options"]["statistic"], norm.card["options"]["statistic"]) == ("last", "norm")


def test_last_token_and_norm_of_kept_neurons_without_special_tokens():
    model = tiny.load()
    keep = random_neurons(model)
    # One prompt ends in a special token, which must not be taken for its last token.
    prompts = [*PROMPTS, "The sun" + model.tokenizer.eos_token]
    special = set(model.tokenizer.all_special_ids)
    rows = [model.tokenizer(prompt)["input_ids"] for prompt in prompts]
    assert rows[-1][-1] in special
    values = [tiny.hooked(model, row)["act"][:, [i for i, token in enumerate(row) if token not in special]] for row in rows]
    for statistic, over_tokens in [("last", lambda x: x[:, -1]), ("norm", lambda x: x.norm(dim=1))]:
        probe = bx.probe(model, prompts, keep=keep, statistic=statistic, special_tokens=False)
        assert tiny.close(probe.values, torch.stack([over_tokens(x)[keep] for x in values], dim=-1))


def test_unknown_statistic():
    with pytest.raises(bx.InputError, match=r"median.*choose from mean, last, norm"):
        bx.probe(tiny.load(), PROMPTS, statistic="median")


def test_a_lexicon_stands_for_its_prompts():
    model = tiny.load()
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    probe = bx.probe(model, lexicon)
    assert (probe.src, probe.tgt, probe.words) == ("sw", "tl", ("moto", "maji"))
    plain = bx.probe(model, ['kiswahili:"moto"→Tagalog:', 'kiswahili:"maji"→Tagalog:'])
    assert (plain.src, plain.tgt) == (None, None)
    assert torch.equal(probe.values, plain.values)


@both_sites
@pytest.mark.parametrize("empty", [None, 0, 1])
def test_kept_neurons_agree_with_the_whole_probe(site, empty):
    model = tiny.load("gemma2", site)
    keep = random_neurons(model)
    if empty is not None:
        keep[empty] = False
    whole, kept = bx.probe(model, PROMPTS), bx.probe(model, PROMPTS, keep=keep)
    assert kept.values.shape == (int(keep.sum()), len(PROMPTS))
    assert kept.num_layers == whole.num_layers == tiny.LAYERS
    part = keep & random_neurons(model, 0.5, seed=1)
    for layer in range(tiny.LAYERS):
        for chosen in (keep[layer], part[layer]):
            assert kept.rows(layer, chosen).shape == (int(chosen.sum()), len(PROMPTS))
            assert tiny.close(kept.rows(layer, chosen), whole.rows(layer, chosen))


def test_neurons_that_were_not_kept_are_refused():
    model = tiny.load()
    keep = random_neurons(model)
    kept = bx.probe(model, PROMPTS, keep=keep)
    neurons = keep[2].clone()
    neurons[(~keep[2]).nonzero()[0]] = True
    with pytest.raises(bx.InputError, match="layer 2"):
        kept.rows(2, neurons)


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
    # Otherwise its letters would be taken for prompts.
    with pytest.raises(bx.InputError, match="list of prompts"):
        bx.probe(tiny.load(), PROMPTS[0])


def test_prompt_without_a_counted_token():
    # It consists of the BOS token only, and a mean over no token is not a number.
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
    ids=["too wide", "one layer", "not bool", "empty"],
)
def test_keep_that_does_not_fit(keep):
    with pytest.raises(bx.InputError, match=r"\[L, N\] = \[3, 48\]"):
        bx.probe(tiny.load(), PROMPTS, keep=keep)


def test_ranking_names_the_layer_that_is_not_finite():
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"], "jua": ["araw"]})
    every = torch.ones(tiny.LAYERS, tiny.NEURONS, dtype=torch.bool)
    first, second = every.clone(), every.clone()
    first[:, 24:], second[:, :24] = False, False
    with pytest.raises(bx.InputError, match="layer 1"):
        bx.rank_bridges(bx.probe(tiny.broken(), lexicon), {"sw": first, "tl": first, "en": second}, ["en"])
