"""Answers are stored as they come: an interrupted or killed run continues, with the same results."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bridgex_nb as bx
from bridgex_nb.inference._asking import ask

PAIRS, BRIDGES = [("sw", "tl"), ("ar", "he")], [None, "en", "fr"]
BUDGET = 1024  # about twenty batches


@pytest.fixture(scope="module")
def lexicons():
    return [lexicon.keep(list(lexicon.entries)[:25]) for lexicon in (bx.core_lexicon(*pair) for pair in PAIRS)]


@pytest.fixture(scope="module")
def whole(mini, lexicons):
    return bx.answers(mini, "bli", lexicons, BRIDGES, token_budget=BUDGET)


class Forwards:
    """Counts the forwards of a model, and interrupts one of them."""

    def __init__(self, model, stop_at=None):
        self.count, self.stop_at = 0, stop_at
        self.hook = model.hf_model.model.layers[3].register_forward_pre_hook(self.see)

    def see(self, module, args):
        self.count += 1
        if self.count == self.stop_at:
            raise KeyboardInterrupt

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.hook.remove()


def test_an_interrupted_run_continues(mini, lexicons, whole, tmp_path):
    with Forwards(mini) as all_of_them:
        bx.answers(mini, "bli", lexicons, BRIDGES, token_budget=BUDGET)
    for _ in range(2):
        with Forwards(mini, all_of_them.count // 3), pytest.raises(KeyboardInterrupt):
            bx.answers(mini, "bli", lexicons, BRIDGES, token_budget=BUDGET, store=tmp_path)
    with Forwards(mini) as rest:
        assert bx.answers(mini, "bli", lexicons, BRIDGES, token_budget=BUDGET, store=tmp_path).equals(whole)
    assert rest.count < all_of_them.count / 2
    with Forwards(mini) as nothing:
        assert bx.answers(mini, "bli", lexicons, BRIDGES, token_budget=BUDGET, store=tmp_path).equals(whole)
    assert nothing.count == 0


KILLED = """
import os, signal, sys
import bridgex_nb as bx

model, layer = bx.load_model(), 0
def kill(module, args):
    global layer
    layer += 1
    if layer == 60:
        os.kill(os.getpid(), signal.SIGKILL)
model.hf_model.model.layers[3].register_forward_pre_hook(kill)
lexicons = [bx.core_lexicon(*pair) for pair in (("sw", "tl"), ("ar", "he"))]
lexicons = [lexicon.keep(list(lexicon.entries)[:25]) for lexicon in lexicons]
bx.answers(model, "bli", lexicons, [None, "en", "fr"], token_budget=1024, store=sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_run_continues(mini, lexicons, whole, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(bx.__file__).parents[1])}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], env=environment, capture_output=True, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = max(tmp_path.glob("*.0of1.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    before = left.read_bytes()
    assert before.count(b"\n") >= 1
    # As a kill in the middle of a write leaves it.
    left.write_bytes(before[:-20])
    assert bx.answers(mini, "bli", lexicons, BRIDGES, token_budget=BUDGET, store=tmp_path).equals(whole)
    assert bx.answers(mini, "bli", lexicons, BRIDGES, token_budget=BUDGET, store=tmp_path).equals(whole)


def test_likelihoods_are_stored_too(mini, tmp_path):
    prompts = [f"{word}:" for word in ("moto", "maji", "jua")] * 4
    options = [['"fire"', '"water"']] * len(prompts)
    first = bx.option_logprobs(mini, prompts, options, token_budget=100, store=tmp_path)
    assert bx.option_logprobs(mini, prompts, options, token_budget=100) == first
    with Forwards(mini) as nothing:
        assert bx.option_logprobs(mini, prompts, options, token_budget=100, store=tmp_path) == first
    assert nothing.count == 0


def test_other_prompts_or_options_have_another_file(mini, tmp_path):
    one = bx.complete(mini, ['kiswahili:"moto"→English:'], store=tmp_path)
    other = bx.complete(mini, ['kiswahili:"maji"→English:'], store=tmp_path)
    short = bx.complete(mini, ['kiswahili:"moto"→English:'], max_new_tokens=1, store=tmp_path)
    assert len(list(tmp_path.glob("completions-bridgex-mini-*.jsonl"))) == 3
    assert one != other
    assert one != short


def test_answers_of_other_processes_are_used(tmp_path):
    file = tmp_path / "answers.jsonl"
    (tmp_path / "answers.0of2.jsonl").write_text("\n" + json.dumps({"rows": [0, 2], "results": ["a", "c"]}))
    (tmp_path / "answers.1of2.jsonl").write_text("\n" + json.dumps({"rows": [1], "results": ["b"]}) + '\n{"rows": [3], "res')
    asked = []
    results = ask([5, 5, 5, 5], lambda rows: asked.extend(rows) or ["d"] * len(rows), token_budget=5, file=file)
    assert results == ["a", "b", "c", "d"]
    assert asked == [3]


def test_a_store_that_is_a_file_is_named(mini, tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(bx.InputError, match="results: not a folder to store results in"):
        bx.complete(mini, ["a"], store=tmp_path / "results")
