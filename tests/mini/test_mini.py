"""The bundled model: what it is, and whether its records are right."""

import json
from itertools import islice, permutations

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from transformers import LlamaForCausalLM

import bridgex_nb as bx
from bridgex_nb.datasets._languages import LANGUAGES
from bridgex_nb.mini import train
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
