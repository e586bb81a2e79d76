"""Changes of accuracy against answers computed one set at a time."""

import pytest
import torch

import bridgex_nb as bx


def test_bridge_causality_is_the_change_of_accuracy(mini, counts):
    sets = bx.top_neurons(counts, 0.1)
    words = bx.core_lexicon("sw", "tl")
    words = words.keep(list(words.entries)[:15])
    table = bx.bridge_causality(mini, "sw", "tl", "en", sets, lexicon=words, draws=2, resamples=200, seed=3)
    chosen = {"bridge-specific": sets["en"] & ~sets["sw"] & ~sets["tl"], "shared": sets["sw"] & sets["tl"]}

    def accuracy(neuron_set):
        with bx.deactivate(mini, neuron_set):
            items = bx.answers(mini, "bli", words, [None, "en"])
        return items.groupby("bridge").correct.mean()

    prompts = [bx.word_prompt("sw", to, word) for word in words.entries for to in ("tl", "en")]
    frequency = bx.count_active(mini, {"prompts": prompts}).probability[0]
    intact = accuracy(torch.zeros_like(sets["en"]))
    for k, (name, neuron_set) in enumerate(chosen.items()):
        off = accuracy(neuron_set)
        random = [accuracy(bx.random_like(neuron_set, 3 + 2 * k + draw, frequency=frequency)) for draw in range(2)]
        for asked in ("zero-shot", "en"):
            row = table[(table.set == name) & (table.asked == asked)].iloc[0]
            assert row.neurons == neuron_set.sum()
            assert row.intact == pytest.approx(intact[asked])
            assert row.change == pytest.approx(off[asked] - intact[asked])
            assert row.random == pytest.approx(sum(random)[asked] / 2 - intact[asked])
            assert row.beyond == pytest.approx(row.change - row.random)
            assert row.low <= row.change <= row.high
            assert row.beyond_low <= row.beyond <= row.beyond_high
            assert row.p in [pytest.approx(rank / 3) for rank in (1, 2, 3)]
            assert row.random_sets == 2
    card = table.attrs["card"]
    assert (card["function"], card["data"]["texts"]) == ("bridge_causality", {"sw": 15, "tl": 15})
    assert card["options"]["sets"]["sizes"]["shared"] == int(chosen["shared"].sum())
    assert (card["options"]["draws"], card["options"]["resamples"], card["options"]["seed"]) == (2, 200, 3)


def test_the_lexicon_must_be_of_the_pair(mini, counts):
    sets = bx.top_neurons(counts, 0.1)
    with pytest.raises(bx.InputError, match="the lexicon is ar-he, not sw-tl"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets, lexicon=bx.core_lexicon("ar", "he"))
    with pytest.raises(bx.InputError, match="the lexicon is tl-sw, not sw-tl"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets, lexicon=bx.core_lexicon("tl", "sw"))
    with pytest.raises(bx.InputError, match="the sw-tl lexicon has no words"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets, lexicon=bx.core_lexicon("sw", "tl").keep([]))


def test_options_reach_the_answers(mini, counts):
    sets, words = bx.top_neurons(counts, 0.1), bx.core_lexicon("sw", "tl")
    options = {"shots": 2, "examples": words, "seed": 4, "max_new_tokens": 6}
    asked = words.keep(list(words.entries)[:8])
    table = bx.bridge_causality(mini, "sw", "tl", "en", sets, lexicon=asked, draws=2, resamples=10, **options)
    expected = bx.answers(mini, "bli", asked, [None, "en"], **options).groupby("bridge").correct.mean()
    assert table.set_index("asked").intact["en"].tolist() == [expected["en"]] * 2
    with pytest.raises(TypeError, match="scoring"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets, scoring="texts")


def test_a_bridge_without_neurons(mini, counts):
    sets = bx.top_neurons(counts, 0.05)
    with pytest.raises(bx.InputError, match=r"sw-tl, bridge en: no bridge-specific neurons"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets | {"en": sets["sw"]})
    with pytest.raises(bx.InputError, match="'tl' cannot be the bridge"):
        bx.bridge_causality(mini, "sw", "tl", "tl", sets)
    with pytest.raises(bx.InputError, match=r"draws=1: .+ a p-value of 0\.05 takes 19"):
        bx.bridge_causality(mini, "sw", "tl", "en", sets, draws=1)


@pytest.mark.parametrize("rule", ["active", "none"])
def test_rules_that_need_a_probe_are_refused(rule):
    with pytest.raises(bx.InputError, match=f"takes the rules exclusive and minus_overlap, not '{rule}'"):
        bx.bridge_causality(None, "sw", "tl", "en", None, rule=rule)
