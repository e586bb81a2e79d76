"""What neurons do: every number against the same one put together by hand, and what it shows on bridgex-mini."""

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bridgex_nb as bx

TEXTS = {
    "en": ["The sun is hot.", "I drink water every day.", "Fire!"],
    "sw": ["Jua ni kali leo.", "Maji ni mazuri."],
    "tl": ["Mainit ang araw.", "Umiinom ako ng tubig araw-araw."],
}
#: Nine languages of bridgex-mini that LAPE gives enough neurons.
LANGUAGES = ("en", "de", "fr", "zh", "ja", "ar", "he", "tl", "sw")


def some(seed, share=0.2):
    return torch.rand(tiny.LAYERS, tiny.NEURONS, generator=torch.Generator().manual_seed(seed)) < share


@pytest.fixture(scope="module")
def counts(mini):
    return bx.count_active(mini, {code: texts[:75] for code, texts in bx.core_sentences().items()})


# Random sets


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(0, 10**6))
def test_random_sets_have_as_many_neurons_in_each_layer(seed, share, draw):
    mask = torch.rand(4, 30, generator=torch.Generator().manual_seed(seed)) < share
    random = bx.random_like(mask, draw)
    assert random.dtype == torch.bool
    assert torch.equal(random.sum(dim=1), mask.sum(dim=1))
    assert torch.equal(random, bx.random_like(mask, draw))


def test_every_neuron_is_drawn_equally_often():
    mask = torch.zeros(2, 20, dtype=torch.bool)
    mask[0, :5] = True
    drawn = torch.stack([bx.random_like(mask, seed) for seed in range(2000)]).float().mean(dim=0)
    assert torch.allclose(drawn[0], torch.tensor(0.25), atol=0.05)  # five standard errors
    assert not drawn[1].any()


# Deactivation matrix


def test_the_matrix_is_the_change_of_log_perplexity():
    model = tiny.load()
    masks = {code: some(seed) for seed, code in enumerate(("tl", "en", "sw"))}  # texts are taken in the order of the masks
    result = bx.deactivation_matrix(model, masks, TEXTS, draws=2, resamples=50, seed=5)
    before = bx.perplexity(model, TEXTS).set_index("language").perplexity

    def change(mask):
        with bx.deactivate(model, mask):
            return np.log(bx.perplexity(model, TEXTS).set_index("language").perplexity / before)[list(masks)]

    for k, (code, mask) in enumerate(masks.items()):
        assert result.change.loc[code].tolist() == pytest.approx(change(mask).tolist(), rel=1e-4, abs=1e-6)
        random = [change(bx.random_like(mask, 5 + 2 * k + draw)) for draw in range(2)]
        assert result.random.loc[code].tolist() == pytest.approx((sum(random) / 2).tolist(), rel=1e-4, abs=1e-6)
    for name, matrix in (("own", result.change), ("random", result.random)):
        lead = [matrix.loc[c, c] - np.mean([matrix.loc[c, other] for other in masks if other != c]) for c in masks]
        row = result.dominance.loc[name]
        assert row.dominance == pytest.approx(np.mean(lead))
        assert row.low <= row.dominance <= row.high
    assert result.dominance.hurt_most["own"] == np.mean([result.change.loc[c].idxmax() == c for c in masks])
    assert result.dominance.dominance["difference"] == pytest.approx(-np.diff(result.dominance.dominance[:2])[0])
    assert result.card["neurons"] == {code: int(mask.sum()) for code, mask in masks.items()}


def test_on_bridgex_mini_a_languages_neurons_hurt_that_language_most(mini, counts):
    masks = bx.lape(counts, 0.1)
    texts = bx.core_sentences()  # other sentences than the neurons were chosen from
    result = bx.deactivation_matrix(
        mini, {code: masks[code] for code in LANGUAGES}, {code: texts[code][100:106] for code in LANGUAGES}, draws=2
    )
    assert result.dominance.low["difference"] > 0
    assert result.dominance.low["random"] < 0.02 < result.dominance.low["own"]
    assert result.dominance.hurt_most["own"] > 2 * result.dominance.hurt_most["random"]


def test_what_a_matrix_cannot_be_made_of():
    model, mask = tiny.load(), some(0)
    nothing = torch.zeros_like(mask)
    for masks, texts, options, said in [
        ({"en": mask}, {"en": TEXTS["en"]}, {}, "two or more"),
        ({"en": mask, "sw": mask}, TEXTS, {}, "same languages"),
        ({"en": mask, "sw": nothing, "tl": nothing}, TEXTS, {}, "no neurons in the sets of sw tl"),
        ({"en": mask, "sw": mask[:, :5], "tl": mask}, TEXTS, {}, r"mask is \[3, 5\]"),
        ({"en": mask, "sw": mask, "tl": mask}, TEXTS, {"draws": 0}, "draws=0"),
    ]:
        with pytest.raises(bx.InputError, match=said):
            bx.deactivation_matrix(model, masks, texts, **options)


# Language shift


def test_language_shift_score_is_the_share_of_leads_that_rise():
    model, on, off = tiny.load(), some(1), some(2)
    prompts, source, target = ["The sun", "Maji ni", "Fire"], [" hot", " kali", " burns"], [" araw", " tubig", " apoy"]
    table = bx.language_shift_score(model, prompts, source, target, on=on, off=off, factor=3.0, draws=2, seed=7)

    def lead(on, off):
        with bx.amplify(model, on & ~off, 3.0), bx.deactivate(model, off):
            return bx.loglikelihood(model, target, prompts).logprob - bx.loglikelihood(model, source, prompts).logprob

    before = lead(torch.zeros_like(on), torch.zeros_like(on))
    rise = lead(on, off) - before
    assert table["score"][0] == pytest.approx((rise > 0).mean())
    assert table["shift"][0] == pytest.approx(rise.mean(), rel=1e-4)
    random = [lead(bx.random_like(on, 7 + d), bx.random_like(off, 9 + d)) - before for d in range(2)]
    assert table["random"][0] == pytest.approx(np.mean([(one > 0).mean() for one in random]))


def test_on_bridgex_mini_answers_move_to_the_language_whose_neurons_are_on(mini, counts):
    masks = bx.lape(counts, 0.05)
    french, spanish = bx.core_lexicon("en", "fr").entries, bx.core_lexicon("en", "es").entries
    words = [word for word in french if word in spanish][:60]
    table = bx.language_shift_score(
        mini,
        [bx.word_prompt("en", "fr", word) for word in words],
        [f'"{french[word][0]}"' for word in words],
        [f'"{spanish[word][0]}"' for word in words],
        on=masks["es"],
        off=masks["fr"],
    )
    assert table.low[0] > 0.5
    assert table.beyond_low[0] > 0


def test_items_that_do_not_fit():
    with pytest.raises(bx.InputError, match="there are 2, 1 and 2"):
        bx.language_shift_score(tiny.load(), ["a", "b"], ["c"], ["d", "e"], on=some(1), off=some(2))


# Bridges


def test_bridge_causality_is_the_change_of_accuracy(mini, counts):
    sets = bx.top_neurons(counts, 0.1)
    words = bx.core_lexicon("sw", "tl")
    words = words.keep(list(words.entries)[:15])
    table = bx.bridge_causality(mini, "sw", "tl", "en", sets, lexicon=words, draws=2, resamples=200, seed=3)
    chosen = {"bridge-specific": sets["en"] & ~sets["sw"] & ~sets["tl"], "shared": sets["sw"] & sets["tl"]}

    def accuracy(mask):
        with bx.deactivate(mini, mask):
            return bx.evaluate(mini, "bli", "sw", "tl", [None, "en"], lexicon=words).set_index("bridge").accuracy

    intact = accuracy(torch.zeros_like(sets["en"]))
    for k, (name, mask) in enumerate(chosen.items()):
        off, random = accuracy(mask), [accuracy(bx.random_like(mask, 3 + 2 * k + draw)) for draw in range(2)]
        for asked in ("zero-shot", "en"):
            row = table[(table.set == name) & (table.asked == asked)].iloc[0]
            assert row.neurons == mask.sum()
            assert row.intact == pytest.approx(intact[asked])
            assert row.change == pytest.approx(off[asked] - intact[asked])
            assert row.random == pytest.approx(sum(random)[asked] / 2 - intact[asked])
            assert row.beyond == pytest.approx(row.change - row.random)
            assert row.low <= row.change <= row.high


def test_a_bridge_without_neurons(mini, counts):
    sets = bx.top_neurons(counts, 0.05)
    with pytest.raises(bx.InputError, match=r"sw-tl, bridge en: no bridge-specific neurons"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets | {"en": sets["sw"]})
    with pytest.raises(bx.InputError, match="'tl' cannot be the bridge"):
        bx.bridge_causality(mini, "sw", "tl", "tl", sets)
    with pytest.raises(bx.InputError, match="draws=0"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets, draws=0)
