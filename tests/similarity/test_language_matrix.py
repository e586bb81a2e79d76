"""Language matrices of every kind."""

import warnings

import numpy as np
import pandas as pd
import pytest
import tiny

import bridgex_nb as bx
from bridgex_nb.similarity._language_matrix import matrix_without_warnings

CODES = ["en", "de", "sw", "tl", "id"]
SENTENCES = {code: texts[:10] for code, texts in bx.core_sentences().items() if code in CODES}


@pytest.fixture(scope="module")
def evidence():
    model = tiny.load("llama")
    return bx.Evidence(model, bx.count_active(model, SENTENCES), 0.3, SENTENCES)


def symmetric(n, seed):
    values = np.random.default_rng(seed).normal(size=(n, n))
    codes = list(bx.LANGUAGES)[:n]
    return pd.DataFrame(values + values.T, index=codes, columns=codes)


# Matrices


@pytest.mark.parametrize("kind", list(bx.SPECTRA))
def test_every_kind_is_a_symmetric_matrix_of_the_languages(evidence, kind):
    for window in ((0, 1), (1 / 3, 2 / 3)):
        matrix = bx.language_matrix(evidence, kind, window)
        assert list(matrix.index) == list(matrix.columns) == list(evidence.counts.languages)
        assert np.allclose(matrix, matrix.T, equal_nan=True)
        off = matrix.to_numpy(float)[~np.eye(len(matrix), dtype=bool)]
        assert np.isfinite(off).all()
        assert len(set(off.round(9))) > 1
        card = matrix.attrs["card"]
        assert (card["function"], card["options"]["kind"], card["options"]["window"]) == ("language_matrix", kind, list(window))
        assert card["weights_sha256"] == evidence.model.card["weights_sha256"]
        assert card.get("options", {}).get("rate") == (None if kind in ("cosine", "alignment") else 0.3)


@pytest.mark.parametrize("kind", ["count", "jaccard", "lift"])
def test_overlap_of_all_layers_and_of_one(evidence, kind):
    pd.testing.assert_frame_equal(bx.language_matrix(evidence, kind), bx.overlap_matrix(evidence.sets, kind))
    middle = {code: neuron_set[1:2] for code, neuron_set in evidence.sets.items()}
    pd.testing.assert_frame_equal(bx.language_matrix(evidence, kind, (1 / 3, 2 / 3)), bx.overlap_matrix(middle, kind))


def test_counts_of_the_bands_add_up(evidence):
    bands = [bx.language_matrix(evidence, "count", (band / 3, (band + 1) / 3)) for band in range(3)]
    pd.testing.assert_frame_equal(sum(bands), bx.language_matrix(evidence, "count"))


def test_cosine_agrees_with_numpy(evidence):
    p = evidence.counts.probability[:, 2:].flatten(1).numpy()
    codes = evidence.counts.languages
    for i, a in enumerate(codes):
        for j, b in enumerate(codes):
            expected = p[i] @ p[j] / np.linalg.norm(p[i]) / np.linalg.norm(p[j])
            assert bx.language_matrix(evidence, "cosine", (2 / 3, 1)).loc[a, b] == pytest.approx(expected)


def test_hsic_is_the_spectrum_within_languages_over_all_sentences(evidence):
    probe = bx.probe(evidence.model, [text for code in evidence.counts.languages for text in SENTENCES[code]])
    languages = [code for code in evidence.counts.languages for _ in SENTENCES[code]]
    expected = bx.spectrum(probe, evidence.sets, languages=languages, window=(0, 1))
    pd.testing.assert_frame_equal(bx.language_matrix(evidence, "hsic"), expected, rtol=1e-4)


def test_alignment_is_that_of_each_pivot(evidence):
    matrix = bx.language_matrix(evidence, "alignment")
    for pivot in evidence.counts.languages:
        scores = bx.alignment(evidence.model, SENTENCES, pivot, resamples=1).table.set_index("language").score
        assert matrix.loc[pivot, scores.index].tolist() == pytest.approx(scores.tolist())


def test_bad_input_is_refused_before_the_model_runs(evidence, monkeypatch):
    with pytest.raises(bx.InputError, match="'colour'; choose from count"):
        bx.language_matrix(evidence, "colour")
    for function in ("probe", "mutual_alignment"):
        monkeypatch.setattr(f"bridgex_nb.similarity._evidence.{function}", None)
    fresh = bx.Evidence(evidence.model, evidence.counts, 0.3, SENTENCES)
    for kind in ("lift", "alignment", "hsic"):
        with pytest.raises(bx.InputError, match="no layer"):
            bx.language_matrix(fresh, kind, (0.5, 0.5))
    bare = bx.Evidence(evidence.model, evidence.counts, 0.3, {"en": SENTENCES["en"]})
    with pytest.raises(bx.InputError, match="no sentences of de, id"):
        bx.language_matrix(bare, "alignment")
    assert bx.language_matrix(bare, "lift").shape == (5, 5)


def test_a_thread_can_compare_without_warnings(evidence):
    """Warning filters belong to the whole process, so a thread cannot silence its own warnings."""
    sentences = {code: ["one", "one"] for code in evidence.counts.languages}  # the same everywhere, so every neuron is constant
    fresh = bx.Evidence(evidence.model, evidence.counts, 0.3, sentences)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        matrix, notes = matrix_without_warnings(fresh, "hsic", (0.0, 1.0))
        assert not caught
        loud = bx.language_matrix(fresh, "hsic")
    assert [str(warning.message) for warning in caught] == notes
    assert "constant" in notes[0]
    assert list(loud.attrs) == ["card"]
    assert loud.equals(matrix)
