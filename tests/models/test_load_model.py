"""Loading a model: what its run card says, and what is refused."""

import json
import shutil
from importlib.util import find_spec

import huggingface_hub.constants
import pytest
import tiny
import torch
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from safetensors.torch import load_file, save_file
from transformers.utils import logging as transformers_logging

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI

# What is loaded


def test_bundled_model(mini):
    assert (mini.num_layers, mini.num_neurons, mini.site) == (6, 768, "act")
    # The weights are stored in half precision, which is slow and coarse on a CPU.
    assert mini.hf_model.dtype == torch.float32


def test_loaded_for_reading_only():
    model = tiny.load("llama")
    assert not model.hf_model.training
    assert not any(weight.requires_grad for weight in model.hf_model.parameters())


@pytest.mark.parametrize("dtype", ["int8", "nf4"])
def test_quantised_weights(mini, dtype):
    pytest.importorskip("bitsandbytes", reason="quantised weights need the package bitsandbytes")
    model = bx.load_model(MINI, dtype=dtype)
    assert model.card["dtype"] == dtype
    assert model.hf_model.model.layers[0].mlp.down_proj.weight.element_size() == 1
    texts = ["The sun is hot.", "Jua ni kali."]
    counts = [bx.count_active(model, {"en": [text]}).active[0] for text in texts]
    plain = [tiny.hooked(model, model.tokenizer(text)["input_ids"])["act"] for text in texts]
    assert all(torch.equal(count, (values > 0).sum(dim=1)) for count, values in zip(counts, plain, strict=True))
    # Rounded weights are close to the original ones.
    values = [bx.probe(one, texts).values.flatten() for one in (model, mini)]
    assert torch.corrcoef(torch.stack(values))[0, 1] > 0.98


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("shown_in_hub", [True, False])
def test_progress_bars_of_others_stay_as_they_were(shown, shown_in_hub):
    (transformers_logging.enable_progress_bar if shown else transformers_logging.disable_progress_bar)()
    (enable_progress_bars if shown_in_hub else disable_progress_bars)()
    try:
        bx.load_model(tiny.folder("llama"))
        with pytest.raises(bx.InputError):
            bx.load_model(tiny.folder("llama"), dtype="fp8", device_map="cpu", attn_implementation="no such thing")
        assert transformers_logging.is_progress_bar_enabled() == shown
        assert are_progress_bars_disabled() != shown_in_hub
    finally:
        transformers_logging.enable_progress_bar()


# The run card


def test_card_names_what_was_run():
    card = tiny.load("qwen2", "gated").card
    assert card["model"] == "qwen2"
    assert (card["site"], card["dtype"]) == ("gated", "float32")
    assert card["attention"] == tiny.load("qwen2").hf_model.config._attn_implementation
    assert card["versions"]["torch"] == torch.__version__


def test_card_is_json_without_absolute_path(mini):
    for model in (mini, tiny.load("llama")):
        text = json.dumps(model.card)
        assert str(tiny.folder("llama").parent) not in text
        assert str(MINI.parent) not in text


def test_weights_hash_follows_the_weights(tmp_path):
    # A copy in another folder is the same model; a single changed weight makes it another.
    place = shutil.copytree(tiny.folder("llama"), tmp_path / "other")
    before = bx.load_model(place).card["weights_sha256"]
    weights = load_file(place / "model.safetensors")
    weights["model.layers.1.mlp.gate_proj.weight"][0, 0] += 1
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    assert before == tiny.load("llama").card["weights_sha256"]
    assert before != bx.load_model(place).card["weights_sha256"]


def test_a_relative_folder_has_a_name_in_the_card(monkeypatch):
    monkeypatch.chdir(tiny.folder("llama"))
    assert bx.load_model(".").card["model"] == "llama"


# Refusals: one line that names the fault, before weights are read


def refusal(*args, **options):
    with pytest.raises(bx.InputError) as caught:
        bx.load_model(*args, **options)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def test_folder_without_config(tmp_path):
    message = refusal(tmp_path)
    assert str(tmp_path) in message
    assert "config.json" in message


@pytest.mark.parametrize("name", ["no-such-group/no-such-model", "no-such-model", "/no/such/folder", "not a name"])
def test_name_that_does_not_exist(name, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert name in refusal(name)


@pytest.mark.parametrize("kind", ["t5", "vit"])
def test_model_of_another_kind(tmp_path, kind):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    assert kind in refusal(tmp_path)


def test_unknown_site():
    message = refusal(tiny.folder("llama"), site="mlp")
    assert "mlp" in message
    assert "act" in message
    assert "gated" in message


def test_unknown_dtype():
    assert "float99" in refusal(tiny.folder("llama"), dtype="float99")


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
@pytest.mark.parametrize("dtype", ["int8", "nf4"])
def test_quantised_weights_without_bitsandbytes(dtype):
    assert "pip install -U bitsandbytes" in refusal(tiny.folder("llama"), dtype=dtype)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_fp8_without_a_gpu():
    assert "needs a GPU" in refusal(tiny.folder("llama"), dtype="fp8")


@pytest.mark.parametrize("text", ["this is not JSON", "{", "null", "{}", '{"model_type": "no-such-type"}'])
def test_config_that_cannot_be_used(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    assert str(tmp_path) in refusal(tmp_path)


def test_config_with_a_value_of_the_wrong_type(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": "big"}')
    assert "hidden_size" in refusal(tmp_path)


def test_folder_without_weights(tmp_path):
    place = shutil.copytree(tiny.folder("llama"), tmp_path / "empty", ignore=shutil.ignore_patterns("*.safetensors"))
    assert str(place) in refusal(place)


def test_folder_with_half_its_weights(tmp_path):
    place = shutil.copytree(tiny.folder("llama"), tmp_path / "half")
    weights = (place / "model.safetensors").read_bytes()
    (place / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert str(place) in refusal(place)
