"""`bridgex info` and `bridgex models`, as a user meets them."""

import pytest


def test_info_says_where_the_neurons_are(run):
    code, out, _ = run("info")
    assert code == 0
    assert "LlamaForCausalLM" in out
    assert "768 per layer, 4,608 in all" in out
    assert "output of model.layers[i].mlp.act_fn" in out


def test_info_of_a_gguf_file(run, tmp_path):
    gguf_files = pytest.importorskip("gguf_files", reason="needs the package gguf")
    gguf_files.write("gemma3", tmp_path / "x.gguf", "Q8_0")
    code, out, _ = run("info", str(tmp_path / "x.gguf"))
    assert code == 0
    assert "Gemma3ForCausalLM (gemma3_text)" in out
    assert "Q8_0, unpacked to float32 when it is loaded" in out
    assert f"{gguf_files.NEURONS} per layer, {7 * gguf_files.NEURONS} in all" in out
    (tmp_path / "x.gguf").write_bytes((tmp_path / "x.gguf").read_bytes()[:-10])
    code, out, error = run("info", str(tmp_path / "x.gguf"))
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "cut short" in error


def test_models_lists_what_is_here_and_under_which_terms(run):
    code, out, _ = run("models")
    assert code == 0
    assert "bridgex-mini  bundled" in out
    assert "--model gemma-3-270m, or google/gemma-3-270m from the Hugging Face hub; Gemma terms of use" in out
