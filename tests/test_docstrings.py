"""The examples in docstrings run, with the public names in scope as after ``from bridgex_nb import *``."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest
import torch

import bridgex_nb as bx

PACKAGE = Path(bx.__file__).parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documented() -> list[str]:
    """Modules whose docstrings hold examples."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
    parts = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in paths]
    return [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]


def public_names(package: str) -> dict:
    """`bx.*`, the exports of a module's own package, and torch."""
    names = {name: getattr(bx, name) for name in bx.__all__}
    own = importlib.import_module(".".join(package.split(".")[:2]))
    return {"bx": bx, "torch": torch} | names | {name: getattr(own, name) for name in getattr(own, "__all__", ())}


@pytest.mark.parametrize("name", documented())
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    module = importlib.import_module(name)
    scope = public_names(name) | vars(module)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=None, globs=scope):
        runner.run(test)
    assert not runner.failures, f"{runner.failures} examples of {name} fail; see the output"


def test_every_public_function_says_what_it_does():
    bare = [
        f"{package}.{name}"
        for package in bx._PACKAGES
        for name in getattr(getattr(bx, package), "__all__", ())
        if callable(value := getattr(getattr(bx, package), name)) and not inspect.getdoc(value)
    ]
    assert bare == []
