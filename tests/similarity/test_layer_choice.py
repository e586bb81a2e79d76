"""Layers chosen from alignment and separability: each number by another formula, and the run against all runs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.models import layer_window
from bridgex_nb.similarity._layer_choice import _best_run

CODES = ["en", "sw", "tl", "zh"]
SENTENCES = {code: bx.core_sentences()[code][:9] for code in CODES}
DRAWS, SEED = 40, 5


@pytest.fixture(scope="module")
def evidence():
    model = tiny.load("llama")
    return bx.Evidence(model, bx.count_active(model, SENTENCES), 0.2, SENTENCES)


@pytest.fixture(scope="module")
def choice(evidence):
    return bx.choose_layers(evidence, resamples=DRAWS, seed=SEED)


@pytest.fixture(scope="module")
def vectors(evidence):
    """[K, L, S, N]"""
    return np.stack([bx.sentence_vectors(evidence.model, SENTENCES[code]).double().numpy() for code in CODES])


def r_squared(vectors):
    """Anderson's pseudo R squared of vectors [K, S, N], from distances between all of them and within each language."""

    def squares(points):
        return sum(((a - b) ** 2).sum() for a, b in combinations(points, 2)) / len(points)

    return 1 - sum(squares(of_language) for of_language in vectors) / squares(np.concatenate(vectors))


def scores(alignment, separability):
    def standardised(values):
        return (values - np.mean(values)) / (np.std(values) if np.ptp(values) > 1e-12 else np.inf)

    return standardised(alignment) - standardised(separability)


def all_runs(row):
    return {(i, j): sum(row[i:j]) for i, j in combinations(range(len(row) + 1), 2)}


def test_alignment_is_that_of_the_language_matrix(evidence, choice):
    expected = [
        np.mean([evidence.alignment[layer, i, j] for i, j in combinations(range(len(CODES)), 2)])
        for layer in range(evidence.model.num_layers)
    ]
    assert choice.by_layer.alignment.tolist() == pytest.approx(expected)
    assert (choice.by_layer.chance == 1 / 17).all()


def test_separability_from_distances(choice, vectors):
    expected = [r_squared(vectors[:, layer]) for layer in range(3)]
    assert choice.by_layer.separability.tolist() == pytest.approx(expected, rel=1e-6)


def test_separability_of_languages_that_do_not_differ_is_chance(choice):
    rng = np.random.default_rng(0)
    made = [r_squared(rng.normal(size=(len(CODES), 9, 400))) for _ in range(5)]
    assert choice.by_layer.separability_chance[0] == pytest.approx(np.mean(made), rel=0.03)


def test_the_chosen_run_has_the_largest_sum(choice):
    table = choice.by_layer
    assert table.score.tolist() == pytest.approx(scores(table.alignment, table.separability).tolist())
    runs = all_runs(table.score.tolist())
    assert (choice.layers.start, choice.layers.stop) == max(runs, key=runs.get)
    assert table.layer[table.chosen].tolist() == list(choice.layers)


def test_any_run_against_all_runs():
    rng = np.random.default_rng(1)
    for _ in range(300):
        row = rng.normal(size=rng.integers(1, 9))
        found, runs = _best_run(row), all_runs(row)
        assert sum(row[found.start : found.stop]) == pytest.approx(max(runs.values()))
    assert _best_run(np.array([0.0, 1, -1, 1, 0])) == range(1, 2)
    assert _best_run(np.array([-2.0, -1, -3])) == range(1, 2)


def test_draws_are_of_sentences_in_all_languages(choice, vectors):
    n = vectors.shape[2]
    draws = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    marks = {
        (layer, i, j): bx.aligned(*(torch.from_numpy(vectors[k, layer]) for k in (i, j))).numpy()
        for layer in range(3)
        for i, j in combinations(range(len(CODES)), 2)
    }
    chosen, drawn = np.zeros(3), []
    for draw in draws:
        picked = np.repeat(np.arange(n), draw)
        alignment = [np.mean([of[picked].mean() for (at, _, _), of in marks.items() if at == layer]) for layer in range(3)]
        row = scores(alignment, [r_squared(vectors[:, layer, picked]) for layer in range(3)])
        runs = all_runs(row)
        start, stop = max(runs, key=runs.get)
        chosen[start:stop] += 1
        drawn.append(row)
    assert choice.by_layer.share.tolist() == pytest.approx((chosen / DRAWS).tolist())
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0, method="weibull")
    assert choice.by_layer.low.tolist() == pytest.approx(low.tolist(), abs=1e-6)
    assert choice.by_layer.high.tolist() == pytest.approx(high.tolist(), abs=1e-6)


def test_the_window_holds_just_the_chosen_layers(choice):
    assert layer_window(3, choice.window) == choice.layers
    for depth in range(1, 81):
        for start, stop in combinations(range(depth + 1), 2):
            assert layer_window(depth, (start / depth, stop / depth)) == range(start, stop)


def test_hidden_states_are_another_choice(evidence, choice):
    hidden = bx.choose_layers(evidence, state="hidden", resamples=2)
    assert hidden.by_layer.separability.tolist() != choice.by_layer.separability.tolist()
    assert hidden.card["options"] == {"state": "hidden", "resamples": 2, "seed": 0}
    assert hidden.card["data"]["texts"] == dict.fromkeys(CODES, 9)


def test_layers_are_computed_once(evidence, choice):
    again = bx.choose_layers(evidence, resamples=DRAWS, seed=SEED)
    assert again.by_layer.equals(choice.by_layer)
    key = ("layer_profile", "binary", DRAWS, SEED)
    assert evidence._parts[key][0].shape == (1 + DRAWS, 3)


def test_bad_evidence_is_refused(evidence):
    with pytest.raises(bx.InputError, match="resamples=0"):
        bx.choose_layers(evidence, resamples=0)
    with pytest.raises(bx.InputError, match="unknown state 'neurons'"):
        bx.choose_layers(evidence, state="neurons")
    with pytest.raises(bx.InputError, match="no sentences of zh"):
        bx.choose_layers(replace(evidence, sentences={code: SENTENCES[code] for code in CODES[:3]}))
    english = {"en": SENTENCES["en"]}
    alone = bx.Evidence(evidence.model, bx.count_active(evidence.model, english), 0.2, english)
    with pytest.raises(bx.InputError, match="is of en only"):
        bx.choose_layers(alone)
