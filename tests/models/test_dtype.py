"""The dtype of a model that is loaded without asking for one."""

import json
import platform
import shutil
from pathlib import Path

import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.models._dtype import default_dtype, fast_bfloat16
from bridgex_nb.models._load_model import MINI


def stored(tmp_path, dtype):
    """A model folder whose weights are stored in another dtype."""
    place = shutil.copytree(tiny.folder("llama"), tmp_path / dtype)
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"dtype": dtype}))
    return place


def test_bfloat16_stays_where_the_processor_is_fast_in_it(tmp_path):
    card = bx.load_model(stored(tmp_path, "bfloat16")).card
    if fast_bfloat16():
        assert (card["dtype"], card["dtype_reason"]) == ("bfloat16", "the checkpoint's; this processor has fast bfloat16")
    else:
        assert (card["dtype"], card["dtype_reason"][:8]) == ("float32", "bfloat16")


def test_float16_is_float32_on_a_processor(tmp_path):
    card = bx.load_model(stored(tmp_path, "float16")).card
    assert card["dtype"] == "float32"
    assert card["dtype_reason"] == "float16 in the checkpoint, which this processor has no fast units for"
    assert bx.load_model(MINI).card["dtype"] == "float32"


def test_the_dtype_that_is_asked_for(tmp_path):
    place = stored(tmp_path, "bfloat16")
    for dtype in ("bfloat16", torch.float16, "float32"):
        card = bx.load_model(place, dtype=dtype).card
        assert (card["dtype"], card["dtype_reason"]) == (str(dtype).removeprefix("torch."), "asked for")
    assert bx.load_model(place, dtype="auto").card["dtype"] == "bfloat16"


def test_reasons_of_other_models():
    assert tiny.load("llama").card["dtype_reason"] == "the checkpoint's"
    assert bx.load_model().card["dtype_reason"] == "bridgex-mini's weights are stored in float16 to be small"


@pytest.mark.parametrize("device_map", ["cuda", 0, torch.device("cuda", 1), {"": 0}, {"model": "cpu", "lm_head": 0}])
def test_half_precision_stays_on_a_gpu(device_map):
    config = tiny.load("llama").hf_model.config.__class__(dtype="float16")
    assert default_dtype(config, device_map, remote=False) == ("auto", "the checkpoint's")
    assert default_dtype(config, None, remote=True) == ("auto", "the checkpoint's")


@pytest.mark.parametrize("device_map", [None, "cpu", torch.device("cpu"), {"": "cpu"}])
def test_a_processor_is_recognised(device_map):
    config = tiny.load("llama").hf_model.config.__class__(dtype="float16")
    assert default_dtype(config, device_map, remote=False)[0] == torch.float32


@pytest.mark.skipif(platform.machine() != "x86_64" or not Path("/proc/cpuinfo").is_file(), reason="reads Linux's list of flags")
def test_fast_bfloat16_is_what_the_processor_says():
    flags = Path("/proc/cpuinfo").read_text().split()
    assert fast_bfloat16() == ("avx512_bf16" in flags or "amx_bf16" in flags)
