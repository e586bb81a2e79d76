"""Emergence: language matrices of the checkpoints of a model."""

import gc
import shutil
import weakref

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


def test_emergence_is_the_matrix_of_each_checkpoint(tmp_path, evidence):
    shutil.copytree(tiny.folder("llama"), tmp_path / "early")
    shutil.copytree(tiny.folder("gemma2"), tmp_path / "late")
    table = bx.emergence([tmp_path / "early", tmp_path / "late"], sentences=SENTENCES, rate=0.3, dtype="float32")
    assert table.groupby(["checkpoint", "kind"], sort=False).size().to_dict() == {
        (checkpoint, kind): 10 for checkpoint in ("early", "late") for kind in ("lift", "alignment")
    }
    for row in table[table.checkpoint == "early"].itertuples():
        assert row.value == pytest.approx(bx.language_matrix(evidence, row.kind).loc[row.a, row.b])
    assert table.attrs["card"]["options"]["checkpoints"]["late"]["weights_sha256"] != evidence.model.card["weights_sha256"]


def test_neurons_that_are_always_on_are_left_out(tmp_path):
    folder = tiny.always_on(tmp_path / "final")
    options = {"sentences": SENTENCES, "kinds": ["count"], "rate": 0.3, "dtype": "float32"}
    table, whole = (bx.emergence([folder], exclude=exclude, **options) for exclude in ("always_on", None))
    counts = bx.count_active(bx.load_model(folder), SENTENCES)
    sets = bx.top_neurons(counts, 0.3, "always_on")
    assert [row.value for row in table.itertuples()] == [int((sets[row.a] & sets[row.b]).sum()) for row in table.itertuples()]
    assert table.value.sum() < whole.value.sum()
    assert table.attrs["card"]["options"]["exclude"] == "always_on"
    with pytest.raises(bx.InputError, match="exclude='all'"):
        bx.emergence([folder], exclude="all", **options)


def test_bad_checkpoints_are_refused_before_a_model_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("bridgex_nb.models._load_model.TransformersModel", None)
    folder = tiny.folder("llama")
    with pytest.raises(bx.InputError, match="no such model folder"):
        bx.emergence([folder, tmp_path / "missing"])
    with pytest.raises(bx.InputError, match="every checkpoint needs a different name; 2 given, with names: llama"):
        bx.emergence([folder, folder])
    with pytest.raises(bx.InputError, match="list of checkpoint folders"):
        bx.emergence(folder)
    with pytest.raises(bx.InputError, match="revisions belong to one hub model"):
        bx.emergence([folder], ["step1"])
    with pytest.raises(bx.InputError, match="'colour'"):
        bx.emergence([folder], kinds=["colour"])
    with pytest.raises(bx.InputError, match="rate is a share"):
        bx.emergence([folder], rate=5)


def test_one_checkpoint_is_in_memory_at_a_time(tmp_path, monkeypatch):
    alive, at_load = [], []

    def load(*args, **options):
        at_load.append(sum(reference() is not None for reference in alive))
        model = bx.load_model(*args, **options)
        alive.append(weakref.ref(model.hf_model))
        return model

    monkeypatch.setattr("bridgex_nb.similarity._emergence.load_model", load)
    for name in ("one", "two", "three"):
        shutil.copytree(tiny.folder("llama"), tmp_path / name)
    gc.disable()  # it might free a model by chance
    try:
        bx.emergence([tmp_path / name for name in ("one", "two", "three")], sentences=SENTENCES, rate=0.3)
    finally:
        gc.enable()
    assert at_load == [0, 0, 0]


def test_revisions_of_one_hub_model(tmp_path, monkeypatch):
    cache = tmp_path / "models--tiny--steps"
    commits = {"step1": "1" * 40, "step2": "2" * 40}
    (cache / "refs").mkdir(parents=True)
    for (revision, commit), kind in zip(commits.items(), ("llama", "mistral"), strict=True):
        shutil.copytree(tiny.folder(kind), cache / "snapshots" / commit)
        (cache / "refs" / revision).write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    table = bx.emergence("tiny/steps", list(commits), sentences=SENTENCES, kinds=["lift"], rate=0.3)
    assert table.checkpoint.unique().tolist() == ["step1", "step2"]
    models = table.attrs["card"]["options"]["checkpoints"]
    assert {revision: model["revision"] for revision, model in models.items()} == commits


def test_alignment_of_bridgex_mini_emerged_in_training(mini):
    recorded = pd.read_csv(MINI / "emergence.csv")
    assert set(recorded.checkpoint) == {*train.CHECKPOINTS, train.STEPS}
    curve = recorded.pivot_table(index=["kind", "group"], columns="checkpoint", values="value")
    late, early = curve[train.STEPS], curve[train.CHECKPOINTS[0]]
    assert (late["alignment"] > 3 * early["alignment"]).all()
    assert late["alignment", "two bridges"] > 1.5 * late["alignment", "joined by an edge"]
    assert late["alignment", "joined by an edge"] > late["alignment", "no edge"]
    assert (late["lift"] < 0.6 * early["lift"]).all()
    # The last row belongs to the weights in the package. The log was recorded when special tokens were counted.
    words = {code: bx.core_words()[code][:100] for code in bx.BRIDGES}
    scores = bx.mutual_alignment(mini, words, special_tokens=True).mean(dim=0)
    above = scores[torch.triu(torch.ones_like(scores), 1).bool()]
    assert above.mean().item() == pytest.approx(late["alignment", "two bridges"], abs=0.005)
