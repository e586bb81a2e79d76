"""Selectors of the bridge language, each against a direct computation; typological distances against URIEL."""

import math
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from scipy.stats import spearmanr

import bridgex_nb as bx
from bridgex_nb.inference._generation import Completion, complete_scored
from bridgex_nb.models import counting
from bridgex_nb.models._layer_window import layer_window

#: Codes of the languages in URIEL (ISO 639-3).
ISO = {"en": "eng", "de": "deu", "fr": "fra", "it": "ita", "pt": "por", "es": "spa", "zh": "cmn", "ja": "jpn", "ar": "arb"}
ISO |= {"he": "heb", "id": "ind", "tl": "tgl", "fi": "fin", "hu": "hun", "sw": "swh"}


@pytest.fixture(scope="module")
def evidence():
    """Of a random model of three layers, with few words, all of which count as known."""
    model = tiny.load("llama")
    sentences = {code: texts[:12] for code, texts in bx.core_sentences().items()}
    return bx.Evidence(model, bx.count_active(model, sentences), 0.3, sentences, few_words)


@pytest.fixture(scope="module")
def mini_evidence(mini):
    return bx.Evidence(mini, bx.count_active(mini, bx.core_sentences()))


def typology_table():
    with (files("bridgex_nb.datasets") / "data" / "typology.csv").open(encoding="utf-8") as handle:
        return pd.read_csv(handle)


def few_words(src, tgt):
    lexicon = bx.core_lexicon(src, tgt)
    return lexicon.keep(list(lexicon.entries)[:8])


@pytest.fixture(autouse=True)
def _all_known(monkeypatch):
    monkeypatch.setattr("bridgex_nb.similarity._evidence_words.known_words", lambda model, lexicon, **asking: lexicon)


def column(evidence, name, src="sw", tgt="tl", bridges=bx.BRIDGES):
    return bx.select_bridges(evidence, src, tgt, bridges, [name])[name]


def with_active(evidence, code, active):
    """The evidence with other counts [L, N] of active tokens in one language, and as many tokens as in Tagalog."""
    k, tl = (evidence.counts.languages.index(language) for language in (code, "tl"))
    counts = bx.ActivationCounts(evidence.counts.active.clone(), evidence.counts.tokens.clone(), evidence.counts.languages, {})
    counts.active[k], counts.tokens[k] = active, counts.tokens[tl]
    return replace(evidence, counts=counts)


# The table


def test_every_selector_scores_every_bridge(evidence):
    table = bx.select_bridges(evidence, "sw", "tl")
    assert list(table.index) == list(bx.BRIDGES)
    assert list(table.columns) == list(bx.SELECTORS)
    assert not table.isna().any(axis=None)
    assert table.dtypes.eq(float).all()
    card = table.attrs["card"]
    assert (card["function"], card["options"]["selectors"]) == ("select_bridges", list(bx.SELECTORS))
    assert card["inputs"]["counts"]["data"] == evidence.counts.card["data"]


def test_each_selector_alone_gives_its_column(evidence):
    table = bx.select_bridges(evidence, "ja", "he")
    for name in bx.SELECTORS:
        pd.testing.assert_series_equal(column(evidence, name, "ja", "he"), table[name])


@pytest.mark.parametrize(
    "name", [name for name in bx.SELECTORS if not name.startswith(("hsic", "confidence", "random", "latent"))]
)
def test_direction_does_not_matter_where_nothing_is_translated(evidence, name):
    assert column(evidence, name).to_numpy() == pytest.approx(column(evidence, name, "tl", "sw").to_numpy())


def test_source_and_target_are_not_scored(evidence):
    assert list(bx.select_bridges(evidence, "en", "sw", selectors=["english"]).index) == ["de", "fr", "it", "pt", "es"]
    assert list(bx.select_bridges(evidence, "sw", "tl", ["fr", "en", "fr"], ["english"]).index) == ["fr", "en"]


def test_the_card_depends_on_the_translations_too(evidence):
    """They decide which words are known, and so what `hsic` probes."""

    def other_golds(src, tgt):
        return bx.Lexicon(src, tgt, {word: ["?"] for word in few_words(src, tgt).entries})

    blind = bx.Evidence(evidence.model, evidence.counts, 0.3, evidence.sentences, other_golds)
    cards = [bx.select_bridges(e, "sw", "tl", ["en", "fr"], ["confidence_min"]).attrs["card"] for e in (evidence, blind)]
    assert cards[0]["options"]["words"] != cards[1]["options"]["words"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"src": "xx"}, "unknown language 'xx'"),
        ({"bridges": ["yy"]}, "unknown language 'yy'"),
        ({"tgt": "sw"}, "both 'sw'"),
        ({"bridges": ["sw"]}, "every bridge given is the source or the target"),
        ({"selectors": ["oracle"]}, "unknown selector 'oracle'; choose from hsic"),
    ],
)
def test_bad_choices_are_refused(evidence, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.select_bridges(**{"evidence": evidence, "src": "sw", "tgt": "tl"} | options)


def test_languages_without_counts_or_sentences_are_refused(evidence):
    counts = bx.count_active(evidence.model, {code: evidence.sentences[code] for code in ("sw", "tl", "en")})
    with pytest.raises(bx.InputError, match="no counts of de, fr"):
        bx.select_bridges(bx.Evidence(evidence.model, counts), "sw", "tl")
    only = {code: texts for code, texts in evidence.sentences.items() if code != "it"}
    with pytest.raises(bx.InputError, match="no sentences of it"):
        bx.select_bridges(bx.Evidence(evidence.model, evidence.counts, sentences=only), "sw", "tl")


# From the model's neurons


@pytest.mark.parametrize(
    ("name", "by", "estimator"),
    [("hsic", "score", "biased"), ("hsic_excess", "excess", "biased"), ("hsic_reference", "score", "reference")],
)
@pytest.mark.parametrize("pair", [("sw", "tl"), ("zh", "ja")])
def test_hsic_is_that_of_the_ranking_with_its_ties(mini_evidence, name, by, estimator, pair):
    options = {"by": by, "estimator": estimator, "redraws": mini_evidence.redraws, "resamples": 60}
    ranking = bx.rank_bridges(mini_evidence.probe(*pair), mini_evidence.sets, **options)
    value = ranking.table[by].where(~ranking.table.tied, ranking.table[by][0])
    expected = dict(zip(ranking.table.bridge, value, strict=True))
    scores = column(mini_evidence, name, *pair)
    assert not ranking.few
    assert scores.to_dict() == pytest.approx(expected)
    assert (scores == scores.max()).sum() == 1 + ranking.table.tied.sum()


def test_too_few_shared_neurons_choose_no_bridge(mini_evidence):
    """Two shared neurons in the window: an argmax over them would be scored as if it were a choice."""
    inside = layer_window(mini_evidence.model.num_layers)
    k = mini_evidence.counts.languages.index("tl")
    shared = mini_evidence.sets["sw"] & mini_evidence.sets["tl"]
    shared[: inside.start] = shared[inside.stop :] = False
    active = mini_evidence.counts.active[k].clone()
    active[shared & (torch.cumsum(shared.flatten(), 0).view_as(shared) > 2)] = 0
    few = with_active(mini_evidence, "tl", active)
    for name in ("hsic", "hsic_excess", "hsic_reference"):
        assert (column(few, name) == 0).all()
    assert column(few, "hsic_argmax").nunique() > 1


def test_the_plain_argmax_takes_the_highest_score_whatever_its_interval(mini_evidence):
    scores = column(mini_evidence, "hsic_argmax")
    ranking = bx.rank_bridges(mini_evidence.probe("sw", "tl"), mini_evidence.sets, redraws=mini_evidence.redraws)
    assert scores.to_dict() == pytest.approx(ranking.table.set_index("bridge").score.to_dict())
    assert (scores == scores.max()).sum() == 1


@pytest.mark.filterwarnings("ignore:sw-tl")
def test_a_bridge_without_active_neurons_is_never_chosen(mini_evidence):
    """The neurons of English are exactly some that are not active on the probe."""
    means = bx.probe(mini_evidence.model, few_words("sw", "tl")).values.mean(dim=2)
    assert (means <= 0).float().mean() > mini_evidence.rate
    bare = replace(with_active(mini_evidence, "en", torch.where(means <= 0, 3, 0)), lexicon=few_words)
    scores = column(bare, "hsic_reference")
    assert scores["en"] == -math.inf
    assert np.isfinite(scores.drop("en")).all()


@pytest.mark.parametrize("kind", ["count", "jaccard", "lift"])
def test_overlap_by_counting(evidence, kind):
    neurons = {code: {tuple(index) for index in chosen.nonzero().tolist()} for code, chosen in evidence.sets.items()}
    total = evidence.model.num_layers * evidence.model.num_neurons

    def overlap(src, tgt):
        a, b = neurons[src], neurons[tgt]
        return {"count": len(a & b), "jaccard": len(a & b) / len(a | b), "lift": len(a & b) * total / len(a) / len(b)}[kind]

    for bridge, score in column(evidence, f"overlap_{kind}").items():
        assert score == pytest.approx(math.sqrt(overlap("sw", bridge) * overlap(bridge, "tl")))


def test_cosine_of_activation_probabilities(evidence):
    shared = (evidence.sets["sw"] & evidence.sets["tl"]).numpy()
    p = dict(zip(evidence.counts.languages, evidence.counts.probability.numpy()[:, shared], strict=True))

    def cosine(a, b):
        return p[a] @ p[b] / np.linalg.norm(p[a]) / np.linalg.norm(p[b])

    for bridge, score in column(evidence, "activation_cosine").items():
        assert score == pytest.approx(math.sqrt(cosine("sw", bridge) * cosine(bridge, "tl")))


def test_cosine_without_shared_neurons_is_zero(evidence):
    active = evidence.counts.active[evidence.counts.languages.index("tl")]
    bare = with_active(evidence, "sw", active.max() - active)
    assert not (bare.sets["sw"] & bare.sets["tl"]).any()
    assert (column(bare, "activation_cosine") == 0).all()


def test_linear_cka_by_its_definition(evidence):
    layers = layer_window(evidence.model.num_layers)
    states = {
        code: [layer.T.double().numpy() for layer in bx.probe(evidence.model, evidence.sentences[code]).values]
        for code in ("sw", "tl", "en", "fr")
    }

    def cka(a, b):
        scores = []
        for layer in layers:
            x, y = (states[code][layer] - states[code][layer].mean(axis=0) for code in (a, b))
            scores.append(np.linalg.norm(x.T @ y) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y))
        return sum(scores) / len(scores)

    for bridge, score in column(evidence, "alignment_cka", bridges=["en", "fr"]).items():
        assert score == pytest.approx(math.sqrt(cka("sw", bridge) * cka(bridge, "tl")), rel=1e-5)


def importance_by_hooks(evidence, code):
    """Mean squared norm of each neuron's contribution to the output of its layer, [L, N], one sentence at a time."""
    model, seen = evidence.model, {}
    for i, layer in enumerate(model.hf_model.model.layers):
        layer.mlp.down_proj.register_forward_pre_hook(lambda module, inputs, i=i: seen.setdefault(i, []).append(inputs[0][0]))
    special = set(model.tokenizer.all_special_ids)
    keep = []
    with torch.inference_mode():
        for text in evidence.sentences[code]:
            ids = model.tokenizer(text)["input_ids"]
            keep += [token not in special for token in ids]
            model.hf_model(torch.tensor([ids]))
    for layer in model.hf_model.model.layers:
        layer.mlp.down_proj._forward_pre_hooks.clear()
    squares = [torch.cat(seen[i])[keep].double().square().mean(dim=0) for i in range(model.num_layers)]
    norms = [layer.mlp.down_proj.weight.double().square().sum(dim=0) for layer in model.hf_model.model.layers]
    return torch.stack(squares) * torch.stack(norms)


def test_xsns_is_the_jaccard_overlap_of_the_neurons_that_write_most(evidence):
    networks = {}
    for code in ("sw", "tl", "en", "fr"):
        importance = importance_by_hooks(evidence, code)
        torch.testing.assert_close(evidence.importance(code).double(), importance, rtol=1e-4, atol=1e-9)
        highest = importance.flatten().argsort(descending=True)[: round(0.15 * importance.numel())]
        networks[code] = set(highest.tolist())

    def jaccard(a, b):
        return len(networks[a] & networks[b]) / len(networks[a] | networks[b])

    for bridge, score in column(evidence, "xsns", bridges=["en", "fr"]).items():
        assert score == pytest.approx(math.sqrt(jaccard("sw", bridge) * jaccard(bridge, "tl")))


def test_xsns_chooses_nothing_where_weights_cannot_be_read(evidence, monkeypatch):
    def quantised(model):
        raise bx.InputError("layer 0: the weights of down are quantised")

    monkeypatch.setattr(bx.Architecture, "down_norms", lambda self, model: quantised(model))
    fresh = replace(evidence)
    with pytest.warns(UserWarning, match="sw-tl: layer 0: the weights of down are quantised; so xsns chooses no bridge"):
        assert (column(fresh, "xsns") == 0).all()


@pytest.mark.parametrize(("name", "method"), [("alignment_neuronxa", bx.neuronxa), ("alignment_mexa", bx.mexa)])
def test_alignment_of_the_bridge_with_both_ends(evidence, name, method):
    codes = ["sw", "tl", "fr"]
    sentences = {code: evidence.sentences[code] for code in codes}
    table = method(evidence.model, sentences, "fr", resamples=10).table.set_index("language").score
    score = column(evidence, name, bridges=["en", "fr"])["fr"]
    assert score == pytest.approx(math.sqrt(table["sw"] * table["tl"]))


@pytest.mark.parametrize(("pair", "named"), [(("sw", "tl"), "en"), (("ar", "he"), "fr")])
def test_the_latent_language_is_the_pivot_of_the_lens(mini_evidence, pair, named):
    """And it names the bridges that bridgex-mini was trained through."""
    forms = {code: bx.core_lexicon(pair[0], code) for code in bx.BRIDGES}
    table = bx.lens.pivot(bx.lens.language_lens(mini_evidence.model, bx.core_lexicon(*pair), forms=forms))
    scores = column(mini_evidence, "latent_language", *pair)
    assert scores.to_dict() == pytest.approx(table.set_index("language").score.clip(lower=0).to_dict(), abs=1e-6)
    assert scores.idxmax() == named


def test_no_pivot_is_no_choice(evidence):
    """A random model's layers hold no word of any language; a model on another machine cannot be read."""
    fresh = replace(evidence, lexicon=lambda src, tgt: bx.core_lexicon(src, tgt).sample(40))
    scores = column(fresh, "latent_language")
    table = bx.lens.pivot(fresh.lens("sw", "tl", bx.BRIDGES), bx.BRIDGES)
    assert table.attrs["pivot"] is None
    assert (scores == 0).all()


def test_the_latent_language_needs_the_words_of_the_bridges(evidence):
    def only_the_pair(src, tgt):
        if tgt != "tl":
            raise bx.InputError(f"{src}-{tgt}.txt: no such file")
        return few_words(src, tgt)

    alone = replace(evidence, lexicon=only_the_pair)
    with pytest.warns(UserWarning, match="sw-tl: sw-.*no such file; so latent_language chooses no bridge"):
        assert (column(alone, "latent_language") == 0).all()


# From the model's answers


def test_confidence_of_both_hops(evidence, monkeypatch):
    asked = []

    def answer(model, prompts):
        asked.extend(prompts)

        # Log-probability per token: -2 into and out of English, -1 into French, -4 out of French.
        def completion(prompt):
            token = -1.0 if prompt.endswith("→Français:") else -4.0 if prompt.startswith("Français") else -2.0
            return Completion('"jibu"', 3 * token, 3)

        return [completion(prompt) for prompt in prompts]

    monkeypatch.setattr("bridgex_nb.similarity._evidence_words.complete_scored", answer)
    fresh = bx.Evidence(evidence.model, evidence.counts, 0.3, evidence.sentences, few_words)
    table = bx.select_bridges(fresh, "sw", "tl", ["en", "fr"], ["confidence_min", "confidence_sum"])
    assert table.confidence_min.to_dict() == {"en": -2, "fr": -4}
    assert table.confidence_sum.to_dict() == {"en": -4, "fr": -5}
    # Every word is asked once; the second hop asks for the model's own answer to the first.
    words = list(few_words("sw", "tl").entries)
    assert asked == [
        *(bx.word_prompt("sw", "en", word) for word in words),
        bx.word_prompt("en", "tl", "jibu"),
        *(bx.word_prompt("sw", "fr", word) for word in words),
        bx.word_prompt("fr", "tl", "jibu"),
    ]
    bx.select_bridges(fresh, "sw", "ja", ["en"], ["confidence_sum"])
    assert asked[2 * len(words) + 2 :] == [bx.word_prompt("en", "ja", "jibu")]


def test_confidence_needs_no_gold_translation(evidence):
    def without_gold(src, tgt):
        return bx.Lexicon(src, tgt, {word: ["?"] for word in few_words(src, tgt).entries})

    blind = bx.Evidence(evidence.model, evidence.counts, 0.3, evidence.sentences, without_gold)
    pd.testing.assert_series_equal(column(blind, "confidence_min"), column(evidence, "confidence_min"))


def test_what_the_items_contain_is_not_asked_again(mini, monkeypatch):
    lexicon = bx.core_lexicon("sw", "tl")
    counts, items = bx.count_active(mini, bx.core_sentences()), bx.answers(mini, "bli", lexicon, [None, "en", "fr"])
    informed, asked = bx.Evidence(mini, counts, items=items), []
    assert informed.probe("sw", "tl").words == tuple(bx.known_words(mini, lexicon).entries)

    def listen(model, prompts):
        asked.extend(prompts)
        return complete_scored(model, prompts)

    monkeypatch.setattr("bridgex_nb.similarity._evidence_words.complete_scored", listen)
    scores = column(informed, "confidence_sum", bridges=["en", "fr"])
    assert not {bx.word_prompt("sw", bridge, word) for bridge in ("en", "fr") for word in lexicon.entries} & set(asked)
    pd.testing.assert_series_equal(scores, column(bx.Evidence(mini, counts), "confidence_sum", bridges=["en", "fr"]))


@pytest.mark.parametrize("kind", ["llama", "gemma2", "mini"])
def test_log_probability_is_that_of_one_prompt_and_token_at_a_time(kind):
    model = bx.load_model() if kind == "mini" else tiny.load(kind)
    words = [*list(bx.core_lexicon("sw", "en").entries)[:6], "neno refu sana la majaribio"]
    prompts = [bx.word_prompt("sw", "en", word) for word in words]
    ends = model.hf_model.generation_config.eos_token_id
    ends = set(ends) if isinstance(ends, list) else {ends}
    for prompt, done in zip(prompts, bx.complete_scored(model, prompts, max_new_tokens=12, token_budget=120), strict=True):
        ids, total, new = model.tokenizer([prompt])["input_ids"][0], 0.0, []
        while len(new) < 12 and not ends & set(new[-1:]) and "\n" not in model.tokenizer.decode(new[-1:]):
            with torch.inference_mode():
                logits = model.hf_model(torch.tensor([ids + new])).logits[0, -1]
            new.append(int(logits.argmax()))
            total += float(logits.double().log_softmax(0)[new[-1]])
        assert done.tokens == len(new)
        assert done.logprob == pytest.approx(total, abs=1e-3)
        assert done.text == model.tokenizer.decode(new, skip_special_tokens=True).split("\n")[0]


def test_completions_are_those_without_scores():
    model = tiny.load("llama")
    prompts = [bx.word_prompt("sw", "en", word) for word in list(bx.core_lexicon("sw", "en").entries)[:5]]
    assert [completion.text for completion in bx.complete_scored(model, prompts)] == bx.complete(model, prompts)
    assert bx.complete_scored(model, []) == []


# Without the model


def test_english_family_and_random(evidence):
    assert column(evidence, "english").idxmax() == "en"
    assert (column(evidence, "english", "en", "sw") == 0).all()
    assert (column(evidence, "family") == 0).all()
    assert (column(evidence, "family", "en", "sw") == 1).all()
    assert column(evidence, "family", "id", "fi", ["tl", "hu", "en"]).to_dict() == {"tl": 1, "hu": 1, "en": 0}


def test_random_is_seeded_and_uniform(evidence):
    pd.testing.assert_series_equal(column(evidence, "random"), column(evidence, "random"))
    chosen = []
    for seed in range(300):
        other = bx.Evidence(evidence.model, evidence.counts, seed=seed, sentences=evidence.sentences)
        chosen.append(column(other, "random").idxmax())
    assert all(30 <= chosen.count(bridge) <= 70 for bridge in bx.BRIDGES)


def test_data_size_takes_the_language_with_most_text(evidence):
    scores = column(evidence, "data_size")
    assert scores.to_dict() == {"en": 2733, "de": 347, "fr": 318, "it": 162, "pt": 146, "es": 433}
    assert column(evidence, "data_size", "en", "sw").idxmax() == "es"


def test_data_size_that_is_not_known_chooses_nothing(evidence, monkeypatch):
    monkeypatch.setattr("bridgex_nb.bridges._select_without_model.web_tokens", lambda: bx.web_tokens().drop("it"))
    with pytest.warns(UserWarning, match="how much text of Italian there is, is not known, so data_size chooses no bridge"):
        assert (column(evidence, "data_size") == 0).all()


# What it costs


def test_the_cost_of_a_selector_is_what_the_model_reads_for_it_alone(mini):
    """Against a counter around everything that it computes, from counts on; where nothing is there beforehand."""
    texts = {code: sentences[:20] for code, sentences in bx.core_sentences(["sw", "tl", "en", "fr"]).items()}
    names = list(bx.SELECTORS)
    together = bx.Evidence(mini, bx.count_active(mini, texts), 0.05, texts, few_words)
    costs = bx.select_bridges(together, "sw", "tl", ["en", "fr"], names).attrs["cost"]
    for name in names:
        with counting(mini) as reading:
            alone = bx.Evidence(mini, bx.count_active(mini, texts), 0.05, texts, few_words)
            counted = (reading.texts, reading.tokens)
            bx.select_bridges(alone, "sw", "tl", ["en", "fr"], [name])
        needs_counts = name.startswith(("hsic", "activation", "overlap"))
        before = (0, 0) if needs_counts else counted
        expected = {"texts": reading.texts - before[0], "tokens": reading.tokens - before[1]}
        assert costs[name] == expected, name
    assert costs["english"] == {"texts": 0, "tokens": 0}
    assert costs["confidence_sum"] == costs["confidence_min"]
    assert costs["xsns"]["texts"] == 80


def test_what_was_there_beforehand_costs_as_if_it_were_not(mini):
    lexicon = bx.core_lexicon("sw", "tl").sample(30)
    texts = {code: sentences[:20] for code, sentences in bx.core_sentences(["sw", "tl", "en"]).items()}
    counts, items = bx.count_active(mini, texts), bx.answers(mini, "bli", lexicon, [None, "en"])
    costs = []
    for given in (None, items):
        evidence = bx.Evidence(mini, counts, 0.1, texts, lambda src, tgt: lexicon, given)
        costs.append(bx.select_bridges(evidence, "sw", "tl", ["en"], ["confidence_sum"]).attrs["cost"]["confidence_sum"])
    assert costs[0]["texts"] == costs[1]["texts"]
    # An answer that is more than a word in quotes has other tokens than its word in quotes.
    assert costs[1]["tokens"] == pytest.approx(costs[0]["tokens"], rel=0.02)


def test_known_words_of_the_items_cost_as_if_they_were_asked(mini, monkeypatch):
    monkeypatch.undo()  # which words are known is asked here
    lexicon = bx.core_lexicon("sw", "tl").sample(30)
    texts = {code: sentences[:20] for code, sentences in bx.core_sentences(["sw", "tl", "en"]).items()}
    counts, items = bx.count_active(mini, texts), bx.answers(mini, "bli", lexicon, [None, "en"])
    costs = []
    for given in (None, items):
        evidence = bx.Evidence(mini, counts, 0.1, texts, lambda src, tgt: lexicon, given)
        costs.append(bx.select_bridges(evidence, "sw", "tl", ["en"], ["hsic_argmax"]).attrs["cost"]["hsic_argmax"])
    assert costs[0]["texts"] == costs[1]["texts"]
    assert costs[1]["tokens"] == pytest.approx(costs[0]["tokens"], rel=0.02)


def test_a_cost_that_is_not_known_is_not_made_up(evidence):
    released = replace(evidence, counts=replace(evidence.counts, card={}))
    costs = bx.select_bridges(released, "sw", "tl", ["en", "fr"], ["overlap_count", "alignment_cka"]).attrs["cost"]
    assert costs["overlap_count"] is None
    assert costs["alignment_cka"]["texts"] == 4 * 12


# Typology


def test_typology_has_every_language_and_only_the_values_no_both_and_yes():
    table = typology_table()
    assert list(table.columns) == ["feature", "meaning", "wals", *bx.LANGUAGES]
    assert table.feature.is_unique
    assert not table.isna().any(axis=None)
    values = table[list(bx.LANGUAGES)]
    assert values.isin([0, 0.5, 1]).all(axis=None)
    assert (values.nunique(axis=1) > 1).all()  # a feature that all languages share says nothing


def test_typological_distance_is_the_mean_difference(evidence):
    table = typology_table()
    distance = bx.typological_distance()
    for a in bx.LANGUAGES:
        for b in bx.LANGUAGES:
            assert distance.loc[a, b] == pytest.approx((table[a] - table[b]).abs().mean())
    expected = {bridge: -(distance.loc["sw", bridge] + distance.loc["tl", bridge]) / 2 for bridge in bx.BRIDGES}
    assert column(evidence, "typology").to_dict() == pytest.approx(expected)


@pytest.mark.parametrize("file", ["feature_averages", "feature_predictions"])
def test_typological_distances_order_pairs_as_uriel_does(shared_data, file):
    # Cosine distances of URIEL's syntactic features: averages over its sources, and with gaps filled from neighbours (kNN).
    with np.load(shared_data / "lang2vec" / f"{file}.npz") as uriel:
        syntax = np.char.startswith(uriel["feats"], "S_")
        row = {code: list(uriel["langs"]).index(iso) for code, iso in ISO.items()}
        values = uriel["data"][list(row.values())][:, syntax, 0].astype(float)
    ours, theirs = [], []
    for i, a in enumerate(row):
        for j, b in enumerate(list(row)[:i]):
            known = np.isfinite(values[[i, j]]).all(axis=0) & (values[[i, j]] >= 0).all(axis=0)
            x, y = values[i, known], values[j, known]
            ours.append(bx.typological_distance().loc[a, b])
            theirs.append(1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y))
    rho = spearmanr(ours, theirs).statistic
    print(f"\ntypological distance against URIEL's {file}, {len(ours)} language pairs: Spearman {rho:.2f}")
    assert rho >= 0.6
