"""Interventions on every architecture, against changed weights, plain hooks, and each other."""

from contextlib import ExitStack, nullcontext

import nnsight
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bridgex_nb as bx

TEXTS = ["The sun is hot, and the moon is not hot at all today.", "Maji", 'kiswahili:"moto"→English:']
PROMPTS = ["The sun", 'kiswahili:"moto"→', "Maji ni"]

every_architecture = pytest.mark.parametrize("kind", tiny.ARCHITECTURES)
both_sites = pytest.mark.parametrize("site", ["act", "gated"])
#: Every architecture at one of its sites, alternating.
every_architecture_once = pytest.mark.parametrize(
    ("kind", "site"), [(kind, ("act", "gated")[i % 2]) for i, kind in enumerate(tiny.ARCHITECTURES)]
)


def some(seed):
    return tiny.neuron_set(seed, share=0.3)


def logits(model, texts=TEXTS):
    with torch.inference_mode():
        return model.hf_model(**model.pad(model.tokenizer(list(texts))["input_ids"])).logits


def down_rows(model, layer):
    """[N, d], a view of the weights that the value of each neuron is multiplied by."""
    down = model.hf_model.get_submodule(f"{model.architecture.layers}.{layer}.{model.architecture.down}")
    return down.weight.data.T if isinstance(down, torch.nn.Linear) else down.weight.data


class Scaled:
    """Within the block, the rows of a neuron set in the down projection are multiplied by a factor."""

    def __init__(self, model, neuron_set, factor):
        self.model, self.neuron_set, self.factor = model, neuron_set, factor

    def __enter__(self):
        self.before = []
        for layer, chosen in enumerate(self.neuron_set):
            rows = down_rows(self.model, layer)
            self.before.append(rows.clone())
            rows[chosen] *= self.factor

    def __exit__(self, *_):
        for layer, before in enumerate(self.before):
            down_rows(self.model, layer).copy_(before)


# What they do


@every_architecture
@both_sites
def test_deactivating_is_removing_rows_of_the_down_projection(kind, site):
    model, neuron_set = tiny.load(kind, site), some(0)
    intact = logits(model)
    with bx.deactivate(model, neuron_set):
        off = logits(model)
    with Scaled(model, neuron_set, 0):
        assert torch.equal(off, logits(model))
    assert not torch.allclose(off, intact, rtol=1e-3, atol=1e-3)
    assert torch.equal(logits(model), intact)


@every_architecture_once
def test_amplifying_is_multiplying_rows_of_the_down_projection(kind, site):
    # Powers of two round nothing: equal to the last bit.
    model, neuron_set = tiny.load(kind, site), some(1)
    with bx.amplify(model, neuron_set, 2.0):
        up = logits(model)
    with Scaled(model, neuron_set, 2):
        assert torch.equal(up, logits(model))


@every_architecture_once
def test_interventions_that_change_no_value_change_nothing(kind, site):
    model, intact = tiny.load(kind, site), logits(tiny.load(kind, site))
    nothing = torch.zeros(tiny.LAYERS, tiny.NEURONS, dtype=torch.bool)
    for block in (
        bx.amplify(model, some(2), 1.0),
        bx.deactivate(model, nothing),
        bx.amplify(model, nothing, 5.0),
        bx.set_activation(model, nothing, 3.0),
        bx.steer(model, nothing, nothing),
    ):
        with block:
            assert torch.equal(logits(model), intact)


@every_architecture_once
def test_set_values_are_read_back_and_passed_on(kind, site):
    model, neuron_set = tiny.load(kind, site), some(3)
    values = torch.randn(tiny.LAYERS, tiny.NEURONS, generator=torch.Generator().manual_seed(3))
    plain = bx.probe(model, TEXTS).values
    ids = model.tokenizer(TEXTS[0])["input_ids"]
    with bx.set_activation(model, neuron_set, values):
        seen = bx.probe(model, TEXTS).values
        passed = tiny.hooked(model, ids)  # plain torch hooks, modules told by their widths
    assert torch.allclose(seen[neuron_set], values[neuron_set][:, None].expand(-1, len(TEXTS)), atol=1e-6)
    assert torch.equal(seen[0][~neuron_set[0]], plain[0][~neuron_set[0]])
    factor = 1 if site == "gated" or passed["up"] is None else passed["up"]
    expected = (values[:, None] * factor).expand_as(passed["gated"])
    for layer, chosen in enumerate(neuron_set):
        assert torch.allclose(passed["gated"][layer][:, chosen], expected[layer][:, chosen], atol=1e-6)


def test_one_value_for_all():
    model, neuron_set = tiny.load(), some(4)
    with bx.set_activation(model, neuron_set, 0.5):
        one = logits(model)
    with bx.set_activation(model, neuron_set, torch.full(neuron_set.shape, 0.5)):
        assert torch.equal(logits(model), one)
    with bx.set_activation(model, neuron_set, 0.0):
        zero = logits(model)
    with bx.deactivate(model, neuron_set):
        assert torch.equal(logits(model), zero)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_half(dtype):
    model, neuron_set = bx.load_model(tiny.folder("gemma2"), dtype=dtype), some(5)
    with bx.amplify(model, neuron_set, 2.0), bx.set_activation(model, ~neuron_set, torch.full(neuron_set.shape, 0.25)):
        assert logits(model).dtype == getattr(torch, dtype)
    with bx.deactivate(model, neuron_set):
        off = logits(model)
    with Scaled(model, neuron_set, 0):
        assert torch.equal(off, logits(model))


# Nesting


@every_architecture_once
def test_nesting_is_composition(kind, site):
    model, first, second = tiny.load(kind, site), some(6), some(7)
    with bx.deactivate(model, first), bx.deactivate(model, second):
        both = logits(model)
    with bx.deactivate(model, first | second):
        assert torch.equal(logits(model), both)
    with bx.amplify(model, first, 2.0), bx.amplify(model, second, 4.0):
        product = logits(model)
    with (
        bx.amplify(model, first & ~second, 2.0),
        bx.amplify(model, second & ~first, 4.0),
        bx.amplify(model, first & second, 8.0),
    ):
        assert torch.equal(logits(model), product)
    with bx.steer(model, first, second, 2.0):
        steered = logits(model)
    with bx.amplify(model, first & ~second, 2.0), bx.deactivate(model, second):
        assert torch.equal(logits(model), steered)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 2.0, -1.0, 4.0]), st.integers(0, 99)), min_size=1, max_size=4))
def test_any_nest_is_the_product_of_its_factors(nest):
    model = tiny.load()
    factors = torch.ones(tiny.LAYERS, tiny.NEURONS)
    with ExitStack() as blocks:
        for factor, seed in nest:
            neuron_set = some(seed)
            blocks.enter_context(bx.deactivate(model, neuron_set) if factor == 0 else bx.amplify(model, neuron_set, factor))
            factors[neuron_set] *= factor
        nested = logits(model)
    with ExitStack() as blocks:
        for factor in factors.unique().tolist():
            blocks.enter_context(bx.amplify(model, factors == factor, factor))
        assert torch.equal(logits(model), nested)


def test_the_inner_block_changes_what_the_outer_block_leaves():
    model, neuron_set = tiny.load(), some(8)
    with bx.set_activation(model, neuron_set, 3.0), bx.amplify(model, neuron_set, 2.0):
        one = bx.probe(model, TEXTS).values[neuron_set]
    with bx.amplify(model, neuron_set, 2.0), bx.set_activation(model, neuron_set, 3.0):
        other = bx.probe(model, TEXTS).values[neuron_set]
    assert torch.allclose(one, torch.tensor(6.0))
    assert torch.allclose(other, torch.tensor(3.0))


# Leaving a block


@pytest.mark.parametrize("kind", ["llama", "opt", "gpt2", "phi3"])
@pytest.mark.parametrize("positions", ["all", "prompt", "generated"])
@both_sites
def test_nothing_is_left_behind(kind, positions, site):
    model = tiny.load(kind, site)
    intact, card, counts = logits(model), dict(model.card), bx.count_active(model, {"en": TEXTS}).active
    state = {name: (dict(module._forward_pre_hooks), module.forward) for name, module in model.hf_model.named_modules()}
    bodies = {name: module.forward.state.body for name, module in model.hf_model.named_modules()}
    off = bx.deactivate(model, some(9), positions=positions)
    with pytest.raises(ZeroDivisionError), off, bx.amplify(model, some(10), 3.0, positions=positions):
        raise ZeroDivisionError
    with bx.set_activation(model, some(9), 1.0, positions=positions):
        pass
    for name, module in model.hf_model.named_modules():
        assert (dict(module._forward_pre_hooks), module.forward) == state[name]
        assert module.forward.state.body == bodies[name]
    assert (model.card, model.remote_interventions) == (card, [])
    assert torch.equal(logits(model), intact)
    assert torch.equal(bx.count_active(model, {"en": TEXTS}).active, counts)


def test_an_error_inside_the_model_leaves_nothing_behind():
    model, card = tiny.load(), dict(tiny.load().card)
    intact = logits(model)
    with pytest.raises(IndexError), bx.deactivate(model, some(11)):
        model.hf_model(torch.tensor([[10**9]]))
    assert model.card == card
    assert torch.equal(logits(model), intact)


def test_blocks_may_be_left_in_another_order():
    for kind in ("llama", "opt"):
        for site in ("act", "gated"):
            model, first, second = tiny.load(kind, site), some(23), some(24)
            intact, card = logits(model), model.card
            with bx.amplify(model, second, 3.0):
                expected, inner = logits(model), model.card["interventions"]
            outer_block, inner_block = bx.deactivate(model, first), bx.amplify(model, second, 3.0)
            outer_block.__enter__()
            inner_block.__enter__()
            outer_block.__exit__(None, None, None)
            assert torch.equal(logits(model), expected)
            assert model.card["interventions"] == inner
            inner_block.__exit__(None, None, None)
            assert torch.equal(logits(model), intact)
            assert model.card == card
            assert "interventions" not in card


def test_the_card_cannot_be_swapped():
    with pytest.raises(AttributeError):
        tiny.load().card = {}


# Everything that runs the model


@pytest.mark.parametrize("kind", ["llama", "opt", "gemma2", "bloom"])
@both_sites
def test_counting_and_probing_see_it(kind, site):
    model, neuron_set = tiny.load(kind, site), some(12)
    with bx.deactivate(model, neuron_set):
        counts, values = bx.count_active(model, {"en": TEXTS}), bx.probe(model, TEXTS).values
    assert not counts.active[0][neuron_set].any()
    assert not values[neuron_set].any()
    with Scaled(model, neuron_set, 0):  # neurons outside the set see a model without it
        taken = bx.probe(model, TEXTS).values
    assert torch.equal(values[~neuron_set], taken[~neuron_set])


@pytest.mark.parametrize("positions", ["prompt", "generated"])
@pytest.mark.parametrize("kind", ["llama", "mpt"])  # mpt's own configuration says: no cache
def test_completions_can_tell_positions(kind, positions):
    model = tiny.load(kind)
    intact = bx.complete(model, PROMPTS, max_new_tokens=8)
    with bx.deactivate(model, some(13), positions=positions):
        assert bx.complete(model, PROMPTS, max_new_tokens=8) != intact


@pytest.mark.parametrize("kind", ["llama", "opt", "gpt2"])
def test_generation_likelihood_and_evaluation_see_it(kind):
    model, neuron_set = tiny.load(kind), some(13)
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})

    def results():
        return (
            bx.complete(model, PROMPTS, max_new_tokens=8),
            bx.loglikelihood(model, TEXTS).logprob.tolist(),
            bx.perplexity(model, {"en": TEXTS}).perplexity.tolist(),
            bx.evaluate(model, "bli", "sw", "tl", [None, "en"], lexicon=lexicon, max_new_tokens=4).drop(columns="bridge"),
        )

    intact = results()
    with bx.deactivate(model, neuron_set):
        off = results()
    with Scaled(model, neuron_set, 0):
        taken = results()
    assert off[:3] == taken[:3]
    assert off[3].equals(taken[3])
    assert off[0] != intact[0]
    assert off[1] != intact[1]


def test_your_own_traces_see_it():
    model, neuron_set = tiny.load(), some(14)

    def traced():
        inputs = model.pad(model.tokenizer(TEXTS)["input_ids"])
        with torch.inference_mode(), model.nnsight.trace(inputs):
            read = nnsight.save(model.neurons(1).clone())
            logits = nnsight.save(model.nnsight.output.logits)
        return read, logits

    with bx.deactivate(model, neuron_set):
        read, changed = traced()
    assert not read[..., neuron_set[1]].any()
    with Scaled(model, neuron_set, 0):
        assert torch.equal(traced()[1], changed)


# Positions


def stepwise(model, prompt, steps, blocks):
    """Logits of every step of greedy decoding, by plain forwards over a cache; step i runs within blocks(i)."""
    ids, past, seen = torch.tensor([model.tokenizer(prompt)["input_ids"]]), None, []
    for step in range(steps):
        with blocks(step), torch.inference_mode():
            output = model.hf_model(ids, past_key_values=past, use_cache=True)
        past = output.past_key_values
        seen.append(output.logits[0, -1])
        ids = seen[-1].argmax()[None, None]
    return torch.stack(seen)


@every_architecture
def test_positions(kind):
    model, neuron_set = tiny.load(kind), some(15)
    prompt, steps = TEXTS[0], 4

    def generated():
        ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
        output = model.hf_model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=steps,
            min_new_tokens=steps,
            do_sample=False,
            use_cache=True,
            output_logits=True,
            return_dict_in_generate=True,
        )
        return torch.cat(output.logits)

    chosen = {"all": lambda step: True, "prompt": lambda step: step == 0, "generated": lambda step: step > 0}
    intact = generated()
    for positions, applies in chosen.items():
        with bx.deactivate(model, neuron_set, positions=positions):
            seen = generated()
        by_hand = stepwise(
            model, prompt, steps, lambda step, applies=applies: Scaled(model, neuron_set, 0) if applies(step) else nullcontext()
        )
        assert torch.allclose(seen, by_hand, rtol=1e-4, atol=1e-4)
        assert torch.equal(seen[0], intact[0]) == (positions == "generated")
        assert not torch.allclose(seen[1:], intact[1:], atol=1e-3)


def test_texts_that_are_read_are_prompts():
    model, neuron_set = tiny.load(), some(16)
    with bx.deactivate(model, neuron_set):
        everywhere = bx.probe(model, TEXTS).values
    with bx.deactivate(model, neuron_set, positions="prompt"):
        assert torch.equal(bx.probe(model, TEXTS).values, everywhere)
    intact = bx.probe(model, TEXTS).values
    with bx.deactivate(model, neuron_set, positions="generated"):
        assert torch.equal(bx.probe(model, TEXTS).values, intact)


def test_positions_without_a_cache():
    model = tiny.load()
    with bx.deactivate(model, some(17), positions="generated"), pytest.raises(bx.InputError, match="use_cache=True"):
        model.hf_model.generate(torch.tensor([[1, 5]]), max_new_tokens=2, use_cache=False)


# Results are not confused


def test_a_stored_result_is_not_taken_for_one_under_an_intervention(tmp_path, recwarn):
    model, neuron_set = tiny.load(), some(18)
    texts = {"en": TEXTS}
    intact = bx.count_active(model, texts, store=tmp_path)
    blocks = [
        lambda: bx.deactivate(model, neuron_set),
        lambda: bx.deactivate(model, ~neuron_set),
        lambda: bx.amplify(model, neuron_set, 2.0),
        lambda: bx.amplify(model, neuron_set, 3.0),
        lambda: bx.set_activation(model, neuron_set, torch.full(neuron_set.shape, 2.0)),
        lambda: bx.set_activation(model, neuron_set, torch.full(neuron_set.shape, 3.0)),
    ]
    for block in blocks:
        with block():
            stored = bx.count_active(model, texts, store=tmp_path)
            assert torch.equal(stored.active, bx.count_active(model, texts).active)
            assert stored.card["interventions"] == model.card["interventions"]
            with pytest.raises(bx.InputError, match="another model"):
                intact - stored
        assert not torch.equal(stored.active, intact.active)
    assert torch.equal(bx.count_active(model, texts, store=tmp_path).active, intact.active)
    assert len(list(tmp_path.glob("counts-*.safetensors"))) == 1 + len(blocks)
    with bx.deactivate(model, neuron_set):  # a result that was stored within the same block is found again
        again = bx.count_active(model, texts, store=tmp_path)
    assert len(list(tmp_path.glob("counts-*.safetensors"))) == 1 + len(blocks)
    assert not again.active[0][neuron_set].any()
    assert not recwarn.list  # and there is no warning


def test_the_card_lists_every_block():
    model, neuron_set = tiny.load(), some(19)
    with bx.deactivate(model, neuron_set, positions="prompt"), bx.amplify(model, ~neuron_set, 2.0):
        outer, inner = bx.probe(model, TEXTS).card["interventions"]
    assert (outer["change"], outer["target"], outer["positions"]) == ("set", 0.0, "prompt")
    assert (inner["change"], inner["target"], inner["positions"]) == ("times", 2.0, "all")
    assert outer["neurons"] + inner["neurons"] == neuron_set.numel()
    assert outer["sha256"] != inner["sha256"]


# Refusals


def message(call, *args, **options):
    with pytest.raises(bx.InputError) as caught:
        call(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize("call", [bx.deactivate, lambda *args, **options: bx.amplify(*args, 2.0, **options)])
def test_bad_neuron_sets_are_refused(call):
    model, neuron_set = tiny.load(), some(20)
    assert "[3, 7], but llama has [L, N] = [3, 48]" in message(call, model, neuron_set[:, :7])
    assert "of dtype bool, not int64" in message(call, model, neuron_set.long())
    assert "of dtype bool, not float32" in message(call, model, neuron_set.float())
    assert "not a dict" in message(call, model, {"en": neuron_set})
    assert "unknown positions 'last'; choose from all, prompt, generated" in message(call, model, neuron_set, positions="last")


def test_the_neuron_set_of_another_model(mini):
    neuron_set = torch.zeros(mini.num_layers, mini.num_neurons, dtype=torch.bool)
    assert "[6, 768], but llama has" in message(bx.deactivate, tiny.load(), neuron_set)
    counts = bx.count_active(tiny.load("qwen2"), {"en": TEXTS})  # of the same shape: the card shows it
    assert "the neuron set is of another model: model is qwen2, not llama" in message(
        bx.deactivate, tiny.load(), some(21), card=counts.card
    )
    for card in (counts.card, {"site": "act"}):  # cards of published files name no model
        with bx.deactivate(tiny.load("qwen2"), some(21), card=card):
            pass


def test_bad_values():
    model, neuron_set = tiny.load(), some(22)
    values = torch.zeros(neuron_set.shape)
    values[neuron_set.nonzero()[0][0], neuron_set.nonzero()[0][1]] = float("nan")
    assert "must be finite" in message(bx.set_activation, model, neuron_set, values)
    assert "must be finite" in message(bx.set_activation, model, neuron_set, float("inf"))
    assert "finite number" in message(bx.amplify, model, neuron_set, float("nan"))
    assert "not [3, 7]" in message(bx.set_activation, model, neuron_set, values[:, :7])
    with bx.set_activation(model, ~neuron_set, values):  # values outside the set are not read
        assert torch.isfinite(logits(model)).all()
