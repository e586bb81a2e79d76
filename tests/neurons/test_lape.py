"""LAPE and specific, related and general neurons: hand-made counts, the published formulas as loops, properties."""

import itertools
import math

import hypothesis
import hypothesis.strategies as st
import pytest
import torch

import bridgex_nb as bx

CODES = ("en", "zh", "fr", "es", "vi", "id", "ja", "sw", "tl", "fi")


def counts_of(active, tokens=1000):
    """Counts from active [K, L, N] over `tokens` tokens: one number for all languages, or one per language."""
    active = torch.as_tensor(active)
    tokens = torch.tensor(tokens if isinstance(tokens, list) else [tokens] * len(active))
    return bx.ActivationCounts(active, tokens, CODES[: len(active)], {})


def random_counts(languages=7, layers=8, neurons=1500, tokens=4, seed=0):
    """Few tokens, and more of them in some languages, so that most entropies, maxima and probabilities occur many times."""
    generator = torch.Generator().manual_seed(seed)
    totals = [tokens * (1 + k % 3) for k in range(languages)]
    share = torch.rand(languages, layers, neurons, generator=generator) ** 4
    return counts_of((share * torch.tensor(totals)[:, None, None]).round().long(), totals)


def members(neuron_set):
    return {tuple(index) for index in neuron_set.nonzero().tolist()}


def published(counts, rate, threshold, lam, strict=True, discard=True):
    """The published formulas in plain Python, neuron by neuron -> {language: {(layer, neuron)}}."""
    languages, layers, neurons = counts.active.shape
    active, tokens = counts.active.tolist(), counts.tokens.tolist()
    indices = [(layer, j) for layer in range(layers) for j in range(neurons)]
    p = {(layer, j): [active[k][layer][j] / tokens[k] for k in range(languages)] for layer, j in indices}
    everything = sorted(value for row in p.values() for value in row)
    limit = everything[round(threshold * len(everything)) - 1]
    norm = sum(1 / k for k in range(1, languages + 1)) / languages
    scores = []
    for index, row in p.items():
        if discard and not any(value > limit or (value == limit and not strict) for value in row):
            continue
        total = sum(row)
        parts = [value / total for value in row] if total else [1 / languages] * languages
        entropy = -math.fsum(part * math.log(part) for part in parts if part)
        scores.append((round(entropy / math.log(languages) - lam * max(row) / norm, 9), index))
    kept = [index for _, index in sorted(scores)[: round(rate * len(p))]]
    return {
        code: {index for index in kept if p[index][k] > limit or (p[index][k] == limit and not strict)}
        for k, code in enumerate(counts.languages)
    }


# LAPE by hand


def test_neurons_of_one_language_and_of_two():
    # 2 layers of 10 neurons; the others are equally active everywhere, below the threshold.
    active = torch.full((4, 2, 10), 100)
    active[:, 0, 3] = torch.tensor([900, 0, 0, 0])
    active[:, 1, 7] = torch.tensor([0, 800, 800, 0])
    sets = bx.lape(counts_of(active), rate=0.1, threshold=0.95)
    # The threshold is the value at rank round(0.95 * 80) = 76 from below, 100: three values lie above it.
    assert {code: members(neuron_set) for code, neuron_set in sets.items()} == {
        "en": {(0, 3)},
        "zh": {(1, 7)},
        "fr": {(1, 7)},
        "es": set(),
    }


def test_lowest_entropy_comes_first():
    active = torch.full((2, 1, 100), 10)
    active[:, 0, 40], active[:, 0, 50], active[:, 0, 60] = map(torch.tensor, ([900, 300], [900, 100], [900, 200]))
    for number, expected in [(1, {50}), (2, {50, 60}), (3, {40, 50, 60})]:
        assert {j for _, j in members(bx.lape(counts_of(active), rate=number / 100)["en"])} == expected


def test_among_equal_neurons_the_first_are_kept():
    active = torch.zeros(2, 3, 20, dtype=torch.int64)
    active[0, :, ::2] = 500  # every second neuron in each layer: all with entropy 0
    sets = bx.lape(counts_of(active), rate=12 / 60, threshold=0.5)
    assert members(sets["en"]) == {(0, j) for j in range(0, 20, 2)} | {(1, 0), (1, 2)}


def test_equal_entropies_are_equal_in_whatever_order_they_are_summed():
    # The same three probabilities in all six orders; a plain sum would put the last one first.
    orders = torch.tensor([[333, 77, 5], [5, 77, 333], [77, 5, 333], [333, 5, 77], [5, 333, 77], [77, 333, 5]]).T
    for shift in range(6):
        active = torch.zeros(3, 1, 60, dtype=torch.int64)
        active[:, 0, 10:16] = orders.roll(shift, dims=1)
        sets = bx.lape(counts_of(active), rate=4 / 60, threshold=0.9)
        assert {j for neuron_set in sets.values() for _, j in members(neuron_set)} == {10, 11, 12, 13}


def test_neurons_below_the_threshold_are_left_out_however_low_their_entropy():
    active = torch.full((2, 1, 20), 300)
    active[:, 0, :10] = torch.tensor([1, 0])[:, None]
    active[:, 0, 15] = torch.tensor([900, 600])
    counts = counts_of(active)
    assert members(bx.lape(counts, rate=0.05)["en"]) == {(0, 15)}
    # In the code of Zhang et al. they use up the rate and belong to no language.
    assert not any(neuron_set.any() for neuron_set in bx.lape(counts, rate=0.05, discard=False).values())


def test_a_strict_threshold_leaves_out_what_equals_it():
    active = torch.zeros(2, 1, 10, dtype=torch.int64)
    active[0, 0, :4] = 500
    strict, loose = (bx.lape(counts_of(active), rate=0.3, threshold=0.95, strict=strict) for strict in (True, False))
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
def test_lape_agrees_with_the_published_loop(strict, discard, lam):
    counts = random_counts()
    sets = bx.lape(counts, rate=0.05, threshold=0.9, lam=lam, strict=strict, discard=discard)
    expected = published(counts, 0.05, 0.9, lam, strict, discard)
    assert {code: members(neuron_set) for code, neuron_set in sets.items()} == expected
    assert any(neuron_set.any() for neuron_set in sets.values())


def test_lape_at_the_published_rate_and_a_realistic_size():
    counts = random_counts(languages=10, layers=16, neurons=4096, tokens=200)
    expected = published(counts, 0.01, 0.95, 0)
    assert {code: members(neuron_set) for code, neuron_set in bx.lape(counts, 0.01).items()} == expected
    assert sum(map(len, expected.values())) >= 655  # the neurons kept, each in one language or more


def test_many_neurons_tie_at_the_cut():
    # The tests above cover ties only if there are some.
    counts = random_counts()
    kept = torch.stack(list(bx.lape(counts, rate=0.05, threshold=0.9).values())).any(dim=0)
    eligible = torch.stack(list(bx.specific_related_general(counts, threshold=0.9).values())).any(dim=0)
    entropy = bx.lape_entropy(counts)
    tied = eligible & ((entropy - entropy[kept].max()).abs() < 1e-12)
    assert int((tied & kept).sum()) > 10
    assert int((tied & ~kept).sum()) > 10


@pytest.mark.parametrize("seed", range(3))
def test_automatic_lambda_is_the_largest_that_fits(seed):
    # 200 neurons that are more or less specific to one language, and ten that are active nearly always in all four: the larger
    # the weight of the largest probability, the better these rank.
    generator = torch.Generator().manual_seed(seed)
    active = (torch.rand(200, generator=generator) * 300).long().expand(4, 1, 200).clone()
    active[torch.arange(200) % 4, 0, torch.arange(200)] = 300
    general = torch.randint(900, 1000, (4, 1, 10), generator=generator)
    counts = counts_of(torch.cat([active, general], dim=2))

    def in_all(lam):
        return set.intersection(*published(counts, 0.2, 0.7, lam).values())

    lam = bx.lape_lambda(counts, rate=0.2, threshold=0.7)
    assert 0 < lam < 0.2
    assert not in_all(lam)
    assert in_all(lam + 1e-3)
    automatic, same = bx.lape(counts, 0.2, 0.7, lam="auto"), bx.lape(counts, 0.2, 0.7, lam=lam)
    assert all(torch.equal(automatic[code], same[code]) for code in counts.languages)


def test_automatic_lambda_at_both_ends_of_its_range():
    active = torch.full((3, 1, 50), 10)
    active[:, 0, :5] = torch.tensor([900, 0, 0])[:, None]
    assert bx.lape_lambda(counts_of(active), rate=0.1) == 0.2
    with pytest.raises(bx.InputError, match=r"all 3 languages.*rate"):
        bx.lape(counts_of(active), rate=0.5, threshold=0.01, lam="auto", strict=False)


def test_entropy_follows_the_formula():
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
options = {
    "rate": st.sampled_from([0.05, 0.3, 0.8]),
    "threshold": st.sampled_from([0.3, 0.9]),
    "lam": st.sampled_from([0.0, 0.1]),
}


@hypothesis.given(some_counts, st.randoms(use_true_random=False), st.fixed_dictionaries(options))
def test_permuting_languages_permutes_the_sets(counts, random, options):
    order = random.sample(range(len(counts.languages)), len(counts.languages))
    permuted = bx.ActivationCounts(counts.active[order], counts.tokens[order], tuple(CODES[k] for k in order), {})
    sets, of_permuted = bx.lape(counts, **options), bx.lape(permuted, **options)
    assert list(of_permuted) == list(permuted.languages)
    assert all(torch.equal(sets[code], of_permuted[code]) for code in sets)
    kinds, of_permuted = (bx.specific_related_general(given, options["threshold"]) for given in (counts, permuted))
    assert all(torch.equal(kinds[kind], of_permuted[kind]) for kind in kinds)


@hypothesis.given(some_counts, st.lists(st.integers(1, 1000), min_size=6, max_size=6), st.fixed_dictionaries(options))
def test_only_the_share_of_tokens_matters(counts, factors, options):
    factor = torch.tensor(factors[: len(counts.languages)])
    scaled = bx.ActivationCounts(counts.active * factor[:, None, None], counts.tokens * factor, counts.languages, {})
    sets, of_scaled = bx.lape(counts, **options), bx.lape(scaled, **options)
    assert all(torch.equal(sets[code], of_scaled[code]) for code in sets)


@hypothesis.given(some_counts)
def test_entropy_is_between_0_and_ln_k(counts):
    entropy = bx.lape_entropy(counts)
    assert entropy.shape == counts.active.shape[1:]
    assert entropy.min() >= 0
    assert entropy.max() <= math.log(len(counts.languages)) + 1e-12


@hypothesis.given(some_counts, st.fixed_dictionaries(options))
def test_no_more_neurons_than_the_rate_and_all_above_the_threshold(counts, options):
    sets = torch.stack(list(bx.lape(counts, **options).values()))
    kinds = bx.specific_related_general(counts, options["threshold"])
    assert int(sets.any(dim=0).sum()) <= round(options["rate"] * sets[0].numel())
    assert not (sets.any(dim=0) & ~torch.stack(list(kinds.values())).any(dim=0)).any()
    # A neuron that is kept belongs to all languages in which it is above the threshold.
    assert not (sets.sum(dim=0)[kinds["specific"]] > 1).any()
    assert not (sets.all(dim=0) & ~kinds["general"]).any()


# Specific, related, general


def test_specific_related_general_by_hand():
    active = torch.zeros(4, 1, 10, dtype=torch.int64)
    active[:1, 0, 1], active[:2, 0, 2], active[1:, 0, 3], active[:, 0, 4] = 500, 600, 700, 800
    kinds = bx.specific_related_general(counts_of(active), threshold=0.5)
    assert {kind: [j for _, j in sorted(members(neuron_set))] for kind, neuron_set in kinds.items()} == {
        "specific": [1],
        "related": [2, 3],
        "general": [4],
    }
    table = bx.plots.neurons_by_layer_table(kinds)
    assert table[0].tolist() == [1, 2, 1]


def test_with_two_languages_no_neuron_is_related():
    kinds = bx.specific_related_general(counts_of([[[900, 900, 0]], [[900, 0, 0]]]), threshold=0.5)
    assert [members(neuron_set) for neuron_set in kinds.values()] == [{(0, 1)}, set(), {(0, 0)}]


def test_specific_related_general_against_a_loop():
    counts = random_counts(layers=2)
    probability = counts.probability
    for strict in (True, False):
        everything = sorted(probability.flatten().tolist())
        limit = everything[round(0.9 * len(everything)) - 1]
        kinds = bx.specific_related_general(counts, threshold=0.9, strict=strict)
        for layer, j in itertools.product(range(2), range(1500)):
            p = probability[:, layer, j].tolist()
            number = sum(value > limit or (value == limit and not strict) for value in p)
            name = {0: None, 1: "specific", len(p): "general"}.get(number, "related")
            assert [kind for kind, neuron_set in kinds.items() if neuron_set[layer, j]] == [name] * (name is not None)


# Counts from files and from a model


def test_counts_from_lape_files(tmp_path):
    counts = random_counts(languages=3, layers=2, neurons=100)
    paths = {code: tmp_path / f"activation.{code}.pt" for code in counts.languages}
    for k, path in enumerate(paths.values()):
        torch.save({"over_zero": counts.active[k].to(torch.int32), "n": int(counts.tokens[k])}, path)
    sets, of_files = bx.lape(counts, 0.1), bx.lape(bx.ActivationCounts.from_lape(paths), 0.1)
    assert all(torch.equal(sets[code], of_files[code]) for code in sets)


def test_language_specific_neurons_of_the_bundled_model_are_active_in_their_language(mini):
    texts = bx.core_sentences()
    others = {code: texts[code][75:] for code in ("en", "zh", "ar", "fi")}
    sets = bx.lape(bx.count_active(mini, {code: texts[code][:75] for code in others}), rate=0.02)
    counts = bx.count_active(mini, others)
    for code, neuron_set in sets.items():
        assert counts.languages[int(counts.probability[:, neuron_set].mean(dim=1).argmax())] == code


# Refused input


def test_a_single_language_is_refused():
    for function in (bx.lape, bx.lape_entropy, bx.lape_lambda, bx.specific_related_general):
        with pytest.raises(bx.InputError, match=r"two or more.*en"):
            function(counts_of([[[1, 2]]]))


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_values_that_are_not_shares_are_refused(share):
    counts = random_counts(languages=2, layers=1, neurons=20)
    with pytest.raises(bx.InputError, match="rate"):
        bx.lape(counts, rate=share)
    with pytest.raises(bx.InputError, match="threshold"):
        bx.lape(counts, threshold=share)


@pytest.mark.parametrize("lam", ["Auto", float("nan"), float("inf")])
def test_bad_lambdas_are_refused(lam):
    with pytest.raises(bx.InputError, match='lam is a number or "auto"'):
        bx.lape(random_counts(languages=2, layers=1, neurons=20), lam=lam)


@pytest.mark.parametrize(("active", "tokens"), [(0, 0), (-1, 10), (11, 10)])
def test_counts_that_do_not_fit_their_tokens_are_refused(active, tokens):
    with pytest.raises(bx.InputError, match="zh"):
        bx.lape(counts_of([[[1, 2]], [[active, 0]]], [10, tokens]))
