"""Language matrices of every kind, Mantel tests, and emergence over checkpoints."""

import gc
import shutil
import weakref

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.mini import train
from bridgex_nb.models._load_model import MINI

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


@pytest.mark.parametrize("kind", ["count", "jaccard", "lift"])
def test_overlap_of_all_layers_and_of_one(evidence, kind):
    pd.testing.assert_frame_equal(bx.language_matrix(evidence, kind), bx.overlap_matrix(evidence.sets, kind))
    one = {code: mask[1:2] for code, mask in evidence.sets.items()}
    pd.testing.assert_frame_equal(bx.language_matrix(evidence, kind, (1 / 3, 2 / 3)), bx.overlap_matrix(one, kind))


def test_counts_of_the_bands_add_up(evidence):
    bands = [bx.language_matrix(evidence, "count", (band / 3, (band + 1) / 3)) for band in range(3)]
    pd.testing.assert_frame_equal(sum(bands), bx.language_matrix(evidence, "count"))


def test_cosine_by_numpy(evidence):
    p = evidence.counts.probability[:, 2:].flatten(1).numpy()
    codes = evidence.counts.languages
    for i, one in enumerate(codes):
        for j, other in enumerate(codes):
            expected = p[i] @ p[j] / np.linalg.norm(p[i]) / np.linalg.norm(p[j])
            assert bx.language_matrix(evidence, "cosine", (2 / 3, 1)).loc[one, other] == pytest.approx(expected)


def test_hsic_is_the_spectrum_over_all_sentences(evidence):
    probe = bx.probe(evidence.model, [text for code in evidence.counts.languages for text in SENTENCES[code]])
    expected = bx.spectrum(probe, evidence.sets, window=(0, 1), estimator="normalized")
    pd.testing.assert_frame_equal(bx.language_matrix(evidence, "hsic"), expected, rtol=1e-4)


def test_alignment_is_that_with_each_pivot(evidence):
    matrix = bx.language_matrix(evidence, "alignment")
    for pivot in evidence.counts.languages:
        scores = bx.alignment(evidence.model, SENTENCES, pivot, resamples=1).table.set_index("language").score
        assert matrix.loc[pivot, scores.index].tolist() == pytest.approx(scores.tolist())


def test_what_no_matrix_can_be_made_of(evidence):
    with pytest.raises(bx.InputError, match="'colour'; there are count"):
        bx.language_matrix(evidence, "colour")
    fresh = bx.Evidence(evidence.model, evidence.counts, 0.3, SENTENCES)
    for kind in ("lift", "alignment", "hsic"):
        with pytest.raises(bx.InputError, match="no layer"):
            bx.language_matrix(fresh, kind, (0.5, 0.5))
    assert not {"alignment", "shared_probe"} & set(vars(fresh))  # the model did not run
    bare = bx.Evidence(evidence.model, evidence.counts, 0.3, {"en": SENTENCES["en"]})
    with pytest.raises(bx.InputError, match="hold no de, id"):
        bx.language_matrix(bare, "alignment")
    assert bx.language_matrix(bare, "lift").shape == (5, 5)


# Agreement


def test_agreement_is_positive_for_what_it_is_made_of():
    noise = symmetric(15, 0) * 0.1
    families = bx.agreement(bx.same_family() + noise).set_index("reference")
    assert families.r["family"] > 0.9
    assert families.p["family"] == 1 / 1000
    typology = bx.agreement(noise - bx.typological_distance()).set_index("reference")
    assert typology.r["typology"] > 0.5
    assert (typology.languages == 15).all()


def test_same_family_is_the_languages_own():
    table = bx.same_family()
    for one in bx.LANGUAGES.values():
        for other in bx.LANGUAGES.values():
            assert table.loc[one.code, other.code] == (one.family == other.family)


def test_a_language_without_values_is_left_out():
    matrix = symmetric(8, 0)
    matrix.loc["fr"] = matrix["fr"] = np.nan
    expected = bx.agreement(matrix.drop(index="fr", columns="fr"))
    pd.testing.assert_frame_equal(bx.agreement(matrix), expected)
    assert expected.languages.tolist() == [7, 7]


def test_agreement_by_depth_is_that_of_each_band(evidence):
    table = bx.agreement_by_depth(evidence, ["lift", "alignment"], bands=3, permutations=50)
    assert len(table) == 2 * 3 * 2
    for (kind, start, end), rows in table.groupby(["kind", "start", "end"]):
        matrix = bx.language_matrix(evidence, kind, (start, end))
        expected = bx.agreement(matrix, permutations=50)
        assert rows.r.tolist() == pytest.approx(expected.r.tolist())
        assert rows.p.tolist() == expected.p.tolist()
        values = matrix.to_numpy(float)[np.triu_indices(5, 1)]
        assert rows.similarity.to_numpy() == pytest.approx(values.mean())
        alike = [matrix.loc["en", "de"], matrix.loc["id", "tl"]]
        assert rows.family_similarity.to_numpy() == pytest.approx(np.mean(alike))


def test_own_references_and_too_many_bands(evidence):
    lift = bx.language_matrix(evidence, "lift")
    table = bx.agreement_by_depth(evidence, ["lift"], bands=1, references={"itself": lift}, permutations=20)
    assert table.reference.tolist() == ["itself"]
    assert table.r[0] == pytest.approx(1)
    with pytest.raises(bx.InputError, match="bands=4: the model has 3 layers"):
        bx.agreement_by_depth(evidence, bands=4)
    with pytest.raises(bx.InputError, match="no kind of language matrix; there are count"):
        bx.agreement_by_depth(evidence, [])


def test_languages_that_are_not_among_the_fifteen(evidence):
    texts = {{"sw": "xh", "tl": "vi"}.get(code, code): some for code, some in SENTENCES.items()}
    other = bx.Evidence(evidence.model, bx.count_active(evidence.model, texts), 0.3, texts)
    lift = bx.language_matrix(other, "lift")
    table = bx.agreement_by_depth(other, ["lift"], 1, {"itself": lift}, permutations=20)
    assert table.family_similarity[0] == pytest.approx(lift.loc["en", "de"])  # the only two of one family
    assert table.languages[0] == 5
    with pytest.raises(bx.InputError, match=r"lift, depth 0\.00 to 1\.00: 3 item"):
        bx.agreement_by_depth(other, ["lift"], 1)


# Emergence


def test_emergence_is_the_matrix_of_each_checkpoint(tmp_path, evidence):
    shutil.copytree(tiny.folder("llama"), tmp_path / "early")
    shutil.copytree(tiny.folder("gemma2"), tmp_path / "late")
    table = bx.emergence([tmp_path / "early", tmp_path / "late"], sentences=SENTENCES, rate=0.3, dtype="float32")
    assert table.groupby(["checkpoint", "kind"], sort=False).size().to_dict() == {
        (checkpoint, kind): 10 for checkpoint in ("early", "late") for kind in ("lift", "alignment")
    }
    for row in table[table.checkpoint == "early"].itertuples():
        assert row.value == pytest.approx(bx.language_matrix(evidence, row.kind).loc[row.a, row.b])
    assert table.attrs["card"]["checkpoints"]["late"]["weights_sha256"] != evidence.model.card["weights_sha256"]


def test_checkpoints_that_are_not_there_are_told_before_a_model_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("bridgex_nb.models._load_model.TransformersModel", None)
    folder = tiny.folder("llama")
    with pytest.raises(bx.InputError, match="no such model folder"):
        bx.emergence([folder, tmp_path / "missing"])
    with pytest.raises(bx.InputError, match="names of their own"):
        bx.emergence([folder, folder])
    with pytest.raises(bx.InputError, match="list of checkpoint folders"):
        bx.emergence(folder)
    with pytest.raises(bx.InputError, match="revisions are of one hub model"):
        bx.emergence([folder], ["step1"])
    with pytest.raises(bx.InputError, match="'colour'"):
        bx.emergence([folder], kinds=["colour"])


def test_one_checkpoint_is_in_memory_at_a_time(tmp_path, monkeypatch):
    alive, at_load = [], []

    def load(*args, **options):
        at_load.append(sum(one() is not None for one in alive))
        model = bx.load_model(*args, **options)
        alive.append(weakref.ref(model.hf_model))
        return model

    monkeypatch.setattr("bridgex_nb.similarity._emergence.load_model", load)
    for name in ("one", "two", "three"):
        shutil.copytree(tiny.folder("llama"), tmp_path / name)
    gc.disable()  # what it would clear away by chance
    try:
        bx.emergence([tmp_path / name for name in ("one", "two", "three")], sentences=SENTENCES, rate=0.3)
    finally:
        gc.enable()
    assert at_load == [0, 0, 0]


def test_revisions_of_one_hub_model(tmp_path, monkeypatch):
    place = tmp_path / "models--tiny--steps"
    commits = {"step1": "1" * 40, "step2": "2" * 40}
    (place / "refs").mkdir(parents=True)
    for (revision, commit), kind in zip(commits.items(), ("llama", "mistral"), strict=True):
        shutil.copytree(tiny.folder(kind), place / "snapshots" / commit)
        (place / "refs" / revision).write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    table = bx.emergence("tiny/steps", list(commits), sentences=SENTENCES, kinds=["lift"], rate=0.3)
    assert table.checkpoint.unique().tolist() == ["step1", "step2"]
    cards = table.attrs["card"]["checkpoints"]
    assert {revision: card["revision"] for revision, card in cards.items()} == commits


def test_alignment_of_bridgex_mini_emerged_in_training(mini):
    kept = pd.read_csv(MINI / "emergence.csv")
    assert set(kept.checkpoint) == {*train.CHECKPOINTS, train.STEPS}
    curve = kept.pivot_table(index=["kind", "group"], columns="checkpoint", values="value")
    late, early = curve[train.STEPS], curve[train.CHECKPOINTS[0]]
    assert (late["alignment"] > 3 * early["alignment"]).all()
    assert late["alignment", "two bridges"] > 1.5 * late["alignment", "joined by an edge"]
    assert late["alignment", "joined by an edge"] > late["alignment", "no edge"]
    assert (late["lift"] < 0.6 * early["lift"]).all()
    # The last row is of the weights in the package.
    words = {code: bx.core_words()[code][:100] for code in bx.BRIDGES}
    scores = bx.mutual_alignment(mini, words).mean(dim=0)
    above = scores[torch.triu(torch.ones_like(scores), 1).bool()]
    assert above.mean().item() == pytest.approx(late["alignment", "two bridges"], abs=0.005)
