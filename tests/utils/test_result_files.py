"""Result files and interrupted runs, with real models and real kills."""

import dataclasses
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest
import tiny
import torch
from tqdm.auto import tqdm

import bridgex_nb as bx
from bridgex_nb.inference import _passes as passes
from bridgex_nb.utils import _result_files as result_files

TEXTS = {
    "en": [f"The sun is hot and sister number {i} drinks milk." for i in range(20)],
    "sw": [f"Jua ni kali, na dada wa {i} anakunywa maji." for i in range(20)],
}
PROMPTS = [text for texts in TEXTS.values() for text in texts]
BUDGET = 60  # a few rows: about 15 batches


def same(result, expected):
    if isinstance(result, bx.ActivationCounts):
        return torch.equal(result.active, expected.active) and torch.equal(result.tokens, expected.tokens)
    return torch.equal(result.values, expected.values) and result.words == expected.words


def count(model, store=None, texts=TEXTS, **options):
    return bx.count_active(model, texts, token_budget=BUDGET, store=store, **options)


def probe(model, store=None, **options):
    return bx.probe(model, PROMPTS, token_budget=BUDGET, store=store, **options)


both = pytest.mark.parametrize("call", [count, probe])


@pytest.fixture
def model():
    return tiny.load()


@pytest.fixture
def write_often(monkeypatch):
    """Write progress after almost every batch."""
    monkeypatch.setattr(passes, "WRITE_EVERY", 0.0)
    monkeypatch.setattr(passes, "WRITE_SHARE", 1.0)


class Forwards:
    """Count the forward passes of a model inside a with block, and raise `error` at pass number `fatal`."""

    def __init__(self, model, fatal=-1, error=None):
        self.number, self.fatal, self.error, self.model = 0, fatal, error, model

    def __enter__(self):
        self.hook = self.model.hf_model.model.layers[1].register_forward_pre_hook(self.before)
        return self

    def before(self, module, inputs):
        self.number += 1
        if self.number == self.fatal:
            raise self.error

    def __exit__(self, *_):
        self.hook.remove()


# One file


def test_any_changed_byte_is_noticed(tmp_path, model):
    path = tmp_path / "counts"
    counts = count(model)
    counts.save(path)
    content = path.read_bytes()
    for position in random.Random(0).sample(range(len(content)), 60):
        path.write_bytes(content[:position] + bytes([content[position] ^ 16]) + content[position + 1 :])
        try:
            loaded = bx.ActivationCounts.load(path)
        except bx.InputError:
            continue
        assert same(loaded, counts)  # the byte was a letter of the run card
        assert position < 8 + int.from_bytes(content[:8], "little")


def test_failed_save_leaves_the_old_file(tmp_path, model, monkeypatch):
    counts = count(model)
    counts.save(tmp_path / "counts")

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        dataclasses.replace(counts, active=counts.active + 1).save(tmp_path / "counts")
    assert same(bx.ActivationCounts.load(tmp_path / "counts"), counts)
    assert [path.name for path in tmp_path.iterdir()] == ["counts"]


# A folder of results


@both
def test_nothing_is_computed_twice(tmp_path, model, call):
    plain = call(model)
    first = call(model, tmp_path / "new" / "folder")
    (file,) = (tmp_path / "new" / "folder").iterdir()
    assert type(first).load(file).card == first.card
    with Forwards(model) as forwards:
        second = call(model, tmp_path / "new" / "folder")
    assert forwards.number == 0
    assert same(first, plain)
    assert same(second, plain)
    assert second.card == first.card


def test_different_options_have_different_results(tmp_path, model):
    keep = torch.eye(tiny.LAYERS, tiny.NEURONS).bool()
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    calls = [
        lambda: count(model, tmp_path),
        lambda: count(model, tmp_path, special_tokens=True),
        lambda: count(model, tmp_path, texts=TEXTS | {"sw": TEXTS["sw"][:-1]}),
        lambda: count(tiny.load(site="gated"), tmp_path),
        lambda: count(tiny.load("qwen2"), tmp_path),
        lambda: probe(model, tmp_path),
        lambda: probe(model, tmp_path, keep=keep),
        lambda: probe(model, tmp_path, keep=~keep),
        lambda: probe(model, tmp_path, statistic="last"),
        lambda: probe(model, tmp_path, statistic="norm"),
        lambda: bx.probe(model, lexicon, store=tmp_path),
        lambda: bx.probe(model, ['kiswahili:"moto"→Tagalog:', 'kiswahili:"maji"→Tagalog:'], store=tmp_path),
    ]
    first = [call() for call in calls]
    assert len(list(tmp_path.iterdir())) == len(calls)
    for call, result in zip(calls, first, strict=True):
        again = call()
        assert again.card == result.card
        assert same(again, result)


def test_a_store_that_is_a_file_is_refused(tmp_path, model):
    (tmp_path / "file").touch()
    with Forwards(model) as forwards, pytest.raises(bx.InputError, match="file"):
        count(model, tmp_path / "file")
    assert forwards.number == 0


@both
@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text"])
def test_damaged_result_is_computed_again(tmp_path, model, call, damage):
    result = call(model, tmp_path)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    flipped = content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]
    file.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "flipped": flipped, "text": b"{}" * 100}[damage])
    with pytest.warns(UserWarning, match=r"safetensors: .*again"):
        again = call(model, tmp_path)
    assert same(again, result)
    assert same(type(result).load(file), result)


def test_result_of_another_version_is_named_and_not_used(tmp_path, model):
    counts = count(model)
    older = dataclasses.replace(counts, card=counts.card | {"versions": {"bridgex-nb": "0.0.1"}})
    file = result_files.result_path(tmp_path, "counts", older.card)
    older.save(file)
    content = file.read_bytes()
    with Forwards(model) as forwards, pytest.warns(UserWarning, match=r"not used, it is of bridgex-nb 0\.0\.1"):
        count(model, tmp_path)
    assert forwards.number > 0
    assert file.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_result_of_version_0_1_is_read_and_named(tmp_path, model):
    counts = count(model, parts=1)
    card = {key: value for key, value in counts.card.items() if key not in ("function", "options")}
    card |= {"special_tokens": False, "versions": {**card["versions"], "bridgex-nb": "0.0.1"}}
    older = dataclasses.replace(counts, card=card)
    file = result_files.result_path(tmp_path, "counts", card)
    older.save(file)
    again = bx.ActivationCounts.load(file)
    assert same(again, counts)
    assert again.card == card
    with pytest.warns(UserWarning, match=r"not used, it is of bridgex-nb 0\.0\.1 and not [\w.]+$"):
        count(model, tmp_path, parts=1)
    with warnings.catch_warnings():  # with other options the old result is not comparable
        warnings.simplefilter("error")
        count(model, tmp_path, special_tokens=True)


def test_differences_of_nested_cards_are_named():
    stored = {"options": {"seed": 1, "shots": {"count": 2}}, "data": {"texts": {"en": 3}}, "date": "2025-01-01"}
    wanted = {"options": {"seed": 1, "shots": {"count": 4}}, "data": {"texts": {"en": 3, "sw": 5}}, "date": "2026-01-01"}
    difference = result_files._difference(stored | {"function": "probe"}, wanted | {"function": "probe"})
    assert difference == "data texts sw missing and not 5, shots count 2 and not 4"


def test_result_under_a_wrong_name_is_computed_again(tmp_path, model):
    right = count(model, tmp_path)
    (file,) = tmp_path.iterdir()
    count(model, special_tokens=True).save(file)
    with pytest.warns(UserWarning, match="special_tokens True and not False"):
        assert same(count(model, tmp_path), right)


def test_without_a_store_nothing_is_written(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count(model)
    probe(model)
    assert not list(tmp_path.iterdir())


# Interrupts


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("the GPU fell off the bus")])
def test_interrupted_run_continues_where_it_stopped(tmp_path, model, call, error):
    with Forwards(model) as forwards:
        whole = call(model)
    every = forwards.number
    assert every >= 10
    for fatal in (4, 3):
        with Forwards(model, fatal, error), pytest.raises(type(error) if isinstance(error, Exception) else error):
            call(model, tmp_path)
        assert [path.suffix for path in tmp_path.iterdir()] == [".progress"]
    with Forwards(model) as forwards:
        result = call(model, tmp_path)
    assert forwards.number == every - 3 - 2
    assert same(result, whole)
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


@both
def test_damaged_progress_starts_over(tmp_path, model, call):
    with Forwards(model, 5, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        call(model, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"damaged.*starting over"):
        assert same(call(model, tmp_path), call(model))
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_progress_of_something_else_is_not_mixed_in(tmp_path, model):
    with Forwards(model, 5, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        count(model, tmp_path, special_tokens=True)
    (theirs,) = tmp_path.iterdir()
    with Forwards(model, 5, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        count(model, tmp_path)
    (ours,) = set(tmp_path.iterdir()) - {theirs}
    theirs.rename(ours)
    with pytest.warns(UserWarning, match="another pass"):
        assert same(count(model, tmp_path), count(model))


#: A forked child would wait forever for threads that only its parent has, so these tests run in a process without threads.
FRESH = "BRIDGEX_TEST_FORKS"
forks = pytest.mark.skipif(FRESH not in os.environ, reason="runs in the fresh process of test_tests_that_fork")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or FRESH in os.environ, reason="needs fork")
def test_tests_that_fork():
    command = [sys.executable, "-m", "pytest", __file__, "-n", "0", "-k", "kills or living or two_processes"]
    done = subprocess.run(
        command, env=os.environ | {FRESH: "1", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def fork(function):
    """A child process that runs `function` and exits without pytest's clean-up."""

    def run():
        tqdm.set_lock(threading.RLock())  # the bars' lock is shared with the parent: a killed child would keep it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        function()
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    return process


@forks
@both
def test_twenty_kills(tmp_path, model, call, write_often):
    whole = call(model)
    start = time.monotonic()
    timed = fork(lambda: call(model, tmp_path / "timed"))
    timed.join()
    length = time.monotonic() - start
    chance, kills, inside = random.Random(0), 0, 0
    while kills < 20:
        child = fork(lambda: call(model, tmp_path / "killed"))
        time.sleep(chance.uniform(0, length))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        if child.exitcode == 0:  # it finished before the kill: start another one
            for path in (tmp_path / "killed").iterdir():
                path.unlink()
        kills += child.exitcode == -signal.SIGKILL
        files = list((tmp_path / "killed").glob("*")) if (tmp_path / "killed").is_dir() else []
        inside += any(path.suffix == ".tmp" for path in files)
        for path in files:
            if path.suffix != ".tmp":  # every file with its final name is complete
                result_files.read(path)
    assert same(call(model, tmp_path / "killed"), whole)
    assert [path.suffix for path in (tmp_path / "killed").iterdir()] == [".safetensors"]
    print(f"{inside} of {kills} kills inside a write")


@forks
def test_half_written_file_of_a_living_process_is_left_alone(tmp_path, model):
    result = result_files.result_path(tmp_path, "counts", model.card)
    living = tmp_path / f".{result.name}.{result_files.platform.node()}-{os.getpid()}.tmp"
    child = fork(lambda: None)
    child.join()
    dead = tmp_path / f".{result.stem}.60.0of1.progress.{result_files.platform.node()}-{child.pid}.tmp"
    elsewhere = tmp_path / f".{result.name}.another-machine-{child.pid}.tmp"
    for path in (living, dead, elsewhere):
        path.touch()
    result_files.remove_leftovers(result)
    assert set(tmp_path.iterdir()) == {living, elsewhere}


def test_result_that_another_process_removes_is_computed_again_without_a_warning(tmp_path, model):
    whole = count(model, tmp_path)
    (path,) = tmp_path.iterdir()

    def load(path):
        path.unlink()
        return bx.ActivationCounts.load(path)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert result_files.load_matching(path, whole.card, load) is None


@forks
def test_two_processes_at_once(tmp_path, model, write_often):
    whole = count(model)

    def run():
        for _ in range(5):
            assert same(count(model, tmp_path), whole)
            for path in tmp_path.glob("*.safetensors"):
                path.unlink(missing_ok=True)

    children = [fork(run) for _ in range(2)]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    assert same(count(model, tmp_path), whole)
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


# Little memory


class LittleMemory:
    """Inside a with block, a forward pass of more than `limit` padded tokens raises what a device without memory raises."""

    def __init__(self, model, limit, error):
        self.model, self.limit, self.error, self.refused = model, limit, error, 0

    def __enter__(self):
        self.hook = self.model.hf_model.model.layers[1].register_forward_pre_hook(self.before)
        return self

    def before(self, module, inputs):
        if inputs[0].shape[0] * inputs[0].shape[1] > self.limit:
            self.refused += 1
            raise self.error

    def __exit__(self, *_):
        self.hook.remove()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"
        ),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_batches_are_halved_until_they_fit_into_memory(model, error):
    counts, values = bx.count_active(model, TEXTS), bx.probe(model, PROMPTS).values
    with LittleMemory(model, 100, error) as memory:
        assert same(bx.count_active(model, TEXTS), counts)
        assert 1 <= memory.refused <= 5  # the rest of the pass keeps the smaller size
        again = bx.probe(model, PROMPTS).values
    assert torch.allclose(again, values, rtol=1e-5, atol=1e-6)


def test_one_row_that_does_not_fit_into_memory(model):
    with LittleMemory(model, 1, torch.OutOfMemoryError("CUDA out of memory")), pytest.raises(torch.OutOfMemoryError):
        bx.count_active(model, TEXTS)
    assert same(count(model), count(model))


def test_other_errors_are_not_mistaken_for_little_memory(model):
    with LittleMemory(model, 1, RuntimeError("shapes do not match")) as memory, pytest.raises(RuntimeError, match="shapes"):
        bx.count_active(model, TEXTS)
    assert memory.refused == 1


@both
def test_halved_run_resumes_with_the_same_batches(tmp_path, model, call):
    error = torch.OutOfMemoryError("CUDA out of memory")
    with LittleMemory(model, 40, error):
        whole = call(model)
        with Forwards(model, 9, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            call(model, tmp_path)
    # Memory is free again, but the remaining batches are still those of the first run.
    assert same(call(model, tmp_path), whole)


# Progress


def test_bar_counts_tokens(tmp_path, model, capsys):
    with Forwards(model, 6, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        count(model, tmp_path)
    capsys.readouterr()
    count(model, tmp_path)
    tokens = sum(len(model.tokenizer(text)["input_ids"]) for texts in TEXTS.values() for text in texts)  # all that are read
    shown = capsys.readouterr().err
    assert "counting" in shown
    assert "token/s" in shown
    assert f"/{tokens}" in shown or f"/{tokens / 1000:.2f}k" in shown or f"/{tokens:.0f}." in shown
