"""The house: every module imports alone, imports go down only, the flat names are there, and importing changes nothing."""

import ast
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import bridgex_nb as bx

PACKAGE = Path(bx.__file__).parent
#: Packages from the ground up; those of one floor do not import each other.
FLOORS = (
    {"exceptions"},
    {"utils"},
    {"stats", "datasets", "models"},
    {"inference"},
    {"activations", "evaluation"},
    {"neurons", "lens"},
    {"similarity", "interventions"},
    {"bridges", "mini"},
    {"plots"},
    {"widgets", "cli"},
)
#: Packages that may know nnsight.
TRACING = {"models", "inference", "interventions"}
#: The flat names of version 0.1.
NAMES_OF_0_1 = (Path(__file__).parent / "flat_names_of_0_1.txt").read_text().split()

SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it."""
    package = module_name(path).split(".")
    package = package if path.name == "__init__.py" else package[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent != PACKAGE], ids=module_name)
def test_imports_go_down_only(path):
    rank = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    own = path.relative_to(PACKAGE).parts[0]
    assert own in rank, f"{own} is not in the house"
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "nnsight":
            assert own in TRACING, f"{path} imports nnsight"
        if parts[0] == "bridgex_nb" and len(parts) > 1 and parts[1] in rank and parts[1] != own:
            assert rank[parts[1]] < rank[own], f"{path} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_is_short_and_says_what_it_is(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    assert ast.get_docstring(ast.parse(text)) or not text


def third_party_imports() -> str:
    """All imports of other packages at the top of the package's modules, so that the children below need not repeat them."""
    lines = set()
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level):
                lines.add(ast.unparse(node))
    return "\n".join(sorted(lines))


def run(script: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_module_imports_alone():
    """Each in a child of a process that has the other packages, but nothing of this one."""
    modules = [module_name(path) for path in SOURCES if path.name != "__main__.py"]
    script = f"""
import importlib, os, sys, traceback
{third_party_imports()}
for name in {modules}:
    if (child := os.fork()) == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{{name}} does not import alone")
"""
    run(script)


def test_the_names_of_version_0_1_are_there():
    for name in NAMES_OF_0_1:
        assert getattr(bx, name) is not None
    assert set(NAMES_OF_0_1) <= set(dir(bx)) & set(bx.__all__)


def test_no_name_hides_a_module():
    for name in bx.__all__:
        value = getattr(bx, name)
        if name in {module.name for module in pkgutil.iter_modules(bx.__path__)}:
            assert inspect.ismodule(value), f"bx.{name}"
    for path in SOURCES:
        if path.name == "__init__.py" and path.parent != PACKAGE:
            package = sys.modules.get(module_name(path))
            for module in pkgutil.iter_modules([str(path.parent)]):
                value = getattr(package, module.name, None)
                assert value is None or inspect.ismodule(value), f"{path.parent.name}.{module.name}"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'rank_bridge'"):
        bx.rank_bridge  # noqa: B018


def test_importing_is_light_and_changes_no_global_state():
    script = """
import sys
import bridgex_nb as bx
heavy = {"torch", "transformers", "nnsight", "pandas", "matplotlib"} & set(sys.modules)
assert not heavy, f"import bridgex_nb imports {heavy}"
import accelerate.utils, logging, sympy, warnings  # accelerate and sympy add filters when transformers imports them
import ipywidgets, matplotlib, nnsight, sacrebleu, seaborn, torch, transformers, transformers.utils.logging as quiet
import huggingface_hub.utils
def state():
    return (
        list(warnings.filters), dict(matplotlib.rcParams), quiet.get_verbosity(), quiet.is_progress_bar_enabled(),
        logging.root.level, list(logging.root.handlers), torch.get_num_threads(), torch.is_grad_enabled(),
        torch.get_default_dtype(), huggingface_hub.utils.logging.get_verbosity(), warnings.showwarning,
    )
before = state()
for name in bx.__all__:
    getattr(bx, name)
after = state()
assert before == after, [(a, b) for a, b in zip(before, after) if a != b]
bx.load_model()
assert state() == before, "load_model changes global state"
"""
    run(script)
