"""Two processes under torchrun, connected by gloo, against one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bridgex_nb as bx

pytestmark = pytest.mark.slow

#: The same lines with and without torchrun; the first count is interrupted and then continues.
SCRIPT = """
import os, sys
from pathlib import Path
import torch
import bridgex_nb as bx

folder, rank = Path(sys.argv[1]), os.environ["RANK"]
model = bx.load_model()
texts = {code: sentences[:30] for code, sentences in bx.core_sentences().items()}
forwards = 0

def interrupt(module, inputs):
    global forwards
    forwards += 1
    if forwards == 2:
        raise KeyboardInterrupt

hook = model.hf_model.model.layers[1].register_forward_pre_hook(interrupt)
try:
    bx.count_active(model, texts, token_budget=1024, store=folder)
except KeyboardInterrupt:
    (folder / f"interrupted-{rank}").write_text("\\n".join(path.name for path in folder.glob(f"*.{rank}of2.progress")))
hook.remove()
counts = bx.count_active(model, texts, token_budget=1024, store=folder)
probe = bx.probe(model, bx.core_lexicon("sw", "tl"), token_budget=1024, store=folder)
counts.save(folder / f"mine-{rank}.counts")
probe.save(folder / f"mine-{rank}.probe")
# Eight sentences are one batch: the second process has none.
few = {code: sentences[:8] for code, sentences in texts.items() if code in ("en", "sw")}
torch.save({state: bx.mutual_alignment(model, few, state=state) for state in ("binary", "hidden")}, folder / f"{rank}.scores")
items = bx.task_items("bli", "sw", "tl", limit=20)
table = bx.answers(model, "bli", items, [None, "en"], token_budget=512, store=folder / "answers")
table.to_csv(folder / f"{rank}.answers", index=False)
# One prompt is one batch: the second process has none.
torch.save(bx.option_logprobs(model, ["moto:"], [['"fire"', '"water"']]), folder / f"{rank}.logprobs")
table = bx.transplant(model, ["Maji", "The sun is"], ["Water", "Jua ni"], [" ni", " hot"], token_budget=1)
table.to_csv(folder / f"{rank}.transplant")
"""


def torchrun(folder: Path, script: str) -> subprocess.CompletedProcess:
    (folder / "script.py").write_text(script)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        folder / "script.py",
        folder,
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(bx.__file__).parents[1])}  # the package that is tested here
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    done = torchrun(folder, SCRIPT)
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


@pytest.fixture(scope="module")
def alone(mini):
    texts = {code: sentences[:30] for code, sentences in bx.core_sentences().items()}
    return bx.count_active(mini, texts, token_budget=1024), bx.probe(mini, bx.core_lexicon("sw", "tl"), token_budget=1024)


@pytest.mark.parametrize("rank", [0, 1])
def test_counts_of_two_processes_are_those_of_one(folder, alone, rank):
    counts = bx.ActivationCounts.load(folder / f"mine-{rank}.counts")
    assert torch.equal(counts.active, alone[0].active)
    assert torch.equal(counts.tokens, alone[0].tokens)
    assert counts.languages == alone[0].languages


@pytest.mark.parametrize("rank", [0, 1])
def test_probe_of_two_processes_is_that_of_one(folder, alone, rank):
    probe = bx.ProbeActivations.load(folder / f"mine-{rank}.probe")
    assert torch.equal(probe.values, alone[1].values)
    assert probe.words == alone[1].words


@pytest.mark.parametrize("rank", [0, 1])
def test_alignment_if_a_process_has_no_batch(folder, mini, rank):
    few = {code: sentences[:8] for code, sentences in bx.core_sentences().items() if code in ("en", "sw")}
    for state, scores in torch.load(folder / f"{rank}.scores", weights_only=True).items():
        assert torch.equal(scores, bx.mutual_alignment(mini, few, state=state))


@pytest.mark.parametrize("rank", [0, 1])
def test_answers_of_two_processes_are_those_of_one(folder, mini, rank):
    items = bx.task_items("bli", "sw", "tl", limit=20)
    alone = bx.answers(mini, "bli", items, [None, "en"], token_budget=512)
    assert (folder / f"{rank}.answers").read_text() == alone.to_csv(index=False)
    assert torch.load(folder / f"{rank}.logprobs") == bx.option_logprobs(mini, ["moto:"], [['"fire"', '"water"']])
    # Two steps, each shared; one process finds what two have stored.
    assert len(list((folder / "answers").glob(f"completions-*.{rank}of2.jsonl"))) == 2
    found = bx.answers(mini, "bli", items, [None, "en"], token_budget=512, store=folder / "answers")
    assert found.equals(alone)
    assert not list((folder / "answers").glob("*of1.jsonl"))


@pytest.mark.parametrize("rank", [0, 1])
def test_transplants_of_two_processes_are_those_of_one(folder, mini, rank):
    alone = bx.transplant(mini, ["Maji", "The sun is"], ["Water", "Jua ni"], [" ni", " hot"], token_budget=1)
    assert (folder / f"{rank}.transplant").read_text() == alone.to_csv()


def test_two_processes_write_one_result_and_show_one_bar(folder, mini, monkeypatch):
    assert sorted(path.suffix for path in folder.glob("*-bridgex-mini-*")) == [".safetensors", ".safetensors"]
    shown = (folder / "stderr").read_text()
    assert shown.count("counting:   0%") == 1
    assert shown.count("probing:   0%") == 1
    assert shown.count("answering:   0%") == 1
    # One process finds what two have stored.
    monkeypatch.setattr("bridgex_nb.activations._active_tokens.run_pass", None)
    texts = {code: sentences[:30] for code, sentences in bx.core_sentences().items()}
    found = bx.count_active(mini, texts, store=folder)
    assert torch.equal(found.active, bx.ActivationCounts.load(folder / "mine-1.counts").active)


@pytest.mark.parametrize("rank", [0, 1])
def test_every_process_continues_from_its_own_progress(folder, rank):
    assert len((folder / f"interrupted-{rank}").read_text().splitlines()) == 1
    assert not list(folder.glob("*.progress"))
    assert not list(folder.glob(".*"))
