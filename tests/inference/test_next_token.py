"""What is read off the output layer piece by piece, against the logits of the whole vocabulary."""

import inspect
import math
import shutil

import pytest
import tiny
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModelForCausalLM

import bridgex_nb as bx
from bridgex_nb.inference import _next_token
from bridgex_nb.inference._batches import default_token_budget
from bridgex_nb.inference._next_token import forward, next_tokens, output_layer, token_logprobs

#: What these add to their logits: a soft cap and factors, at values that change the order of nothing and all probabilities.
CHANGED = {
    "gemma2": {"final_logit_softcapping": 3.0},
    "gemma3_text": {"final_logit_softcapping": 3.0},
    "cohere": {"logit_scale": 0.25},
    "granite": {"logits_scaling": 4.0},
}
TEXTS = ["The sun is hot, and the moon is not.", "Maji ni", 'kiswahili:"moto"→English:"fire"']


def changed_model(kind, tmp_path, dtype=None, **changes):
    """A tiny model whose configuration says something else than the default."""
    folder = tmp_path / kind
    shutil.copytree(tiny.folder(kind), folder)
    config = AutoConfig.from_pretrained(folder)
    config.update(changes)
    config.save_pretrained(folder)
    return bx.load_model(folder, dtype=dtype)


@pytest.mark.parametrize("kind", [*tiny.ARCHITECTURES, *(f"{kind} changed" for kind in CHANGED)])
@pytest.mark.parametrize("piece", [2000, 2**20])
def test_pieces_of_the_vocabulary_are_the_whole(kind, piece, monkeypatch, tmp_path):
    name = kind.split()[0]
    model = changed_model(name, tmp_path, **CHANGED[name]) if " " in kind else tiny.load(kind)
    monkeypatch.setitem(_next_token.PIECE, "cpu", piece)
    inputs = model.pad(model.tokenizer(TEXTS)["input_ids"])
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    keep = mask.bool() & (torch.arange(ids.shape[1]) % 2 == 0)
    with torch.inference_mode():
        values, _ = forward(model, ids, mask, keep)
        assert output_layer(model) is not None
        assert values.shape == (int(keep.sum()), output_layer(model)[0].in_features)
        targets = torch.randint(ids.max() + 1, (len(values), 3), generator=torch.Generator().manual_seed(0))
        got = token_logprobs(output_layer(model), values, targets)
        tokens, scores = next_tokens(output_layer(model), values, scored=True)
        # Rows alone, so that padding and positions do not matter.
        rows = [row[attended.bool()] for row, attended in zip(ids, mask, strict=True)]
        logits = torch.cat([model.hf_model(row[None]).logits[0][k[-len(row) :]] for row, k in zip(rows, keep, strict=True)])
    whole = logits.double().log_softmax(dim=-1)
    torch.testing.assert_close(got.double(), whole.gather(1, targets), rtol=1e-4, atol=2e-4)
    torch.testing.assert_close(scores.double(), whole.amax(dim=1), rtol=1e-4, atol=2e-4)
    torch.testing.assert_close(whole.gather(1, tokens[:, None])[:, 0], whole.amax(dim=1), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("widened", [False, True])
@pytest.mark.parametrize("scale", [0.1, 1])
def test_a_soft_cap_is_found_in_half_precision(widened, scale, tmp_path, monkeypatch):
    """Logits of 2 to 8 are so far below the cap that bfloat16 hardly shows it; some models end in float32."""
    model = changed_model("gemma2", tmp_path, "bfloat16", final_logit_softcapping=30.0)
    model.hf_model.lm_head.weight.mul_(scale)
    if widened:
        plain = model.hf_model.forward

        def forward(*args, **options):
            result = plain(*args, **options)
            result.logits = result.logits.float()
            return result

        forward.__signature__ = inspect.signature(plain)
        monkeypatch.setattr(model.hf_model, "forward", forward)
    change = output_layer(model)[1]
    assert change(torch.tensor([100.0])).item() == pytest.approx(30 * math.tanh(100 / 30))


def test_what_the_configuration_does_not_say_is_not_guessed(tmp_path, monkeypatch):
    model = changed_model("llama", tmp_path, "bfloat16", final_logit_softcapping=30.0)
    assert output_layer(model)[1](torch.tensor([100.0])).item() == 100  # a Llama has no soft cap, whatever is configured
    model = changed_model("qwen2", tmp_path, "bfloat16")
    plain = model.hf_model.forward

    def forward(*args, **options):
        result = plain(*args, **options)
        result.logits = result.logits + 1
        return result

    monkeypatch.setattr(model.hf_model, "forward", forward)
    assert output_layer(model) is None


def test_an_output_layer_that_is_not_a_plain_matrix_is_read_whole():
    model = bx.load_model(tiny.folder("llama"))
    plain = bx.loglikelihood(model, TEXTS), bx.complete_scored(model, TEXTS[1:], max_new_tokens=5)
    options = bx.option_logprobs(model, TEXTS[1:], [["a", "two b"], [" c"]])
    head = model.hf_model.lm_head
    model.hf_model.lm_head = torch.nn.utils.parametrizations.weight_norm(head)  # no longer a torch.nn.Linear
    try:
        assert output_layer(model) is None
        assert bx.loglikelihood(model, TEXTS).logprob.tolist() == pytest.approx(plain[0].logprob.tolist(), rel=1e-5)
        again = bx.complete_scored(model, TEXTS[1:], max_new_tokens=5)
        assert [completion.ids for completion in again] == [completion.ids for completion in plain[1]]
        again = bx.option_logprobs(model, TEXTS[1:], [["a", "two b"], [" c"]])
        assert again[0] == pytest.approx(options[0], rel=1e-5)
    finally:
        model.hf_model.lm_head = head


class Largest(TorchDispatchMode):
    """The number of values of the largest tensor that is made inside."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if torch.is_tensor(tensor) and tensor.untyped_storage().data_ptr() not in {
                argument.untyped_storage().data_ptr() for argument in args if torch.is_tensor(argument)
            }:
                self.values = max(self.values, tensor.numel())
        return result


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A llama with as many tokens as Gemma has."""
    folder = tmp_path_factory.mktemp("wide")
    shutil.copytree(tiny.folder("llama"), folder, dirs_exist_ok=True)
    config = AutoConfig.from_pretrained(folder)
    config.update({"vocab_size": 262_144})
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return bx.load_model(folder)


@pytest.mark.parametrize(
    "read",
    [
        lambda model: bx.loglikelihood(model, TEXTS * 10),
        lambda model: bx.perplexity(model, {"en": TEXTS * 10}),
        lambda model: bx.complete_scored(model, TEXTS * 10, max_new_tokens=3),
        lambda model: bx.option_logprobs(model, TEXTS * 10, [[" a b c d", " c"]] * 30),
    ],
    ids=["loglikelihood", "perplexity", "complete", "option_logprobs"],
)
def test_no_tensor_has_all_tokens_times_the_whole_vocabulary(wide, read):
    output_layer(wide)  # one short forward with all logits
    wide.end_tokens  # noqa: B018 (one number per token of the vocabulary)
    with Largest() as largest:
        read(wide)
    assert largest.values <= 2**20


def test_the_default_budget_is_the_cpus_here(mini):
    assert default_token_budget(mini) == 512
    assert default_token_budget(mini, writing=True) > 512
    for function in (bx.count_active, bx.probe, bx.loglikelihood, bx.complete):
        with pytest.raises(bx.InputError, match="token_budget is 0; it must be 1 or more"):
            function(mini, {"en": ["a b"]} if function is bx.count_active else ["a b", "c d"], token_budget=0)
