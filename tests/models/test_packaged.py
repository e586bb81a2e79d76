"""Models in Python packages: assembled, checked, unpacked once; what is said where the package is missing."""

import hashlib
import sys

import gguf_files
import huggingface_hub.constants
import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.cli import main
from bridgex_nb.models import find_model, packaged_models
from bridgex_nb.models._packaged import PACKAGED, Packaged

pytest.importorskip("gguf", reason="needs the package gguf")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A folder of its own for unpacked models."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
    return tmp_path / "assets" / "bridgex_nb" / "unpacked"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A packaged model "tiny-llama" in two parts, each in a module of its own; its source model, and the file's content."""
    source = gguf_files.write("llama", tmp_path / "x.gguf", "Q8_0")
    content = (tmp_path / "x.gguf").read_bytes()
    parts = {"tiny_llama_part1/data/a": content[:400_000], "tiny_llama_part2/data/b": content[400_000:]}
    for name, part in parts.items():
        path = tmp_path / "packages" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(part)
        (path.parents[1] / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    model = Packaged(
        package="tiny-llama",
        extra="tiny",
        parts=tuple(parts),
        sha256=hashlib.sha256(content).hexdigest(),
        hub="someone/tiny-llama",
        terms="none",
    )
    monkeypatch.setitem(PACKAGED, "tiny-llama", model)
    yield source, tmp_path / "packages"
    for name in ("tiny_llama_part1", "tiny_llama_part2"):
        sys.modules.pop(name, None)


def test_a_packaged_model_is_assembled_and_unpacked_once(package, cache, tmp_path):
    source, folder = package
    model = bx.load_model("tiny-llama")
    ids = torch.arange(100, 130)[None]
    with torch.inference_mode():
        assert tiny.close(model.hf_model(ids).logits, source(ids).logits)
    facts = {"model": "tiny-llama", "quantisation": "Q8_0", "weights_sha256": PACKAGED["tiny-llama"].sha256}
    assert facts.items() <= model.card.items()
    assert len([*cache.iterdir()]) == 1
    # The parts are not needed any more.
    (folder / "tiny_llama_part1" / "data" / "a").unlink()
    assert bx.load_model("tiny-llama").card == model.card
    assert packaged_models().set_index("name").unpacked["tiny-llama"]


def test_info_says_how_a_packaged_model_is_quantised(package, cache, capsys):
    for _ in range(2):  # before and after it is unpacked
        assert main(["info", "tiny-llama"]) == 0
        assert "quantised    Q8_0, unpacked to float32 when it is loaded" in capsys.readouterr().out
        bx.load_model("tiny-llama")


def test_the_configuration_is_found_without_assembling(package, cache):
    (package[1] / "tiny_llama_part2" / "data" / "b").write_bytes(b"")
    source, config = find_model("tiny-llama")
    assert (source, config.model_type, config.intermediate_size) == ("tiny-llama", "llama", gguf_files.NEURONS)
    assert not cache.exists()


def test_a_changed_package_is_refused(package, cache):
    path = package[1] / "tiny_llama_part2" / "data" / "b"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(bx.InputError, match="pip install --force-reinstall tiny-llama"):
        bx.load_model("tiny-llama")
    assert [*cache.iterdir()] == []


def test_a_folder_of_the_same_name_is_meant(package, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "tiny-llama").symlink_to(tiny.folder("qwen2"))
    monkeypatch.chdir(tmp_path / "here")
    assert find_model("tiny-llama")[1].model_type == "qwen2"


def test_a_missing_package_says_what_to_install(monkeypatch):
    for part in PACKAGED["gemma-3-270m"].parts:
        monkeypatch.setitem(sys.modules, part.split("/")[0], None)
    for load in (bx.load_model, find_model):
        with pytest.raises(bx.InputError) as caught:
            load("gemma-3-270m")
        message = str(caught.value)
        assert "\n" not in message
        for part in ("pip install 'bridgex-nb[gemma]'", "Gemma terms of use", "'google/gemma-3-270m'"):
            assert part in message
    assert packaged_models().set_index("name").installed["gemma-3-270m"] is None


def test_every_packaged_model_has_an_extra_that_installs_it():
    import tomllib
    from pathlib import Path

    path = Path(bx.__file__).parents[1] / "pyproject.toml"
    if not path.is_file():
        pytest.skip("needs a checkout")
    extras = tomllib.loads(path.read_text())["project"]["optional-dependencies"]
    for model in PACKAGED.values():
        assert any(requirement.startswith(model.package) for requirement in extras[model.extra])
