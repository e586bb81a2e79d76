"""Files of results, interrupted runs and what is left of them: real models, real kills."""

import json
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
from bridgex_nb.utils import _result_files as stores

TEXTS = {
    "en": [f"The sun is hot and sister number {i} drinks milk." for i in range(20)],
    "sw": [f"Jua ni kali, na dada wa {i} anakunywa maji." for i in range(20)],
}
PROMPTS = [text for some in TEXTS.values() for text in some]
BUDGET = 60  # a few rows: some 15 batches


def same(one, other):
    if isinstance(one, bx.ActivationCounts):
        return torch.equal(one.active, other.active) and torch.equal(one.tokens, other.tokens)
    return torch.equal(one.values, other.values) and one.words == other.words


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
    """Progress is written after every batch, or nearly."""
    monkeypatch.setattr(passes, "WRITE_EVERY", 0.0)
    monkeypatch.setattr(passes, "WRITE_SHARE", 1.0)


class Forwards:
    """Counts the forward passes of a model while it is open, and raises `error` at the one with number `fatal`."""

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


@pytest.mark.parametrize("keep", [None, torch.eye(tiny.LAYERS, tiny.NEURONS).bool()], ids=["all", "kept"])
def test_probe_survives_saving(tmp_path, model, keep):
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    probe = bx.probe(model, lexicon, keep=keep)
    probe.save(tmp_path / "probe.safetensors")
    again = bx.ProbeActivations.load(tmp_path / "probe.safetensors")
    assert same(again, probe)
    assert (again.src, again.tgt, again.card) == (probe.src, probe.tgt, probe.card)
    assert again.kept is None if keep is None else torch.equal(again.kept, keep)


def test_a_kind_of_result_is_not_read_as_another(tmp_path, model):
    probe(model).save(tmp_path / "probe")
    count(model).save(tmp_path / "counts")
    with pytest.raises(bx.InputError, match="probe"):
        bx.ActivationCounts.load(tmp_path / "probe")
    with pytest.raises(bx.InputError, match="counts"):
        bx.ProbeActivations.load(tmp_path / "counts")
    with pytest.raises(bx.InputError, match="none"):
        bx.ProbeActivations.load(tmp_path / "none")


def test_any_flipped_byte_is_noticed(tmp_path, model):
    path = tmp_path / "counts"
    counts = count(model)
    counts.save(path)
    content = path.read_bytes()
    for place in random.Random(0).sample(range(len(content)), 60):
        path.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            found = bx.ActivationCounts.load(path)
        except bx.InputError:
            continue
        assert same(found, counts)  # a letter of the run card
        assert place < 8 + int.from_bytes(content[:8], "little")


def test_failed_save_leaves_the_old_file(tmp_path, model, monkeypatch):
    counts = count(model)
    counts.save(tmp_path / "counts")

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        (counts - counts).save(tmp_path / "counts")
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


def test_every_option_has_a_result_of_its_own(tmp_path, model):
    keep = torch.eye(tiny.LAYERS, tiny.NEURONS).bool()
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    calls = [
        lambda: count(model, tmp_path),
        lambda: count(model, tmp_path, special_tokens=False),
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


def test_store_that_is_a_file(tmp_path, model):
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
    older = bx.NeuronModel(model.nnsight, model.architecture, model.site, model.card | {"versions": {"bridgex-nb": "0.0.1"}})
    count(older, tmp_path)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    with Forwards(model) as forwards, pytest.warns(UserWarning, match=r"not used, it is of bridgex-nb 0\.0\.1"):
        count(model, tmp_path)
    assert forwards.number > 0
    assert file.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_result_under_a_wrong_name_is_computed_again(tmp_path, model):
    right = count(model, tmp_path)
    (file,) = tmp_path.iterdir()
    count(model, special_tokens=False).save(file)
    with pytest.warns(UserWarning, match="special_tokens False and not True"):
        assert same(count(model, tmp_path), right)


def test_without_a_store_nothing_is_written(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count(model)
    probe(model)
    assert not list(tmp_path.iterdir())


# Interrupts


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("the GPU fell off the bus")])
def test_interrupted_run_goes_on_where_it_was(tmp_path, model, call, error):
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
        count(model, tmp_path, special_tokens=False)
    (theirs,) = tmp_path.iterdir()
    with Forwards(model, 5, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        count(model, tmp_path)
    (ours,) = set(tmp_path.iterdir()) - {theirs}
    theirs.rename(ours)
    with pytest.warns(UserWarning, match="another pass"):
        assert same(count(model, tmp_path), count(model))


#: A forked child would wait for ever for threads that only its parent has: such tests run in a process without any.
FRESH = "BRIDGEX_TEST_FORKS"
forks = pytest.mark.skipif(FRESH not in os.environ, reason="runs in the fresh process of test_what_forks")


@pytest.mark.skipif(os.name != "posix" or FRESH in os.environ, reason="needs fork")
def test_what_forks():
    command = [sys.executable, "-m", "pytest", __file__, "-n", "0", "-k", "kills or living or two_processes"]
    done = subprocess.run(
        command, env=os.environ | {FRESH: "1", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def fork(function):
    """A child that runs `function` and ends without pytest's own ending."""

    def run():
        tqdm.set_lock(threading.RLock())  # the lock of the bars' class is shared with the parent: a killed child would keep it
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
        if child.exitcode == 0:  # it was done: begin another
            for path in (tmp_path / "killed").iterdir():
                path.unlink()
        kills += child.exitcode == -signal.SIGKILL
        files = list((tmp_path / "killed").glob("*")) if (tmp_path / "killed").is_dir() else []
        inside += any(path.suffix == ".tmp" for path in files)
        for path in files:
            if path.suffix != ".tmp":  # whatever has its final name is whole
                stores.read(path)
    assert same(call(model, tmp_path / "killed"), whole)
    assert [path.suffix for path in (tmp_path / "killed").iterdir()] == [".safetensors"]
    print(f"{inside} of {kills} kills inside a write")


@forks
def test_half_written_file_of_a_living_process_is_left_alone(tmp_path, model):
    result = stores.place(tmp_path, "counts", model.card)
    mine = tmp_path / f".{result.name}.{stores.platform.node()}-{os.getpid()}.tmp"
    child = fork(lambda: None)
    child.join()
    dead = tmp_path / f".{result.stem}.60.0of1.progress.{stores.platform.node()}-{child.pid}.tmp"
    other = tmp_path / f".{result.name}.another-machine-{child.pid}.tmp"
    for path in (mine, dead, other):
        path.touch()
    stores.tidy(result)
    assert set(tmp_path.iterdir()) == {mine, other}


def test_result_that_another_process_removes_is_computed_again_without_a_word(tmp_path, model):
    whole = count(model, tmp_path)
    (path,) = tmp_path.iterdir()

    def load(path):
        path.unlink()
        return bx.ActivationCounts.load(path)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stores.fetch(path, whole.card, load) is None


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
    """A forward pass of more than `limit` padded tokens raises what a device without memory raises."""

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
def test_batches_halve_until_the_memory_holds_them(model, error):
    counts, values = bx.count_active(model, TEXTS), bx.probe(model, PROMPTS).values
    with LittleMemory(model, 100, error) as memory:
        assert same(bx.count_active(model, TEXTS), counts)
        assert 1 <= memory.refused <= 5  # the rest of the pass is small, too
        again = bx.probe(model, PROMPTS).values
    assert torch.allclose(again, values, rtol=1e-5, atol=1e-6)


def test_one_row_too_long_for_the_memory(model):
    with LittleMemory(model, 1, torch.OutOfMemoryError("CUDA out of memory")), pytest.raises(torch.OutOfMemoryError):
        bx.count_active(model, TEXTS)
    assert same(count(model), count(model))


def test_other_errors_are_not_taken_for_it(model):
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
    # The memory is free again: the batches that are left stay those of the first run.
    assert same(call(model, tmp_path), whole)


# Progress


def test_bar_counts_tokens(tmp_path, model, capsys):
    with Forwards(model, 6, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        count(model, tmp_path)
    capsys.readouterr()
    tokens = int(count(model, tmp_path).tokens.sum())
    shown = capsys.readouterr().err
    assert "counting" in shown
    assert "token/s" in shown
    assert f"/{tokens}" in shown or f"/{tokens / 1000:.2f}k" in shown or f"/{tokens:.0f}." in shown


# Files of the published scripts


def lape_files(folder, counts, tokens="n"):
    files = {}
    for code, active, seen in zip(counts.languages, counts.active, counts.tokens, strict=True):
        files[code] = folder / f"activation.{code}.train.mini.pt"
        torch.save({tokens: int(seen), "over_zero": active.int()}, files[code])
    return files


@pytest.mark.parametrize("tokens", ["n", "total_tokens"])
def test_lape_files(tmp_path, model, tokens):
    counts = count(model)
    again = bx.ActivationCounts.from_lape(lape_files(tmp_path, counts, tokens))
    assert again.languages == ("en", "sw")
    assert same(again, counts)
    assert again.card["data"]["files"]["en"] == "activation.en.train.mini.pt"
    json.dumps(again.card)
    assert {code: int(one.sum()) for code, one in bx.top_neurons(again, rate=0.1).items()} == {
        code: int(one.sum()) for code, one in bx.top_neurons(counts, rate=0.1).items()
    }
    again.save(tmp_path / "counts")
    assert same(bx.ActivationCounts.load(tmp_path / "counts"), counts)


class Danger:
    def __reduce__(self):
        return os.mkdir, ("danger",)


@pytest.mark.parametrize(
    "content",
    [
        {"n": 3},
        {"over_zero": torch.ones(2, 3)},
        {"over_zero": torch.ones(3), "n": 3},
        {"over_zero": torch.full((2, 3), 4), "n": 3},
        {"over_zero": torch.full((2, 3), 0.5), "n": 3},
        {"over_zero": torch.full((2, 3), -1), "n": 3},
        {"over_zero": torch.ones(4, 3).int(), "n": 3},
        torch.ones(2, 3),
        Danger(),
    ],
    ids=["no counts", "no tokens", "one layer", "too many", "not whole", "negative", "other shape", "no dict", "code"],
)
def test_lape_file_that_cannot_be_used(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"over_zero": torch.ones(2, 3).int(), "n": 3}, tmp_path / "good.pt")
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(bx.InputError, match=r"bad\.pt"):
        bx.ActivationCounts.from_lape({"en": tmp_path / "good.pt", "sw": tmp_path / "bad.pt"})
    assert not (tmp_path / "danger").exists()


def test_lape_file_that_is_none(tmp_path):
    (tmp_path / "text.pt").write_text("not tensors")
    for name in ("none.pt", "text.pt"):
        with pytest.raises(bx.InputError, match=name):
            bx.ActivationCounts.from_lape({"en": tmp_path / name})
    with pytest.raises(bx.InputError, match="language"):
        bx.ActivationCounts.from_lape({})
