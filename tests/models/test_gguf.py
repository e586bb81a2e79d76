"""Models from GGUF files: the same logits as the model that was put into the file, and what is refused."""

import dataclasses
import hashlib
import json
import os
import struct
import sys
import time

import gguf_files
import huggingface_hub.constants
import pytest
import tiny
import torch
from transformers import AutoConfig

import bridgex_nb as bx
from bridgex_nb.models import find_model
from bridgex_nb.models._gguf import _read, gguf_config, unpack
from bridgex_nb.models._gguf_config import complete_config
from bridgex_nb.models._gguf_header import read_header
from bridgex_nb.models._load_model import MINI

pytest.importorskip("gguf", reason="needs the package gguf")
IDS = torch.arange(100, 160)[None]  # longer than the attention windows
#: Models that transformers cannot read from GGUF.
NOT_READ = {"falcon_groups", "llama_biased"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A folder of its own for unpacked models."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return tmp_path / "assets" / "bridgex_nb" / "unpacked"


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return model(IDS).logits


@pytest.mark.parametrize("kind", sorted({*gguf_files.MODELS} - NOT_READ))
def test_logits_are_those_of_the_model_in_the_file(tmp_path, kind):
    source = gguf_files.write(kind, tmp_path / "x.gguf")
    model = bx.load_model(tmp_path / "x.gguf")
    assert tiny.close(logits(model.hf_model), logits(source))


@pytest.mark.parametrize("quantised", ["F16", "Q8_0", "Q4_0"])
@pytest.mark.parametrize("kind", ["llama", "gemma3", "gpt2"])
def test_quantised_weights_are_unpacked(tmp_path, kind, quantised):
    source = gguf_files.write(kind, tmp_path / "x.gguf", quantised)
    model = bx.load_model(tmp_path / "x.gguf")
    assert tiny.close(logits(model.hf_model), logits(source))
    assert model.hf_model.dtype == torch.float32
    assert model.card["quantisation"] == quantised


@pytest.mark.parametrize("kind", ["qwen2", "gemma2", "phi3"])
def test_neurons_are_those_of_plain_hooks(tmp_path, kind):
    gguf_files.write(kind, tmp_path / "x.gguf", "Q8_0")
    model = bx.load_model(tmp_path / "x.gguf")
    ids = model.tokenizer("one two three")["input_ids"]
    counts = bx.count_active(model, {"en": ["one two three"]}).active[0]
    assert torch.equal(counts, (tiny.hooked(model, ids)["act"][:, 1:] > 0).sum(dim=1))  # BOS is not counted


def test_a_neuron_set_switched_off_changes_the_logits_of_a_gguf_model(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf")
    model = bx.load_model(tmp_path / "x.gguf")
    before = logits(model.hf_model)
    with bx.deactivate(model, torch.ones(model.num_layers, model.num_neurons, dtype=torch.bool)):
        assert not torch.allclose(logits(model.hf_model), before)


def test_the_tokenizer_is_that_of_the_file(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf")
    tokenizer, expected = bx.load_model(tmp_path / "x.gguf").tokenizer, bx.load_model().tokenizer
    for text in ("Jua ni kali.", "The sun is hot", "太陽 שמש"):
        assert tokenizer(text)["input_ids"] == expected(text)["input_ids"]  # beginning of text included
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    assert (tokenizer.padding_side, tokenizer.pad_token, tokenizer.eos_token) == ("left", "<pad>", "</s>")


@pytest.mark.parametrize("add_bos", [True, False])
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma3", "gpt2"])
def test_bos_is_added_if_the_file_says_so(tmp_path, kind, add_bos):
    gguf_files.write(kind, tmp_path / "x.gguf", add_bos=add_bos)
    for _ in range(2):  # the second time from the unpacked folder
        tokenizer = bx.load_model(tmp_path / "x.gguf").tokenizer
        assert (tokenizer("one")["input_ids"][0] == tokenizer.bos_token_id) is add_bos


def test_a_chat_model_ends_at_both_of_its_end_tokens(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf", end_of_turn=77)
    model = bx.load_model(tmp_path / "x.gguf")
    assert model.hf_model.generation_config.eos_token_id == [2, 77]
    assert model.end_tokens[1][[2, 77]].all()


# The run card and the unpacked folder


def test_card_names_the_file_its_hash_and_quantisation(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf", "Q8_0")
    model = bx.load_model(tmp_path / "x.gguf")
    facts = {
        "model": "x.gguf",
        "weights_sha256": sha256(tmp_path / "x.gguf"),
        "quantisation": "Q8_0",
        "dtype": "float32",
    }
    assert facts.items() <= model.card.items()
    assert "GGUF" in model.card["dtype_reason"]
    assert str(tmp_path) not in json.dumps(model.card)
    assert facts.items() <= bx.count_active(model, {"en": ["one two"]}).card.items()


def test_a_file_that_does_not_say_its_quantisation(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf", "Q4_0", file_type=False)
    assert bx.load_model(tmp_path / "x.gguf").card["quantisation"] == "Q4_0"


def test_a_file_is_unpacked_once(tmp_path, cache):
    gguf_files.write("llama", tmp_path / "x.gguf")
    first = bx.load_model(tmp_path / "x.gguf")
    (folder,) = cache.iterdir()  # and nothing else is left
    written = (folder / "model.safetensors").stat().st_mtime_ns
    second = bx.load_model(tmp_path / "x.gguf")
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert second.card == first.card
    assert second.hf_model.name_or_path == str(tmp_path / "x.gguf")
    assert torch.equal(logits(first.hf_model), logits(second.hf_model))


def test_remains_of_a_killed_run_are_removed_after_a_day(tmp_path, cache):
    gguf_files.write("llama", tmp_path / "x.gguf")
    for name, age in ((".unpacking-old", 100_000), (".unpacking-now", 0)):
        (cache / name).mkdir(parents=True)
        (cache / name / "model.safetensors").write_text("half")
        os.utime(cache / name, (time.time() - age, time.time() - age))
    bx.load_model(tmp_path / "x.gguf")
    assert {folder.name[:14] for folder in cache.iterdir()} == {".unpacking-now", "x-" + sha256(tmp_path / "x.gguf")[:12]}


def test_another_file_of_the_same_name_is_unpacked_too(tmp_path, cache):
    gguf_files.write("llama", tmp_path / "x.gguf")
    before = logits(bx.load_model(tmp_path / "x.gguf").hf_model)
    gguf_files.write("llama", tmp_path / "x.gguf", "Q4_0")
    assert not torch.equal(before, logits(bx.load_model(tmp_path / "x.gguf").hf_model))
    assert len([*cache.iterdir()]) == 2


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    gguf_files.write("llama", tmp_path / "x.gguf")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(huggingface_hub.constants, "HF_ASSETS_CACHE", str(tmp_path / "file"))
    assert "set HF_HOME" in refusal(tmp_path / "x.gguf")


def test_only_what_cannot_be_written_is_called_so(tmp_path):
    """A folder without a model is an OSError of transformers; a file that is not there is one of reading."""
    with pytest.raises(bx.InputError, match=r"x\.gguf: transformers .* cannot read this GGUF file \(.*config\.json"):
        _read(tmp_path / "x.gguf", AutoConfig.from_pretrained, tmp_path)
    with pytest.raises(FileNotFoundError):
        unpack("x", "0" * 64, lambda _: tmp_path / "x.gguf")


def test_a_name_that_does_not_end_in_gguf(tmp_path):
    gguf_files.write("llama", tmp_path / "weights")
    assert bx.load_model(tmp_path, gguf_file="weights").card["model"] == "weights"
    assert find_model(tmp_path / "weights")[1].model_type == "llama"  # as find_model names it
    (tmp_path / "weights").write_text("something else")
    assert "not a GGUF file" in refusal(tmp_path, gguf_file="weights")


def test_folder_and_file(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf")
    assert bx.load_model(tmp_path, gguf_file="x.gguf").card["model"] == "x.gguf"
    assert "gguf_file= one of x.gguf?" in refusal(tmp_path)
    assert "y.gguf: no such GGUF file" in refusal(tmp_path, gguf_file="y.gguf")
    assert "say in which folder" in refusal(gguf_file="y.gguf")


def test_the_configuration_is_found_without_the_weights(tmp_path, cache):
    gguf_files.write("qwen3", tmp_path / "x.gguf")
    source, config = find_model(tmp_path / "x.gguf")
    assert source == str(tmp_path / "x.gguf")
    assert (config.model_type, config.head_dim, config.intermediate_size) == ("qwen3", 32, gguf_files.NEURONS)
    assert not cache.exists()


def test_header_is_what_the_package_gguf_reads(tmp_path):
    from gguf import GGUFReader

    gguf_files.write("gemma3", tmp_path / "x.gguf", "Q8_0")
    header, expected = read_header(tmp_path / "x.gguf"), GGUFReader(tmp_path / "x.gguf")
    assert header.data_start == expected.data_offset
    assert [tensor.name for tensor in header.tensors] == [tensor.name for tensor in expected.tensors]
    for tensor, other in zip(header.tensors, expected.tensors, strict=True):
        assert header.data_start + tensor.offset == other.data_offset
        assert (tensor.kind, list(tensor.shape)) == (other.tensor_type, other.shape.tolist()[::-1])
    for key, value in header.metadata.items():
        read = expected.fields[key].contents()
        assert value == (len(read) if isinstance(read, list) and isinstance(read[0], str) else read)


# Another tokenizer


def test_another_tokenizer(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf", tokenizer=False)
    assert "no tokenizer in this file; tokenizer=" in refusal(tmp_path / "x.gguf")
    model = bx.load_model(tmp_path / "x.gguf", tokenizer=MINI)
    assert model.card["tokenizer"] == "model"
    assert bx.count_active(model, {"en": ["one two"]}).card["tokenizer"] == "model"
    assert "tokenizer" not in tiny.load("llama").card
    assert model.tokenizer("one")["input_ids"] == bx.load_model().tokenizer("one")["input_ids"]


def test_a_tokenizer_with_too_many_tokens(tmp_path):
    tokenizer = bx.load_model().tokenizer
    tokenizer.add_tokens(["one_more"])
    tokenizer.save_pretrained(tmp_path / "larger")
    message = refusal(tiny.folder("llama"), tokenizer=tmp_path / "larger")
    assert "tokens up to 6,000, and the model has 6,000 of them" in message
    assert "no-such-folder" in refusal(tiny.folder("llama"), tokenizer=tmp_path / "no-such-folder")


# Refusals


def refusal(*args, **options) -> str:
    with pytest.raises(bx.InputError) as caught:
        bx.load_model(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_that_is_cut_short(tmp_path, cache):
    gguf_files.write("llama", tmp_path / "x.gguf")
    content = (tmp_path / "x.gguf").read_bytes()
    (tmp_path / "weights.gguf").write_bytes(content[:-1000])
    assert f"cut short, {len(content) - 1000:,} bytes of" in refusal(tmp_path / "weights.gguf")
    for size in (30, 200, 5000, 50_000):
        (tmp_path / "header.gguf").write_bytes(content[:size])
        assert "ends inside its header" in refusal(tmp_path / "header.gguf")
    assert not cache.exists()


def test_a_file_that_is_something_else(tmp_path):
    (tmp_path / "x.gguf").write_text("<html>not found</html>")
    assert "not a GGUF file" in refusal(tmp_path / "x.gguf")
    (tmp_path / "x.gguf").write_bytes(b"")
    assert "not a GGUF file" in refusal(tmp_path / "x.gguf")
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 1, 0, 0))
    assert "version 1" in refusal(tmp_path / "x.gguf")


def test_an_architecture_that_is_not_read(tmp_path):
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "rwkv6")
    writer.add_tensor("token_embd.weight", torch.ones(4, 32).numpy())
    for step in ("write_header_to_file", "write_kv_data_to_file", "write_tensors_to_file", "close"):
        getattr(writer, step)()
    message = refusal(tmp_path / "x.gguf")
    assert "does not read GGUF files of the architecture 'rwkv6'" in message
    assert "llama" in message


def test_an_architecture_without_a_neuron_site(tmp_path, cache):
    gguf_files.write("llama", tmp_path / "x.gguf")
    content = (tmp_path / "x.gguf").read_bytes()
    (tmp_path / "x.gguf").write_bytes(content.replace(b"llama", b"mamba"))
    assert "no neuron site is known for architecture 'mamba'" in refusal(tmp_path / "x.gguf")
    assert not cache.exists()


def test_a_model_whose_weights_are_not_all_read(tmp_path):
    gguf_files.write("falcon_groups", tmp_path / "x.gguf")
    assert "cannot read this file whole, its FalconForCausalLM does not find" in refusal(tmp_path / "x.gguf")


def test_weights_that_have_no_place_in_the_model(tmp_path, cache):
    # Attention with biases: transformers makes a Llama without them from this file, and says nothing.
    gguf_files.write("llama_biased", tmp_path / "x.gguf")
    message = refusal(tmp_path / "x.gguf")
    assert "cannot read this file whole, its LlamaForCausalLM has" in message
    assert [*cache.iterdir()] == []  # nothing half-made is left


@pytest.mark.parametrize(
    ("key", "value"),
    [("rope.scale_linear", 4.0), ("rope.scaling.yarn_log_multiplier", 0.1), ("rope.scaling.yarn_ext_factor", 0.5)],
)
def test_a_scaling_of_positions_without_a_name_in_transformers(tmp_path, cache, key, value):
    gguf_files.write("llama_yarn", tmp_path / "x.gguf", more={f"llama.{key}": value})
    assert f"rotary positions scaled by {key} = {value:g}, which transformers has no name for" in refusal(tmp_path / "x.gguf")
    assert not cache.exists()


def test_a_scaling_by_one_is_none(tmp_path):
    source = gguf_files.write("llama", tmp_path / "x.gguf", more={"llama.rope.scale_linear": 1.0})
    assert tiny.close(logits(bx.load_model(tmp_path / "x.gguf").hf_model), logits(source))


def test_rotary_factors_in_half_precision(tmp_path):
    gguf_files.write("llama3", tmp_path / "x.gguf")
    header = read_header(tmp_path / "x.gguf")
    config = gguf_config(tmp_path / "x.gguf", header)
    tensors = [tensor._replace(kind=int(tensor.name == "rope_freqs.weight")) for tensor in header.tensors]
    with pytest.raises(bx.InputError, match=r"its tensor rope_freqs\.weight is of the type F16, and only F32 is read"):
        complete_config(config, dataclasses.replace(header, tensors=tuple(tensors)), tmp_path / "x.gguf")


def test_one_part_of_a_split_file(tmp_path, cache):
    gguf_files.write("llama", tmp_path / "x-00001-of-00003.gguf", more={"split.no": 0, "split.count": 3})
    message = refusal(tmp_path / "x-00001-of-00003.gguf")
    assert "one of 3 parts of a model; join them: llama-gguf-split --merge" in message
    assert not cache.exists()
    gguf_files.write("llama", tmp_path / "whole.gguf", more={"split.no": 0, "split.count": 1})
    assert find_model(tmp_path / "whole.gguf")[1].model_type == "llama"


def test_arguments_that_do_not_fit_a_file(tmp_path):
    gguf_files.write("llama", tmp_path / "x.gguf")
    assert "one version" in refusal(tmp_path / "x.gguf", revision="main")
    assert "hub id" in refusal(tmp_path / "x.gguf", remote=True)
    assert "no such GGUF file" in refusal(tmp_path / "y.gguf")


def test_without_the_package_gguf(tmp_path, monkeypatch):
    gguf_files.write("llama", tmp_path / "x.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)
    assert "pip install gguf" in refusal(tmp_path / "x.gguf")
