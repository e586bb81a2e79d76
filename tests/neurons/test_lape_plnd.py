"""LAPE and its kin, and PLND: hand-made counts, the published formulas as loops, properties, and the released masks."""

import math

import hypothesis
import hypothesis.strategies as st
import pytest
import tiny
import torch

import bridgex_nb as bx

CODES = ("en", "zh", "fr", "es", "vi", "id", "ja", "sw", "tl", "fi")

#: LAPE's published numbers of neurons of LLaMA-2-7B.
LLAMA_2_7B = {"en": 95, "zh": 583, "fr": 1022, "es": 838, "vi": 836, "id": 1068, "ja": 582}


def counts_of(active, tokens=1000):
    """Counts from active [K, L, N], over as many tokens in every language, or as many as the list says."""
    active = torch.as_tensor(active)
    tokens = torch.tensor(tokens if isinstance(tokens, list) else [tokens] * len(active))
    return bx.ActivationCounts(active, tokens, CODES[: len(active)], {})


def random_counts(languages=7, layers=8, neurons=1500, tokens=4, seed=0):
    """Few tokens, and more of them in some languages: most entropies, maxima and probabilities occur many times."""
    generator = torch.Generator().manual_seed(seed)
    seen = [tokens * (1 + k % 3) for k in range(languages)]
    share = torch.rand(languages, layers, neurons, generator=generator) ** 4
    return counts_of((share * torch.tensor(seen)[:, None, None]).round().long(), seen)


def members(mask):
    return {tuple(place) for place in mask.nonzero().tolist()}


def published(counts, rate, bar, lam, strict=True, discard=True):
    """The published formulas in plain Python, a neuron after the other -> {language: {(layer, neuron)}}."""
    languages, layers, neurons = counts.active.shape
    active, tokens = counts.active.tolist(), counts.tokens.tolist()
    places = [(layer, j) for layer in range(layers) for j in range(neurons)]
    p = {(layer, j): [active[k][layer][j] / tokens[k] for k in range(languages)] for layer, j in places}
    everything = sorted(value for some in p.values() for value in some)
    limit = everything[round(bar * len(everything)) - 1]
    norm = sum(1 / k for k in range(1, languages + 1)) / languages
    scores = []
    for place, some in p.items():
        if discard and not any(value > limit or (value == limit and not strict) for value in some):
            continue
        total = sum(some)
        parts = [value / total for value in some] if total else [1 / languages] * languages
        entropy = -math.fsum(part * math.log(part) for part in parts if part)
        scores.append((round(entropy / math.log(languages) - lam * max(some) / norm, 9), place))
    kept = [place for _, place in sorted(scores)[: round(rate * len(p))]]
    return {
        code: {place for place in kept if p[place][k] > limit or (p[place][k] == limit and not strict)}
        for k, code in enumerate(counts.languages)
    }


# LAPE by hand


def test_neurons_of_one_language_and_of_two():
    # 2 layers of 10 neurons; the rest is active alike everywhere, below the bar.
    active = torch.full((4, 2, 10), 100)
    active[:, 0, 3] = torch.tensor([900, 0, 0, 0])
    active[:, 1, 7] = torch.tensor([0, 800, 800, 0])
    masks = bx.lape(counts_of(active), rate=0.1, bar=0.95)
    # The bar is the value at rank round(0.95 * 80) = 76 from below, 100: three values lie above it.
    assert {code: members(mask) for code, mask in masks.items()} == {
        "en": {(0, 3)},
        "zh": {(1, 7)},
        "fr": {(1, 7)},
        "es": set(),
    }


def test_lowest_entropy_comes_first():
    active = torch.full((2, 1, 100), 10)
    active[:, 0, 40], active[:, 0, 50], active[:, 0, 60] = (torch.tensor(some) for some in ([900, 300], [900, 100], [900, 200]))
    for number, expected in [(1, {50}), (2, {50, 60}), (3, {40, 50, 60})]:
        assert {j for _, j in members(bx.lape(counts_of(active), rate=number / 100)["en"])} == expected


def test_of_equal_neurons_the_first_are_kept():
    active = torch.zeros(2, 3, 20, dtype=torch.int64)
    active[0, :, ::2] = 500  # in each layer every second neuron: all of entropy 0
    masks = bx.lape(counts_of(active), rate=12 / 60, bar=0.5)
    assert members(masks["en"]) == {(0, j) for j in range(0, 20, 2)} | {(1, 0), (1, 2)}


def test_equal_entropies_that_are_summed_in_another_order_are_equal():
    # The same three probabilities in all six orders, last the one that a plain sum puts first.
    orders = torch.tensor([[333, 77, 5], [5, 77, 333], [77, 5, 333], [333, 5, 77], [5, 333, 77], [77, 333, 5]]).T
    for turn in range(6):
        active = torch.zeros(3, 1, 60, dtype=torch.int64)
        active[:, 0, 10:16] = orders.roll(turn, dims=1)
        masks = bx.lape(counts_of(active), rate=4 / 60, bar=0.9)
        assert {j for mask in masks.values() for _, j in members(mask)} == {10, 11, 12, 13}


def test_neurons_below_the_bar_are_out_however_low_their_entropy():
    active = torch.full((2, 1, 20), 300)
    active[:, 0, :10] = torch.tensor([1, 0])[:, None]
    active[:, 0, 15] = torch.tensor([900, 600])
    counts = counts_of(active)
    assert members(bx.lape(counts, rate=0.05)["en"]) == {(0, 15)}
    # As Zhang et al.'s code has it, they use up the rate and belong to no language.
    assert not any(mask.any() for mask in bx.lape(counts, rate=0.05, discard=False).values())


def test_a_strict_bar_leaves_out_what_lies_on_it():
    active = torch.zeros(2, 1, 10, dtype=torch.int64)
    active[0, 0, :4] = 500
    strict, loose = (bx.lape(counts_of(active), rate=0.3, bar=0.95, strict=strict) for strict in (True, False))
    assert not strict["en"].any()
    assert members(loose["en"]) == {(0, 0), (0, 1), (0, 2)}


def test_lambda_prefers_neurons_that_are_often_active():
    active = torch.full((2, 1, 100), 10)
    active[:, 0, 3] = torch.tensor([60, 20])
    active[:, 0, 5] = torch.tensor([900, 310])
    counts = counts_of(active)
    assert members(bx.lape(counts, rate=0.01)["en"]) == {(0, 3)}
    # Entropy over ln 2 is 0.811 and 0.820, the largest probability over (1 + 1/2) / 2 is 0.08 and 1.2.
    assert members(bx.lape(counts, rate=0.01, lam=0.005)["en"]) == {(0, 3)}
    assert members(bx.lape(counts, rate=0.01, lam=0.01)["en"]) == {(0, 5)}


# The published formulas


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("discard", [True, False])
@pytest.mark.parametrize("lam", [0.0, 0.13])
def test_lape_is_the_published_loop(strict, discard, lam):
    counts = random_counts()
    masks = bx.lape(counts, rate=0.05, bar=0.9, lam=lam, strict=strict, discard=discard)
    assert {code: members(mask) for code, mask in masks.items()} == published(counts, 0.05, 0.9, lam, strict, discard)
    assert any(mask.any() for mask in masks.values())


def test_at_the_published_rate_and_bar_on_a_realistic_size():
    counts = random_counts(languages=10, layers=16, neurons=4096, tokens=200)
    expected = published(counts, 0.01, 0.95, 0)
    assert {code: members(mask) for code, mask in bx.lape(counts).items()} == expected
    assert sum(map(len, expected.values())) >= 655  # as many as are kept, each in a language or more


def test_many_neurons_tie_at_the_border():
    # What the tests above say of ties they say only if there are some.
    counts = random_counts()
    kept = torch.stack(list(bx.lape(counts, rate=0.05, bar=0.9).values())).any(dim=0)
    able = torch.stack(list(bx.specific_related_general(counts, bar=0.9).values())).any(dim=0)
    entropy = bx.lape_entropy(counts)
    tied = able & ((entropy - entropy[kept].max()).abs() < 1e-12)
    assert int((tied & kept).sum()) > 10
    assert int((tied & ~kept).sum()) > 10


@pytest.mark.parametrize("seed", range(3))
def test_automatic_lambda_is_at_the_border(seed):
    # 200 neurons of one language, more and less so, and ten that are on nearly always in all four: the heavier the largest
    # probability weighs, the nearer these come.
    generator = torch.Generator().manual_seed(seed)
    active = (torch.rand(200, generator=generator) * 300).long().expand(4, 1, 200).clone()
    active[torch.arange(200) % 4, 0, torch.arange(200)] = 300
    general = torch.randint(900, 1000, (4, 1, 10), generator=generator)
    counts = counts_of(torch.cat([active, general], dim=2))

    def in_all(lam):
        found = published(counts, 0.2, 0.7, lam)
        return set.intersection(*found.values())

    lam = bx.lape_lambda(counts, rate=0.2, bar=0.7)
    assert 0 < lam < 0.2
    assert not in_all(lam)
    assert in_all(lam + 1e-3)
    automatic, same = bx.lape(counts, 0.2, 0.7, lam="auto"), bx.lape(counts, 0.2, 0.7, lam=lam)
    assert all(torch.equal(automatic[code], same[code]) for code in counts.languages)


def test_automatic_lambda_at_the_ends():
    active = torch.full((3, 1, 50), 10)
    active[:, 0, :5] = torch.tensor([900, 0, 0])[:, None]
    assert bx.lape_lambda(counts_of(active), rate=0.1) == 0.2
    with pytest.raises(bx.InputError, match=r"all 3 languages.*rate"):
        bx.lape(counts_of(active), rate=0.5, bar=0.01, lam="auto", strict=False)


def test_entropy_is_the_formula():
    counts = random_counts(languages=3, layers=2, neurons=200)
    entropy = bx.lape_entropy(counts)
    for layer in range(2):
        for j in range(200):
            p = [int(counts.active[k, layer, j]) / int(counts.tokens[k]) for k in range(3)]
            parts = [value / sum(p) for value in p if value]
            expected = -sum(part * math.log(part) for part in parts) if parts else math.log(3)
            assert float(entropy[layer, j]) == pytest.approx(expected, abs=1e-12)


# Properties

some_counts = st.builds(
    random_counts,
    languages=st.integers(2, 6),
    layers=st.integers(1, 3),
    neurons=st.integers(20, 60),
    tokens=st.integers(1, 30),
    seed=st.integers(0, 2**31),
)
options = {"rate": st.sampled_from([0.05, 0.3, 0.8]), "bar": st.sampled_from([0.3, 0.9]), "lam": st.sampled_from([0.0, 0.1])}


@hypothesis.given(some_counts, st.randoms(use_true_random=False), st.fixed_dictionaries(options))
def test_languages_permuted_sets_permuted(counts, random, options):
    order = random.sample(range(len(counts.languages)), len(counts.languages))
    permuted = bx.ActivationCounts(counts.active[order], counts.tokens[order], tuple(CODES[k] for k in order), {})
    one, other = bx.lape(counts, **options), bx.lape(permuted, **options)
    assert list(other) == list(permuted.languages)
    assert all(torch.equal(one[code], other[code]) for code in one)
    one, other = (bx.specific_related_general(some, options["bar"]) for some in (counts, permuted))
    assert all(torch.equal(one[kind], other[kind]) for kind in one)


@hypothesis.given(some_counts, st.lists(st.integers(1, 1000), min_size=6, max_size=6), st.fixed_dictionaries(options))
def test_only_the_share_of_tokens_counts(counts, factors, options):
    factor = torch.tensor(factors[: len(counts.languages)])
    scaled = bx.ActivationCounts(counts.active * factor[:, None, None], counts.tokens * factor, counts.languages, {})
    one, other = bx.lape(counts, **options), bx.lape(scaled, **options)
    assert all(torch.equal(one[code], other[code]) for code in one)


@hypothesis.given(some_counts)
def test_entropy_is_between_0_and_ln_k(counts):
    entropy = bx.lape_entropy(counts)
    assert entropy.shape == counts.active.shape[1:]
    assert entropy.min() >= 0
    assert entropy.max() <= math.log(len(counts.languages)) + 1e-12


@hypothesis.given(some_counts, st.fixed_dictionaries(options))
def test_no_more_neurons_than_the_rate_all_of_them_above_the_bar(counts, options):
    masks = torch.stack(list(bx.lape(counts, **options).values()))
    kinds = bx.specific_related_general(counts, options["bar"])
    assert int(masks.any(dim=0).sum()) <= round(options["rate"] * masks[0].numel())
    assert not (masks.any(dim=0) & ~torch.stack(list(kinds.values())).any(dim=0)).any()
    # Who is kept belongs to all languages in which it is above the bar.
    assert not (masks.sum(dim=0)[kinds["specific"]] > 1).any()
    assert not (masks.all(dim=0) & ~kinds["general"]).any()


# Specific, related, general


def test_specific_related_general_by_hand():
    active = torch.zeros(4, 1, 10, dtype=torch.int64)
    active[:1, 0, 1], active[:2, 0, 2], active[1:, 0, 3], active[:, 0, 4] = 500, 600, 700, 800
    kinds = bx.specific_related_general(counts_of(active), bar=0.5)
    found = {kind: [j for _, j in sorted(members(mask))] for kind, mask in kinds.items()}
    assert found == {"specific": [1], "related": [2, 3], "general": [4]}
    table = bx.plots.neurons_by_layer_table(kinds)
    assert table[0].tolist() == [1, 2, 1]


def test_of_two_languages_none_is_related():
    kinds = bx.specific_related_general(counts_of([[[900, 900, 0]], [[900, 0, 0]]]), bar=0.5)
    assert [members(mask) for mask in kinds.values()] == [{(0, 1)}, set(), {(0, 0)}]


def test_specific_related_general_against_a_loop():
    counts = random_counts(layers=2)
    for strict in (True, False):
        everything = sorted(counts.probability.flatten().tolist())
        limit = everything[round(0.9 * len(everything)) - 1]
        kinds = bx.specific_related_general(counts, bar=0.9, strict=strict)
        for place in ((layer, j) for layer in range(2) for j in range(1500)):
            p = counts.probability[:, place[0], place[1]].tolist()
            number = sum(value > limit or (value == limit and not strict) for value in p)
            name = {0: None, 1: "specific", len(p): "general"}.get(number, "related")
            assert [kind for kind, mask in kinds.items() if mask[place]] == [name] * (name is not None)


# Counts from files and from a model


def test_counts_of_lape_files(tmp_path):
    counts = random_counts(languages=3, layers=2, neurons=100)
    paths = {code: tmp_path / f"activation.{code}.pt" for code in counts.languages}
    for k, path in enumerate(paths.values()):
        torch.save({"over_zero": counts.active[k].to(torch.int32), "n": int(counts.tokens[k])}, path)
    one, other = bx.lape(counts, 0.1), bx.lape(bx.ActivationCounts.from_lape(paths), 0.1)
    assert all(torch.equal(one[code], other[code]) for code in one)


def test_language_specific_neurons_of_the_bundled_model_are_active_in_their_language(mini):
    texts = bx.core_sentences()
    held = {code: texts[code][75:] for code in ("en", "zh", "ar", "fi")}
    counts = bx.count_active(mini, {code: texts[code][:75] for code in held})
    masks = bx.lape(counts, rate=0.02)
    other = bx.count_active(mini, held)  # other sentences
    for code, mask in masks.items():
        assert other.languages[int(other.probability[:, mask].mean(dim=1).argmax())] == code


# What is refused


def test_one_language_is_not_told_apart():
    for function in (bx.lape, bx.lape_entropy, bx.lape_lambda, bx.specific_related_general):
        with pytest.raises(bx.InputError, match=r"two or more.*en"):
            function(counts_of([[[1, 2]]]))


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_that_are_none(share):
    counts = random_counts(languages=2, layers=1, neurons=20)
    with pytest.raises(bx.InputError, match="rate"):
        bx.lape(counts, rate=share)
    with pytest.raises(bx.InputError, match="bar"):
        bx.lape(counts, bar=share)


@pytest.mark.parametrize("lam", ["Auto", float("nan"), float("inf")])
def test_lambdas_that_are_none(lam):
    with pytest.raises(bx.InputError, match='lam is a number or "auto"'):
        bx.lape(random_counts(languages=2, layers=1, neurons=20), lam=lam)


@pytest.mark.parametrize(("active", "tokens"), [(0, 0), (-1, 10), (11, 10)])
def test_counts_that_do_not_fit_their_tokens(active, tokens):
    with pytest.raises(bx.InputError, match="zh"):
        bx.lape(counts_of([[[1, 2]], [[active, 0]]], [10, tokens]))


# Released masks


@pytest.fixture(scope="session")
def released(shared_data):
    return bx.read_lape_masks(shared_data / "lape_masks" / "LLaMA-2-7B.neuron.pth", num_neurons=11008)


def test_released_masks_are_the_published_counts(released):
    assert {code: int(mask.sum()) for code, mask in released.items()} == LLAMA_2_7B
    number = torch.stack(list(released.values())).sum(dim=0)
    assert number.shape == (32, 11008)
    assert number.flatten().bincount()[1:].tolist() == [2396, 856, 193, 58, 15, 5]
    # One percent of all neurons, as `lape` rounds it.
    assert int((number > 0).sum()) == 3523 == round(0.01 * number.numel())


def test_every_released_file_loads(shared_data):
    widths = {"13B": 13824, "70B": 28672, "BLOOM-7B": 16384, "Mistral-7B": 14336, "OPT-6.7B": 16384, "Phi-2-2.7B": 10240}
    for name, neurons in widths.items():
        (path,) = (shared_data / "lape_masks").glob(f"*{name}.neuron.pth")
        masks = bx.read_lape_masks(path, neurons)
        assert tuple(masks) == CODES[: len(masks)]
        stored = torch.load(path, weights_only=True)
        for mask, layers in zip(masks.values(), stored, strict=True):
            assert [row.nonzero()[:, 0].tolist() for row in mask] == [sorted(one.tolist()) for one in layers]


def test_overlap_of_released_masks(released):
    count, lift = bx.overlap_matrix(released), bx.overlap_matrix(released, "lift")
    assert {code: count.loc[code, code] for code in count} == LLAMA_2_7B
    for one, other in [("fr", "es"), ("zh", "ja"), ("en", "ja")]:
        assert count.loc[one, other] == len(members(released[one]) & members(released[other]))
    # Related languages share more than chance would have it, and more than others.
    assert lift.loc["fr", "es"] > lift.loc["fr", "ja"] > 1


def test_overlap_of_the_masks_of_two_models(shared_data, released):
    # LLaMA-2-7B's neurons are not OPT's, of course: two models of one shape, by chance alone.
    one, other = (
        bx.read_lape_masks(shared_data / "lape_masks" / f"{name}.neuron.pth", 16384) for name in ("OPT-6.7B", "LLaMA-2-7B")
    )
    matrix = bx.overlap_matrix(
        {f"OPT {code}": one[code] for code in one} | {f"LLaMA {code}": mask for code, mask in other.items()}
    )
    assert matrix.loc["LLaMA fr", "LLaMA es"] == bx.overlap_matrix(released).loc["fr", "es"]
    assert matrix.loc["OPT fr", "LLaMA fr"] == int((one["fr"] & other["fr"]).sum())


def test_masks_of_other_languages(tmp_path):
    path = tmp_path / "masks.pth"
    torch.save([[torch.tensor([3, 1]), torch.tensor([], dtype=torch.int64)], [torch.tensor([0]), torch.tensor([3])]], path)
    masks = bx.read_lape_masks(path, 4, languages=["sw", "th"])
    assert {code: members(mask) for code, mask in masks.items()} == {"sw": {(0, 1), (0, 3)}, "th": {(0, 0), (1, 3)}}
    with pytest.raises(bx.InputError, match=r"2 languages.*languages="):
        bx.read_lape_masks(path, 4, languages=["sw"])
    with pytest.raises(bx.InputError, match=r"layer 0.*num_neurons"):
        bx.read_lape_masks(path, 3, languages=["sw", "th"])


@pytest.mark.parametrize(
    "content",
    [
        {"en": [torch.tensor([1])]},
        [],
        [torch.tensor([1])],
        [[torch.tensor([1])], [torch.tensor([1]), torch.tensor([1])]],
        [[torch.tensor([0.5])]],
        [[torch.tensor([[1, 2]])]],
    ],
    ids=["dict", "nothing", "no layers", "ragged", "not whole", "two-dimensional"],
)
def test_files_that_hold_no_masks(content, tmp_path):
    torch.save(content, tmp_path / "masks.pth")
    with pytest.raises(bx.InputError, match=r"masks\.pth.*by language and layer"):
        bx.read_lape_masks(tmp_path / "masks.pth", 4)


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.pth").write_text("not masks")
    for name, match in [("text.pth", r"text\.pth.*torch\.save"), ("none.pth", r"none\.pth: no such file")]:
        with pytest.raises(bx.InputError, match=match):
            bx.read_lape_masks(tmp_path / name, 4)


# PLND

PROMPTS = {
    "en": ["The sun is hot.", "I drink water.", "My sister drinks milk every day."],
    "sw": ["Jua ni kali.", "Ninakunywa maji."],
}


def test_plnd_by_hand():
    # One layer of four neurons, half of which are taken on a prompt; the down projection doubles the last.
    norms = {
        "en": torch.tensor([[[5, 5], [4, 1], [1, 2], [1, 1.5]]]),
        "sw": torch.tensor([[[5.0, 1], [1, 9], [0, 0], [2, 3]]]),
    }
    sets = bx.plnd(norms, torch.tensor([[1.0, 1, 1, 2]]), rate=0.5)
    # en: {0, 1} and {0, 3}; sw: {0, 3} and {1, 3}.
    assert {code: members(mask) for code, mask in sets.items()} == {"en": {(0, 0)}, "sw": {(0, 3)}}


def test_plnd_against_a_loop_over_prompts():
    generator = torch.Generator().manual_seed(0)
    # Small whole numbers: ties with the last that is taken are taken too.
    norms = {code: torch.randint(0, 6, (3, 50, 4), generator=generator).float() for code in ("en", "sw", "th")}
    down = torch.randint(1, 4, (3, 50), generator=generator).float()
    for code, found in bx.plnd(norms, down, rate=0.3).items():
        for layer in range(3):
            expected = set(range(50))
            for prompt in range(4):
                importance = [float(norms[code][layer, j, prompt] * down[layer, j]) for j in range(50)]
                least = sorted(importance, reverse=True)[round(0.3 * 50) - 1]
                expected &= {j for j in range(50) if importance[j] >= least}
            assert set(found[layer].nonzero()[:, 0].tolist()) == expected


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
def test_plnd_of_a_model_is_that_of_plain_hooks(kind):
    model = tiny.load(kind, "gated")
    norms = {code: bx.probe(model, some, statistic="norm").values for code, some in PROMPTS.items()}
    sets = bx.plnd(norms, model.down_norms, rate=0.25)
    for code, some in PROMPTS.items():
        related = torch.ones(tiny.LAYERS, tiny.NEURONS, dtype=torch.bool)
        for text in some:
            hidden = tiny.hooked(model, model.tokenizer(text)["input_ids"])["gated"]
            for layer in range(tiny.LAYERS):
                # What the paper defines: the norm of the output's change without the neuron.
                down = model.hf_model.get_submodule(f"{model.architecture.layers}.{layer}.{model.architecture.down}")
                whole = down(hidden[layer])
                without = [down(hidden[layer] * (torch.arange(tiny.NEURONS) != j)) for j in range(tiny.NEURONS)]
                change = torch.stack([(whole - one).norm() for one in without])
                related[layer] &= torch.isin(torch.arange(tiny.NEURONS), change.topk(12).indices)
        assert torch.equal(sets[code], related)
        assert related.any()


def test_what_plnd_refuses():
    down = torch.ones(2, 8)
    with pytest.raises(bx.InputError, match=r"sw.*\[2, 8\].*\[2, 7, 3\]"):
        bx.plnd({"en": torch.ones(2, 8, 3), "sw": torch.ones(2, 7, 3)}, down)
    with pytest.raises(bx.InputError, match=r"sw.*finite"):
        bx.plnd({"en": torch.ones(2, 8, 3), "sw": torch.full((2, 8, 3), float("nan"))}, down)
    with pytest.raises(bx.InputError, match="en: no prompts"):
        bx.plnd({"en": torch.ones(2, 8, 0)}, down)
    with pytest.raises(bx.InputError, match="rate"):
        bx.plnd({"en": torch.ones(2, 8, 3)}, down, rate=1.5)
