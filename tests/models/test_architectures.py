"""Every architecture of the table against plain torch hooks, with padding on either side; refusals; your own sites."""

import json
from dataclasses import replace

import nnsight
import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

import bridgex_nb as bx
from bridgex_nb.cli._main import main
from bridgex_nb.models._architectures import ARCHITECTURES, architecture_of

TEXTS = ["The sun is hot, and the moon is not hot at all today.", "Maji", 'kiswahili:"moto"→English:', "x y"]
NO_GATE = {
    *("apertus", "arcee", "biogpt", "bloom", "codegen", "falcon", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "mpt"),
    *("nemotron", "opt", "persimmon", "phi", "starcoder2", "xglm"),
}

every_architecture = pytest.mark.parametrize("kind", tiny.ARCHITECTURES)
both_sites = pytest.mark.parametrize("site", ["act", "gated"])


def traced(model, inputs):
    """Values [L, batch, T, N] of one padded batch, as the package reads them."""
    with torch.inference_mode(), model.nnsight.trace(inputs):
        values = nnsight.save([])
        for layer in range(model.num_layers):
            values.append(model.neurons(layer))
    return torch.stack(values)


def right_padded(model, rows):
    width = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [model.tokenizer.pad_token_id] * (width - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
    }


# The table


def test_every_row_of_the_table_is_tested():
    assert set(tiny.ARCHITECTURES) == set(ARCHITECTURES)


@every_architecture
def test_shape_and_gate(kind):
    model = tiny.load(kind)
    assert model.hf_model.config.model_type == kind
    assert (model.num_layers, model.num_neurons) == (tiny.LAYERS, tiny.NEURONS)
    assert model.card["gated"] == (kind not in NO_GATE)


@every_architecture
def test_values_are_those_of_plain_hooks(kind):
    act, gated = tiny.load(kind), tiny.load(kind, "gated")
    rows = act.tokenizer(TEXTS)["input_ids"]
    for ids in rows:
        plain = tiny.hooked(act, ids)
        values = {model.site: traced(model, model.pad([ids]))[:, 0] for model in (act, gated)}
        assert torch.equal(values["act"], plain["act"])
        assert torch.equal(values["gated"], plain["gated"])
        assert (plain["up"] is None) == (kind in NO_GATE)
        assert torch.equal(values["gated"], values["act"] if plain["up"] is None else values["act"] * plain["up"])


@every_architecture
@both_sites
def test_values_do_not_depend_on_padding(kind, site):
    model = tiny.load(kind, site)
    rows = model.tokenizer(TEXTS)["input_ids"]
    order = [2, 0, 3, 1]
    left = traced(model, model.pad(rows))
    shuffled = traced(model, model.pad([rows[i] for i in order]))
    right = traced(model, right_padded(model, rows))
    assert left.shape == (tiny.LAYERS, len(rows), max(map(len, rows)), tiny.NEURONS)
    for i, row in enumerate(rows):
        alone = traced(model, model.pad([row]))[:, 0]
        assert tiny.close(left[:, i, -len(row) :], alone)
        assert tiny.close(shuffled[:, order.index(i), -len(row) :], alone)
        assert tiny.close(right[:, i, : len(row)], alone)


def test_padding_would_disturb_the_values_if_it_were_not_masked():
    model = tiny.load()
    rows = model.tokenizer(TEXTS)["input_ids"]
    inputs = model.pad(rows)
    alone = traced(model, model.pad([rows[1]]))[:, 0]
    seen = traced(model, inputs | {"attention_mask": torch.ones_like(inputs["attention_mask"])})
    assert not torch.allclose(seen[:, 1, -len(rows[1]) :], alone, atol=0.1)


@every_architecture
def test_rows_of_the_down_projection(kind):
    model = tiny.load(kind)
    for layer in range(model.num_layers):
        down = model.hf_model.get_submodule(f"{model.architecture.layers}.{layer}.{model.architecture.down}")
        # What one neuron alone adds to the bias, if there is one.
        rows = down(torch.eye(model.num_neurons)) - down(torch.zeros(1, model.num_neurons))
        assert tiny.close(model.down_norms[layer], rows.norm(dim=1))


@pytest.mark.parametrize("weight", [torch.zeros(32, tiny.NEURONS, device="meta"), torch.zeros(32, tiny.NEURONS // 2)])
def test_weights_that_cannot_be_read(weight):
    # Weights on another machine, or packed by quantisation.
    model = bx.load_model(tiny.folder("llama"))
    model.hf_model.model.layers[1].mlp.down_proj.weight = torch.nn.Parameter(weight, requires_grad=False)
    assert "layer 1: the weights of mlp.down_proj" in refusal(lambda: model.down_norms)


@every_architecture
@both_sites
def test_neurons_can_be_changed_in_place(kind, site):
    model = tiny.load(kind, site)
    inputs = model.pad(model.tokenizer(TEXTS[:1])["input_ids"])
    chosen = [1, 7]
    with torch.inference_mode(), model.nnsight.trace(inputs):
        model.neurons(1)[..., chosen] = 0
        edited = nnsight.save(model.nnsight.output.logits)
    # The same by taking the neurons' rows out of the down projection.
    weight = model.hf_model.get_submodule(f"{model.architecture.layers}.1.{model.architecture.down}").weight
    rows = weight.data if weight.shape[0] == tiny.NEURONS else weight.data.T
    before = rows[chosen].clone()
    with torch.inference_mode():
        whole = model.hf_model(**inputs).logits
        rows[chosen] = 0
        without = model.hf_model(**inputs).logits
        rows[chosen] = before
    assert torch.allclose(edited, without, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(edited, whole, rtol=1e-3, atol=1e-3)


@every_architecture
def test_info_reads_no_weights(kind, tmp_path, capsys):
    AutoConfig.from_pretrained(tiny.folder(kind)).save_pretrained(tmp_path)
    assert main(["info", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"({kind})" in out
    assert f"{tiny.NEURONS} per layer, {tiny.NEURONS * tiny.LAYERS} in all" in out
    assert ("no gate" in out) == (kind in NO_GATE)


# Refusals


def refusal(load, *args, **options):
    with pytest.raises(bx.InputError) as caught:
        load(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


MIXTURES = ["mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "gpt_oss", "granitemoe", "deepseek_v3", "phimoe", "glm4_moe"]


@pytest.mark.parametrize("kind", MIXTURES)
def test_mixture_of_experts(kind):
    config = AutoConfig.for_model(kind)
    config.num_hidden_layers = 2
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:2]
    if hasattr(config, "first_k_dense_replace"):
        config.first_k_dense_replace = 1
    message = refusal(architecture_of, config)
    assert f"{kind!r} is a mixture of experts" in message
    assert f"register_site({kind!r}, " in message
    assert "layers.0.self_attn.q" in message or "layers.0.self_attn.o_proj" in message


def test_unknown_architecture():
    # What a row needs: the modules of one layer, and where the row goes.
    message = refusal(architecture_of, AutoConfig.for_model("openai-gpt", n_layer=2))
    assert "transformer.h.0.mlp.act " in message
    assert "transformer.h.1" not in message
    assert "bridgex_nb.register_site('openai-gpt', bridgex_nb.Architecture(" in message


def test_unknown_wrapper_around_a_language_model():
    message = refusal(architecture_of, AutoConfig.for_model("gemma4"))
    assert "'gemma4' is a language model (gemma4_text) inside a larger one" in message
    assert "model.language_model.layers.0.mlp.act_fn" in message


# Your own sites


class OtherConfig(LlamaConfig):
    model_type = "other_llama"


class OtherModel(LlamaForCausalLM):
    config_class = OtherConfig


@pytest.fixture
def rows(monkeypatch):
    """The table of architectures, restored afterwards."""
    monkeypatch.setattr("bridgex_nb.models._architectures.ARCHITECTURES", dict(ARCHITECTURES))


@pytest.fixture
def other(tmp_path, rows):
    """A folder with the weights of tiny llama under a new model_type."""
    AutoConfig.register("other_llama", OtherConfig, exist_ok=True)
    AutoModelForCausalLM.register(OtherConfig, OtherModel, exist_ok=True)
    for file in tiny.folder("llama").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "other_llama", "architectures": ["OtherModel"]}))
    return tmp_path


def test_registered_site_is_used(other):
    assert "no neuron site is known for architecture 'other_llama'" in refusal(bx.load_model, other)
    bx.register_site("other_llama", ARCHITECTURES["llama"])
    model = bx.load_model(other)
    assert model.hf_model.config.model_type == "other_llama"
    texts = {"en": TEXTS}
    assert torch.equal(bx.count_active(model, texts).active, bx.count_active(tiny.load("llama"), texts).active)


LLAMA = ARCHITECTURES["llama"]
WRONG = {
    "layers": (replace(LLAMA, layers="model.blocks"), "has no module model.blocks"),
    "act": (replace(LLAMA, act="mlp.gelu"), "has no module model.layers.0.mlp.gelu"),
    "up": (replace(LLAMA, up="mlp.up"), "has no module model.layers.0.mlp.up"),
    "gate for act": (replace(LLAMA, act="mlp.gate_proj"), "mlp.gate_proj * mlp.up_proj is not the input of mlp.down_proj"),
    "gate for up": (replace(LLAMA, up="mlp.gate_proj"), "mlp.act_fn * mlp.gate_proj is not the input of mlp.down_proj"),
    "no up": (replace(LLAMA, up=None), "mlp.act_fn is not the input of mlp.down_proj"),
    "norm for act": (replace(LLAMA, act="input_layernorm"), "are [2, 3, 32], not [batch, tokens, N] = [2, 3, 48]"),
    "attention for act": (replace(LLAMA, act="self_attn"), "cannot be read"),
    "up for down": (replace(LLAMA, down="mlp.up_proj"), "are [2, 3, 48], not [batch, tokens, N] = [2, 3, 32]"),
    "attention for down": (
        replace(LLAMA, down="self_attn.o_proj"),
        "are [2, 3, 48], not [batch, tokens, N] = [2, 3, 32]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_site_is_found_when_the_model_is_loaded(name, other):
    architecture, reason = WRONG[name]
    bx.register_site("other_llama", architecture)
    message = refusal(bx.load_model, other)
    assert "'other_llama'" in message
    assert reason in message


@pytest.mark.parametrize(("part", "module"), [("act", "input_layernorm"), ("act", "self_attn"), ("up", "self_attn.o_proj")])
def test_modules_that_the_chosen_site_does_not_read_are_checked_too(other, part, module):
    bx.register_site("other_llama", replace(LLAMA, **{part: module}))
    assert f"layer 0: {module} does not have N = 48 values" in refusal(bx.load_model, other, site="gated")


@both_sites
def test_flat_layers_that_are_not_flat_in_the_table(rows, site):
    bx.register_site("opt", replace(ARCHITECTURES["opt"], flat=False))
    assert "are [6, 48], not [batch, tokens, N] = [2, 3, 48]" in refusal(bx.load_model, tiny.folder("opt"), site=site)


def test_wrong_path_is_found_by_info(other, capsys):
    bx.register_site("other_llama", replace(LLAMA, act="mlp.gelu"))
    assert main(["info", str(other)]) == 2
    assert "has no module model.layers.0.mlp.gelu" in capsys.readouterr().err


@both_sites
def test_neurons_that_change_nothing_are_found(other, site):
    bx.register_site("other_llama", LLAMA)
    weights = load_file(other / "model.safetensors")
    for name, weight in weights.items():
        if "down_proj" in name:
            weight.zero_()
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    assert "does not change the logits" in refusal(bx.load_model, other, site=site)


def test_edits_that_do_not_reach_the_down_projection_are_found(other, monkeypatch):
    # If the site were a copy, every intervention would silently do nothing.
    bx.register_site("other_llama", LLAMA)

    def forward(self, x):
        gate = self.gate_proj(x)
        self.act_fn(gate)
        return self.down_proj(torch.nn.functional.silu(gate) * self.up_proj(x))

    monkeypatch.setattr("transformers.models.llama.modeling_llama.LlamaMLP.forward", forward)
    assert "do not reach mlp.down_proj" in refusal(bx.load_model, other, site="act")


def test_activations_that_are_not_finite(other):
    bx.register_site("other_llama", LLAMA)
    weights = load_file(other / "model.safetensors")
    weights["model.layers.1.mlp.gate_proj.weight"][5] = float("nan")
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    assert "layer 1: values on a short text are not finite" in refusal(bx.load_model, other)


def test_module_that_is_called_twice(other, monkeypatch):
    bx.register_site("other_llama", LLAMA)

    def forward(self, x):
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x)) + self.down_proj(0 * self.up_proj(x))

    monkeypatch.setattr("transformers.models.llama.modeling_llama.LlamaMLP.forward", forward)
    assert "layer 0: mlp.up_proj is not called exactly once" in refusal(bx.load_model, other)


def test_module_that_is_not_called(other, monkeypatch):
    bx.register_site("other_llama", LLAMA)

    def forward(self, x):
        return self.down_proj(torch.nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))

    monkeypatch.setattr("transformers.models.llama.modeling_llama.LlamaMLP.forward", forward)
    assert "mlp.act_fn.output" in refusal(bx.load_model, other, site="act")
    assert "layer 0: mlp.act_fn is not called exactly once" in refusal(bx.load_model, other, site="gated")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["llama", "gemma2", "phi3", "bloom", "opt"])
def test_half_precision_passes_the_check(kind, dtype):
    assert bx.load_model(tiny.folder(kind), dtype=dtype).card["dtype"] == dtype
