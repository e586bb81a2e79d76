"""The run card: what it holds, what tells two of them apart, and what it refuses."""

import json

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.utils import run_card
from bridgex_nb.utils._run_card import card_hash, data_card

SOURCE = {"model": "bridgex-mini", "weights_sha256": "ab" * 32, "site": "act"}
TEXTS = {"en": ["The sun is hot."], "sw": ["Jua ni kali.", "Maji"]}


def card(function="probe", source=SOURCE, texts=TEXTS, **options):
    return run_card(function, source, data=data_card(texts), options=options)


def test_the_same_result_has_the_same_hash_on_any_day():
    today = card(seed=0)
    assert card_hash(today) == card_hash(card(seed=0)) == card_hash(today | {"date": "1999-12-31"})
    assert len(card_hash(today)) == 16


@pytest.mark.parametrize(
    "changed",
    [
        card(seed=1),
        card(seed=0, statistic="mean"),
        card("count_active", seed=0),
        card(source=SOURCE | {"site": "gated"}, seed=0),
        card(source=SOURCE | {"weights_sha256": "cd" * 32}, seed=0),
        card(texts=TEXTS | {"sw": ["Jua ni kali.", "Moto"]}, seed=0),
        card(texts={"en": TEXTS["sw"], "sw": TEXTS["en"]}, seed=0),
        card(seed=0) | {"versions": {"torch": "0"}},
    ],
    ids=["value", "option", "function", "site", "weights", "text", "languages", "versions"],
)
def test_anything_else_has_another_hash(changed):
    assert card_hash(changed) != card_hash(card(seed=0))


def test_a_card_is_json_and_a_copy():
    options = {
        "window": (0, 0.5),
        "bridges": ["en"],
        "rate": np.float32(0.5),
        "draws": np.int64(3),
        "keep": None,
    }
    result = run_card("rank_bridges", SOURCE, options=options)
    assert json.loads(json.dumps(result)) == result
    options["bridges"].append("de")
    assert result["options"] == {
        "window": [0, 0.5],
        "bridges": ["en"],
        "rate": 0.5,
        "draws": 3,
        "keep": None,
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.ones(2), "options, value: JSON cannot hold a Tensor"),
        (np.ones(2), "options, value: JSON cannot hold a ndarray"),
        ({1, 2}, "options, value: JSON cannot hold a set"),
        (float("nan"), "options, value: nan is not a finite number"),
        ([1.0, float("inf")], "options, value: inf is not a finite number"),
        ({"deep": {"deeper": object}}, "options, value, deep, deeper: JSON cannot hold a type"),
        ({("en", "sw"): 1}, r"options, value: the key \('en', 'sw'\) is not a string"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_name(value, message):
    with pytest.raises(bx.InputError, match=f"run card of probe, {message}"):
        run_card("probe", SOURCE, options={"value": value})


def test_a_result_of_a_result_keeps_the_model_and_names_its_inputs():
    probe = card(statistic="mean")
    ranking = run_card("rank_bridges", probe, options={"rule": "shared"}, inputs={"probe": probe})
    assert {name: ranking[name] for name in SOURCE} == SOURCE
    assert ranking["data"] == probe["data"]
    assert ranking["options"] == {"rule": "shared"}
    assert ranking["inputs"] == {"probe": {"function": "probe", "data": probe["data"], "options": {"statistic": "mean"}}}
    assert card_hash(ranking) != card_hash(run_card("rank_bridges", probe, options={"rule": "shared"}))


def test_a_result_of_no_model_names_none():
    assert set(run_card("correlate", {})) == {"function", "versions", "date"}


def test_interventions_are_carried_by_what_is_measured_under_them():
    model = tiny.load()
    neurons = torch.zeros(tiny.LAYERS, tiny.NEURONS, dtype=torch.bool)
    neurons[1, 3] = True
    intact = bx.probe(model, TEXTS["sw"]).card
    with bx.deactivate(model, neurons):
        changed = bx.probe(model, TEXTS["sw"]).card
    assert len(changed["interventions"]) == 1
    assert "interventions" not in intact
    assert card_hash(intact) != card_hash(changed)
    assert run_card("rank_bridges", changed)["interventions"] == changed["interventions"]


def test_data_card_counts_the_texts_of_each_language():
    known = data_card(TEXTS)
    assert known["texts"] == {"en": 1, "sw": 2}
    assert known == data_card({code: tuple(texts) for code, texts in TEXTS.items()})
    # A boundary that moves makes other data of the same letters.
    assert known["sha256"] != data_card(TEXTS | {"sw": ["Jua ni kali.Maji"]})["sha256"]
