"""`Evidence`: frozen, with parts that are computed once and belong to the model they were computed on."""

import gc
import threading
import weakref
from dataclasses import FrozenInstanceError, replace

import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.evaluation._word_examples import prompts_behind_examples
from bridgex_nb.inference._generation import complete_scored
from bridgex_nb.similarity._core_evidence import core_evidence

SENTENCES = {code: bx.core_sentences()[code][:10] for code in ("en", "sw", "tl")}


@pytest.fixture(scope="module")
def evidence():
    model = tiny.load("llama")
    return bx.Evidence(model, bx.count_active(model, SENTENCES), 0.3, SENTENCES)


def everything_off(model):
    return torch.ones(model.num_layers, model.num_neurons, dtype=torch.bool)


# Frozen


def test_another_rate_needs_another_evidence(evidence):
    before = evidence.sets["sw"]
    with pytest.raises(FrozenInstanceError):
        evidence.rate = 0.1
    fewer = replace(evidence, rate=0.1)
    assert fewer.sets["sw"].sum() < before.sum()
    assert torch.equal(fewer.sets["sw"], bx.top_neurons(evidence.counts, 0.1)["sw"])
    assert evidence.sets["sw"] is before


def test_sets_cannot_be_exchanged(evidence):
    with pytest.raises(TypeError):
        evidence.sets["sw"] = ~evidence.sets["sw"]


def test_parts_are_computed_once(evidence):
    assert evidence.sets is evidence.sets
    assert evidence.alignment is evidence.alignment
    assert evidence.shared_probe is evidence.shared_probe
    assert evidence.gram("sw") is evidence.gram("sw")
    assert evidence.spectrum(1) is evidence.spectrum(1)


@pytest.mark.parametrize("rate", [0, 1, -0.1])
def test_a_rate_that_is_not_a_share_is_refused(evidence, rate):
    with pytest.raises(bx.InputError, match="rate is a share"):
        replace(evidence, rate=rate)
    with pytest.raises(bx.InputError, match="rate is a share"):
        core_evidence(evidence.model, rate)


def test_items_without_the_columns_of_answers_are_refused(evidence):
    items = bx.answers(evidence.model, "bli", bx.core_lexicon("sw", "tl").keep(["moto", "maji"]), [None])
    with pytest.raises(bx.InputError, match="columns missing: correct"):
        replace(evidence, items=items.drop(columns="correct"))


# Interventions


def test_nothing_is_computed_on_a_model_that_is_changed_otherwise_than_when_it_was_counted(evidence):
    fresh = replace(evidence)
    with bx.deactivate(evidence.model, everything_off(evidence.model)):
        for compute in (
            lambda: fresh.alignment,
            lambda: fresh.shared_probe,
            lambda: fresh.confidence("sw", "tl", ["moto"]),
            lambda: fresh.answers("moto", "sw", "tl", []),
        ):
            with pytest.raises(bx.InputError, match="under other interventions than when its counts"):
                compute()
        changed = bx.Evidence(evidence.model, bx.count_active(evidence.model, SENTENCES), 0.3, SENTENCES)
        off = changed.gram("sw")
    assert torch.equal(fresh.alignment, evidence.alignment)
    assert not torch.equal(off, fresh.gram("sw"))
    with pytest.raises(bx.InputError, match="interventions"):
        changed.gram("tl")


def test_the_evidence_of_a_model_is_not_taken_from_a_changed_one():
    model = bx.load_model(tiny.folder("llama"))
    with bx.deactivate(model, everything_off(model)), pytest.raises(bx.InputError, match="unchanged model"):
        core_evidence(model)


# One evidence per model


def test_all_rates_of_a_model_share_its_counts(mini):
    first, again, fewer = core_evidence(mini, 0.05), core_evidence(mini, 0.05), core_evidence(mini, 0.01)
    assert first.counts is again.counts is fewer.counts
    assert first.probe("sw", "tl") is again.probe("sw", "tl")
    assert first.sets is again.sets
    assert torch.equal(fewer.sets["sw"], bx.top_neurons(fewer.counts, 0.01)["sw"])
    assert core_evidence(bx.load_model(), 0.05).counts is not first.counts


def test_threads_count_a_model_once(monkeypatch):
    model = bx.load_model(tiny.folder("llama"))
    calls, evidences = [], []

    def count(*arguments):
        calls.append(arguments)
        return bx.count_active(model, SENTENCES)

    monkeypatch.setattr("bridgex_nb.similarity._core_evidence.count_active", count)
    threads = [threading.Thread(target=lambda: evidences.append(core_evidence(model))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({id(evidence.counts) for evidence in evidences}) == 1


def test_a_model_and_its_evidence_are_freed_together():
    model = bx.load_model(tiny.folder("llama"))
    evidence = core_evidence(model)
    assert evidence.sets
    counts, weights = weakref.ref(evidence.counts), weakref.ref(model.hf_model)
    assert not [name for name in vars(model) if "measure" in name or "evidence" in name]
    del model, evidence
    gc.collect()
    assert counts() is None
    assert weights() is None


def test_answers_to_a_word_are_those_of_the_model(mini):
    direct = bx.answers(mini, "bli", bx.core_lexicon("sw", "tl").keep(["moto"]), [None, "en"])
    assert core_evidence(mini).answers("moto", "sw", "tl", ["en"]).equals(direct)


def test_a_word_outside_the_lexicon_is_neither_right_nor_wrong(mini):
    items = core_evidence(mini).answers("kompyuta", "sw", "tl", ["en"])
    assert items.correct.isna().all()
    assert items.score.isna().all()
    assert items.answer.str.len().gt(0).any()


# Of one model


def test_counts_of_another_model_are_refused(evidence):
    model, counts = evidence.model, evidence.counts
    for fact, message in (
        ("model", "the counts are of another model: model is else"),
        ("weights_sha256", "the counts are of another model: weights_sha256 is else"),
        ("revision", "the counts are of another model: revision is else"),
        ("site", "the counts are read at another site: site is else, not act"),
    ):
        with pytest.raises(bx.InputError, match=message):
            replace(evidence, counts=replace(counts, card=counts.card | {fact: "else"}))
    fewer = replace(counts, active=counts.active[:, 1:], card={"site": "act"})
    with pytest.raises(bx.InputError, match=rf"another model: \[L, N\] is .*has \[{model.num_layers}, {model.num_neurons}\]"):
        replace(evidence, counts=fewer)
    assert replace(evidence, counts=replace(counts, card={"site": "act"})).sets  # as released counts, which name no model


def test_items_of_another_model_are_refused(evidence):
    words = bx.core_lexicon("sw", "tl").keep(["moto", "maji"])
    items = bx.answers(tiny.load("qwen2"), "bli", words, [None])
    with pytest.raises(bx.InputError, match="the items are of another model: model is"):
        replace(evidence, items=items)
    items.attrs.clear()  # as read from a CSV file
    assert replace(evidence, items=items).items is items


# Languages


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda evidence: evidence.shared_probe, "no sentences of tl"),
        (lambda evidence: evidence.alignment, "no sentences of tl"),
        (lambda evidence: evidence.spectrum(0), "no sentences of tl"),
        (lambda evidence: evidence.gram("tl"), "no sentences of tl"),
        (lambda evidence: evidence.probability("de"), "no counts of de"),
    ],
)
def test_a_language_that_is_missing_is_named(evidence, ask, message):
    sentences = {code: SENTENCES[code] for code in ("en", "sw")}
    with pytest.raises(bx.InputError, match=message):
        ask(replace(evidence, sentences=sentences))


# Parts that are already there


def test_parts_of_the_unchanged_model_are_refused_within_a_block(evidence):
    assert evidence.alignment is not None
    evidence.confidence("sw", "tl", ["moto"])
    with bx.deactivate(evidence.model, everything_off(evidence.model)):
        for ask in (lambda: evidence.alignment, lambda: evidence.confidence("sw", "tl", ["moto"])):
            with pytest.raises(bx.InputError, match="under other interventions than when its counts"):
                ask()
        seen = []
        thread = threading.Thread(target=lambda: seen.append(evidence.alignment))  # does not wait, and sees no changed model
        thread.start()
        thread.join(timeout=10)
    assert seen[0] is evidence.alignment


def test_core_evidence_is_refused_within_a_block_even_if_it_exists(mini):
    core_evidence(mini)
    with bx.deactivate(mini, everything_off(mini)):
        with pytest.raises(bx.InputError, match="unchanged model"):
            core_evidence(mini)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(core_evidence(mini)))
        thread.start()
        thread.join(timeout=10)
    assert seen[0].counts is core_evidence(mini).counts


def test_another_evidence_has_parts_of_its_own(mini):
    core = core_evidence(mini)
    core.gram("en")
    fewer = replace(core, sentences={code: texts[:5] for code, texts in core.sentences.items()})
    assert fewer.gram("en").shape[-1] == 5
    assert "_shared" not in repr(core)


def test_redraws_are_those_of_the_counts_and_their_neurons_are_kept(mini):
    texts = {code: sentences[:20] for code, sentences in bx.core_sentences().items() if code in ("sw", "tl", "en", "fr")}
    counts = bx.count_active(mini, texts, parts=4)
    evidence = bx.Evidence(mini, counts, 0.02)
    expected = bx.redraw_sets(counts, 0.02)
    assert len(evidence.redraws) == len(expected) == 20
    for drawn, sets in zip(evidence.redraws, expected, strict=True):
        assert all(torch.equal(drawn[code], sets[code]) for code in sets)
    for sets in (*expected, *bx.half_sets(counts, 0.02)):
        assert not any((neurons & ~evidence._keep()).any() for neurons in sets.values())
    without = bx.ActivationCounts(counts.active, counts.tokens, counts.languages, counts.card)
    assert bx.Evidence(mini, without, 0.02).redraws is None


# Which words, and how they are asked


def test_all_words_can_be_probed(mini):
    words = bx.core_lexicon("sw", "tl").sample(30)
    counts = bx.count_active(
        mini, {code: texts[:20] for code, texts in bx.core_sentences().items() if code in ("en", "sw", "tl")}
    )
    known = bx.Evidence(mini, counts, lexicon=lambda src, tgt: words)
    every = replace(known, words="all")
    assert set(known.probe("sw", "tl").words) < set(words.entries)
    assert list(every.probe("sw", "tl").words) == list(words.entries)
    with pytest.raises(bx.InputError, match="words='some': a pair is probed with known or all words"):
        replace(known, words="some")


def test_confidence_is_asked_behind_the_examples_of_the_items(mini):
    def lexicon(src, tgt):
        return bx.core_lexicon(src, tgt).sample(12)

    counts = bx.count_active(
        mini, {code: texts[:20] for code, texts in bx.core_sentences().items() if code in ("en", "sw", "tl")}
    )
    items = bx.answers(mini, "bli", lexicon("sw", "tl"), [None, "en"], shots=2, shots_for="hops")
    with pytest.raises(bx.InputError, match="the items were asked with 2 examples; say so: shots=2"):
        bx.Evidence(mini, counts, lexicon=lexicon, items=items)
    evidence = bx.Evidence(mini, counts, lexicon=lexicon, items=items, shots=2)
    asked = evidence.asked_words("sw", "tl")
    assert asked == [word for word in lexicon("sw", "tl").entries if word in set(items["item"])]
    hop = items.set_index("item")[items.set_index("item").bridge == "en"].bridge_confidence.loc[asked].mean()
    assert evidence.confidence("sw", "en", asked)[0] == pytest.approx(hop)
    # The second hop was not asked before: its examples are words of that lexicon, too.
    words = list(lexicon("en", "tl").entries)[:3]
    prompts = prompts_behind_examples(lexicon("en", "tl"), words, 2, evidence.seed)
    done = complete_scored(mini, prompts)
    assert evidence.confidence("en", "tl", words)[0] == pytest.approx(sum(c.confidence for c in done) / 3, abs=1e-5)


# Always-on neurons and ties


@pytest.fixture(scope="module")
def always_on_evidence():
    """Of a model in which ten neurons of the first layer are always on."""
    model = bx.load_model(tiny.folder("gpt2"))
    mlp = model.hf_model.transformer.h[0].mlp
    mlp.c_fc.bias.data[:10], mlp.c_proj.weight.data[:10] = 100.0, 0.0  # on, and without an effect on anything else
    return bx.Evidence(model, bx.count_active(model, SENTENCES), 0.3, SENTENCES)


def test_sets_draws_and_what_follows_leave_out_neurons_that_are_always_on(always_on_evidence):
    evidence = always_on_evidence
    without = replace(evidence, exclude="always_on")
    always = bx.always_on(evidence.counts)
    assert always[0, :10].all()
    expected = bx.top_neurons(evidence.counts, 0.3, exclude="always_on")
    draws = bx.redraw_sets(evidence.counts, 0.3, exclude="always_on")
    for code in SENTENCES:
        assert torch.equal(without.sets[code], expected[code])
        assert not (without.sets[code] & always).any()
        assert all(torch.equal(drawn[code], sets[code]) for drawn, sets in zip(without.redraws, draws, strict=True))
    assert bx.language_matrix(without, "jaccard").loc["en", "sw"] < bx.language_matrix(evidence, "jaccard").loc["en", "sw"]
    assert [bx.language_matrix(given, "count").attrs["card"]["options"]["exclude"] for given in (evidence, without)] == [
        None,
        "always_on",
    ]
    assert bx.select_bridges(without, "sw", "tl", ["en"], ["overlap_count"]).attrs["card"]["options"]["exclude"] == "always_on"
    with pytest.raises(bx.InputError, match="exclude='never': take 'always_on', or None"):
        replace(evidence, exclude="never")


def test_two_exclusions_share_no_spectrum(always_on_evidence):
    """Also where the parts are shared, as between the rates of one model."""
    evidence, parts = always_on_evidence, {}
    given = [
        bx.Evidence(evidence.model, evidence.counts, 0.3, SENTENCES, exclude=exclude, _shared=parts)
        for exclude in (None, "always_on")
    ]
    first, second = (each.spectrum(1) for each in given)
    assert not first.equals(second)
    assert not torch.equal(given[0].sets["sw"], given[1].sets["sw"])


def test_inflated_sets_are_said_where_sets_are_compared(evidence):
    few = bx.count_active(evidence.model, {code: sentences[:1] for code, sentences in SENTENCES.items()}, parts=1)
    inflated = bx.Evidence(evidence.model, few, 0.02, SENTENCES)
    (note,) = inflated.set_notes
    assert note.startswith("Ties inflate the neuron set of")
    with pytest.warns(UserWarning, match="Ties inflate the neuron set"):
        bx.language_matrix(inflated, "count")
    with pytest.warns(UserWarning, match="Ties inflate the neuron set"):
        bx.select_bridges(inflated, "sw", "tl", ["en"], ["overlap_count"])
    assert evidence.set_notes == []
