"""`remote="local"`: nnsight packs a trace as it does for NDIF, unpacks it without this package, and runs it here."""

import io
import json
import shutil
import sys

import numpy as np
import pytest
import tiny
import torch
from nnsight.intervention.backends.local import LocalSimulationBackend
from nnsight.intervention.backends.remote import RemoteBackend
from nnsight.schema.request import RequestModel

import bridgex_nb as bx

TEXTS = {
    "en": ["The sun is hot.", "I drink water every day, and my sister drinks milk.", "Fire!"],
    "sw": ["Jua ni kali leo.", "Maji", "Ninakunywa maji kila siku, na dada yangu anakunywa maziwa."],
}
PROMPTS = [text for some in TEXTS.values() for text in some]


@pytest.fixture
def sent(monkeypatch):
    """One entry per trace that nnsight packed."""
    calls = []
    send = LocalSimulationBackend.__call__
    monkeypatch.setattr(LocalSimulationBackend, "__call__", lambda self, tracer: (calls.append(1), send(self, tracer))[1])
    return calls


@pytest.mark.parametrize("site", ["act", "gated"])
@pytest.mark.parametrize("kind", ["llama", "gemma2"])
@pytest.mark.parametrize("special_tokens", [True, False])
def test_remote_results_are_those_of_a_local_model(kind, site, special_tokens, sent):
    here, there = tiny.load(kind, site), bx.load_model(tiny.folder(kind), site=site, remote="local")
    options = {"special_tokens": special_tokens, "token_budget": 60}
    counts, far = (bx.count_active(model, TEXTS, **options) for model in (here, there))
    assert torch.equal(far.active, counts.active)
    assert torch.equal(far.tokens, counts.tokens)
    keep = torch.rand(tiny.LAYERS, tiny.NEURONS, generator=torch.Generator().manual_seed(0)) < 0.2
    keep[1] = False
    for kept in (None, keep):
        values, far = (bx.probe(model, PROMPTS, keep=kept, **options).values for model in (here, there))
        assert torch.equal(far, values)
    assert len(sent) >= 6


def test_remote_model_that_is_not_finite():
    model = bx.load_model(tiny.folder("llama"), remote="local")
    model.hf_model.model.layers[1].mlp.gate_proj.weight.data[5] = float("nan")
    with pytest.raises(bx.InputError, match="not finite"):
        bx.count_active(model, TEXTS)


def test_the_whole_study_on_a_remote_model(mini, sent):
    far = bx.load_model(remote="local")
    lexicon = bx.core_lexicon("sw", "tl")
    lexicon = bx.Lexicon("sw", "tl", dict(list(lexicon.entries.items())[:30]))
    texts = {code: some[:10] for code, some in bx.core_sentences().items()}
    tables = [
        bx.rank_bridges(bx.probe(model, lexicon), bx.top_neurons(bx.count_active(model, texts), rate=0.05)).table
        for model in (mini, far)
    ]
    assert tables[0].equals(tables[1])
    assert sent
    words = bx.Lexicon("sw", "tl", dict(list(lexicon.entries.items())[:5]))
    assert bx.known_words(far, words).entries == bx.known_words(mini, words).entries


# remote=True: the tests play the machine that has the weights


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The id of a model in the cache of the Hugging Face hub, and its commit."""
    commit = "0123456789" * 4
    place = tmp_path / "models--tiny--llama"
    shutil.copytree(tiny.folder("llama"), place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return "tiny/llama", commit


@pytest.fixture
def machine(monkeypatch):
    """Runs what a remote model sends on a model with weights; (bytes received, bytes returned) per trace."""
    model = tiny.load("llama")
    travelled = []

    def request(self, envelope, tracer):
        blob = self._serialize(tracer)
        hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "bridgex_nb"}
        try:
            sent = RequestModel.deserialize(blob, model.nnsight._remoteable_persistent_objects(), self.compress)
        finally:
            sys.modules.update(hidden)
        frame = sent.info.frame
        sent.execute(sent.info.code)
        answer = io.BytesIO()
        torch.save({"reduced": frame.f_locals["reduced"]}, answer)
        travelled.append((len(blob), answer.tell()))
        return torch.load(io.BytesIO(answer.getvalue()), weights_only=True)

    monkeypatch.setattr(RemoteBackend, "request", request)
    monkeypatch.setattr("nnsight.TransformersModel.to_model_key", lambda self: "tiny")
    return travelled


def test_remote_model_without_weights(hub, machine):
    name, commit = hub
    here, there = tiny.load("llama"), bx.load_model(name, remote=True)
    assert {parameter.device.type for parameter in there.hf_model.parameters()} == {"meta"}
    assert (there.num_layers, there.num_neurons, there.max_tokens) == (tiny.LAYERS, tiny.NEURONS, tiny.POSITIONS)
    assert (there.card["revision"], there.card["remote"]) == (commit, True)
    json.dumps(there.card)
    counts, far = bx.count_active(here, TEXTS), bx.count_active(there, TEXTS)
    assert torch.equal(far.active, counts.active)
    assert torch.equal(far.tokens, counts.tokens)
    for statistic in ("mean", "last", "norm"):
        values, far = (bx.probe(model, PROMPTS, statistic=statistic).values for model in (here, there))
        assert torch.equal(far, values)
    whole = 4 * tiny.LAYERS * tiny.NEURONS * int(counts.tokens.sum())
    assert all(back < whole / 4 for _, back in machine)


def test_interventions_are_sent_along(hub, machine):
    here, there = tiny.load("llama"), bx.load_model(hub[0], remote=True)
    random = torch.Generator().manual_seed(0)
    one, other = (torch.rand(tiny.LAYERS, tiny.NEURONS, generator=random) < 0.3 for _ in range(2))
    one[1] = False
    values = torch.rand(tiny.LAYERS, tiny.NEURONS, generator=random)

    def results(model):
        with bx.deactivate(model, one), bx.amplify(model, other, 2.0), bx.set_activation(model, ~one & ~other, values):
            probe = bx.probe(model, PROMPTS, keep=~one)  # only layer 1 is read whole
            return (
                bx.count_active(model, TEXTS).active,
                probe.values,
                bx.loglikelihood(model, PROMPTS).logprob,
                bx.alignment(model, TEXTS, state="hidden", resamples=10).table.score,
            )

    for near, far in zip(results(here), results(there), strict=True):
        assert np.allclose(near, far, rtol=1e-6, atol=1e-6)  # here, the vocabulary is read in pieces
    intact = bx.loglikelihood(here, PROMPTS).logprob
    assert np.allclose(bx.loglikelihood(there, PROMPTS).logprob, intact, rtol=1e-6)
    with bx.deactivate(there, one, positions="generated"):  # texts that are read are prompts
        assert np.allclose(bx.loglikelihood(there, PROMPTS).logprob, intact, rtol=1e-6)
    with bx.deactivate(there, one, positions="prompt"):
        assert (bx.loglikelihood(there, PROMPTS).logprob != intact).all()


def test_text_is_not_generated_without_weights(hub):
    model = bx.load_model(hub[0], remote=True)
    with pytest.raises(bx.InputError, match="remote="):
        bx.complete(model, ["The sun"])
    with pytest.raises(bx.InputError, match="remote="):
        bx.known_words(model, bx.Lexicon("sw", "tl", {"moto": ["apoy"]}))
    with pytest.raises(bx.InputError, match="remote="):
        bx.transplant(model, ["The sun"], ["Jua"], [" hot"])


def test_the_card_of_a_hub_model_has_its_commit(hub):
    name, commit = hub
    assert bx.load_model(name).card["revision"] == commit


@pytest.mark.parametrize("remote", [True, "https://ndif.example"])
def test_folder_on_a_remote_machine(remote):
    with pytest.raises(bx.InputError, match="hub id"):
        bx.load_model(tiny.folder("llama"), remote=remote)


def test_unknown_remote():
    with pytest.raises(bx.InputError, match="'there'"):
        bx.load_model(tiny.folder("llama"), remote="there")


@pytest.mark.parametrize("dtype", ["nf4", "int8", "fp8"])
def test_quantised_loading_is_left_to_nnsight(dtype, monkeypatch):
    given = {}

    def load(source, **options):
        given.update(options)
        raise RuntimeError("loaded")

    monkeypatch.setattr("bridgex_nb.models._load_model.TransformersModel", load)
    with pytest.raises(RuntimeError, match="loaded"):
        bx.load_model(tiny.folder("llama"), dtype=dtype)
    assert given["dtype"] == dtype
