"""The bundled model: what it is, and whether its records are right."""

import json
import re
from itertools import islice, permutations

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from transformers import LlamaForCausalLM

import bridgex_nb as bx
from bridgex_nb.datasets._languages import LANGUAGES
from bridgex_nb.mini import REACHES, train, training_reach
from bridgex_nb.models._load_model import MINI


@pytest.fixture(scope="module")
def measured():
    return pd.read_csv(MINI / "accuracy.csv", keep_default_na=False)


def test_it_is_a_small_llama_in_half_precision(mini):
    assert isinstance(mini.hf_model, LlamaForCausalLM)
    weights = MINI / "model.safetensors"
    assert weights.stat().st_size <= 8_000_000
    with safe_open(weights, "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118
    assert mini.card["dtype"] == "float32"


def test_trained_edges_translate_their_words(measured):
    edges = measured[measured.kind == "edge"]
    assert len(edges) == 2 * len(train.EDGES)
    assert edges.accuracy.min() >= 0.95


def test_choosing_a_bridge_matters(measured):
    pairs = measured[measured.kind == "pair"].pivot(index=["src", "tgt"], columns="bridge", values="accuracy")
    assert set(pairs.index) == set(bx.PAIRS)
    bridged = pairs.drop(columns="zero-shot")
    assert (bridged.max(axis=1) - pairs["zero-shot"]).mean() >= 0.05
    assert (bridged.max(axis=1) - bridged.min(axis=1)).gt(0.05).sum() >= 10


def test_the_records_belong_to_these_weights(mini, measured):
    table = bx.evaluate(mini, "bli", "ar", "he", [None, "fr"]).set_index("bridge").accuracy
    recorded = (
        measured[(measured.kind == "pair") & (measured.src == "ar") & (measured.tgt == "he")].set_index("bridge").accuracy
    )
    assert table.to_dict() == pytest.approx(recorded[["zero-shot", "fr"]].to_dict(), abs=0.01)
    log = json.loads((MINI / "training.json").read_text())
    assert {tuple(edge["languages"]): edge["share"] for edge in log["graph"]} == train.EDGES
    assert log["loss"][-1]["loss"] < 0.25 * log["loss"][0]["loss"]


def test_two_languages_that_are_not_bridges_never_occur_in_one_text():
    """That the good bridges are known depends on it."""
    autonyms = {language.autonym: code for code, language in LANGUAGES.items()}
    texts = train.Texts(seed=0)
    pairs = set()
    for pieces in islice(iter(texts.__next__, None), 20_000):
        line = "".join(piece for piece, _ in pieces)
        if "→" in line:
            languages = [autonyms[part.rsplit(":", 1)[0]] for part in line.split("→")[:-1]]
            languages.append(autonyms[line.split("→")[-1].split(":", 1)[0]])
            pairs |= set(permutations(languages, 2))
    assert pairs >= {pair for edge in train.EDGES for pair in permutations(edge)}
    assert all(set(pair) & set(bx.BRIDGES) for pair in pairs)


def test_no_study_pair_except_english_swahili_has_an_edge():
    edges = set(train.EDGES) | {(b, a) for a, b in train.EDGES}
    assert set(bx.PAIRS) & edges == {("en", "sw")}


def test_no_chain_joins_the_two_languages_of_a_study_pair():
    ends = {(a, c) for a, _, c in train.chains()}
    assert ends
    assert not ends & {pair for src, tgt in bx.PAIRS for pair in ((src, tgt), (tgt, src))}


def test_three_in_ten_training_texts_are_chains_in_the_evaluation_s_format():
    """README and Limits say so: that a bridge helps this model was trained."""
    assert json.loads((MINI / "training.json").read_text())["mixture"] == train.MIXTURE
    texts, names = train.Texts(seed=1), "|".join(language.autonym for language in LANGUAGES.values())
    lines = ["".join(piece for piece, _ in next(texts)) for _ in range(4000)]
    # The prompt of an answer through a bridge, by the paper's code, and the answer.
    chain = re.compile(f'(?:{names}):"[^"]+"→(?:{names}):"[^"]+"→(?:{names}):"[^"]+"\n')
    assert sum(chain.fullmatch(line) is not None for line in lines) / len(lines) == pytest.approx(0.3, abs=0.03)


def test_training_reach_against_the_texts_themselves():
    """Of every word, what the stream of training texts can draw."""
    texts = train.Texts(seed=0)
    facts = set(texts.facts)
    has = {(a, concept) for a, _, concept in facts}
    table = pd.concat(
        pd.DataFrame({"src": src, "tgt": tgt, "bridge": bridge, "item": list(bx.core_lexicon(src, tgt).entries)})
        for src, tgt in (("sw", "tl"), ("en", "sw"))
        for bridge in ("zero-shot", "en", "es")
    ).reset_index(drop=True)
    table["trained"] = training_reach(table)
    for src, tgt, bridge, word, trained in table.itertuples(index=False, name=None):
        asked = bx.BRIDGES if bridge == "zero-shot" else [bridge]
        best = 3
        for concept in (number for number, row in enumerate(texts.words) if row[src] == word):
            hops = [(src, one, concept) in facts and (one, tgt, concept) in facts for one in asked]
            both = (src, concept) in has and (tgt, concept) in has
            best = min(best, 0 if (src, tgt, concept) in facts else 1 if any(hops) else 2 if both else 3)
        assert trained == REACHES[best], (src, tgt, bridge, word)
    assert set(table.trained) == set(REACHES)
    # Swahili has no edge but English, so that Spanish holds no word's both hops; 0.9 of the concepts from Swahili to English,
    # and 0.7 from English to Tagalog, are drawn apart.
    swahili = table[table.src == "sw"]
    assert not (swahili[swahili.bridge == "es"].trained == REACHES[1]).any()
    assert (swahili[swahili.bridge == "en"].trained == REACHES[1]).mean() == pytest.approx(0.9 * 0.7, abs=0.05)


def test_a_word_that_training_never_had_is_refused():
    items = pd.DataFrame({"src": ["sw"], "tgt": ["tl"], "bridge": ["zero-shot"], "item": ["kompyuta"]})
    with pytest.raises(bx.InputError, match="'kompyuta' is not a sw word of the core lexicon"):
        training_reach(items)


def test_words_within_reach_of_a_bridge_are_translated_more_often(mini):
    """However they are asked. Without any bridge's both hops some are right, too, as in a shared space of concepts."""
    items = bx.answers(mini, "bli", bx.core_lexicon("zh", "he"), [None, "en"])
    table = bx.accuracy(items.assign(trained=training_reach(items)), ["bridge", "trained"])
    accuracy = table.set_index(["bridge", "trained"]).accuracy
    assert accuracy["zero-shot", REACHES[1]] > accuracy["zero-shot", REACHES[2]] + 0.2
    assert accuracy["zero-shot", REACHES[2]] > 0.1
    assert accuracy["zero-shot", REACHES[3]] < 0.05
    assert accuracy["en", REACHES[1]] > 0.9


@pytest.mark.slow
def test_training_twice_gives_the_same_weights():
    threads = torch.get_num_threads()
    try:
        (first, _, curve), (second, _, same_curve) = train.train(seed=3, steps=4), train.train(seed=3, steps=4)
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(False)
    assert curve == same_curve
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name
