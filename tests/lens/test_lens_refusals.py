"""What the lens refuses, in one line and before the expensive work."""

from dataclasses import replace

import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.models._architectures import ARCHITECTURES

WORDS = bx.core_lexicon("sw", "tl").sample(6)


def refusal(*args, **options):
    with pytest.raises(bx.InputError) as caught:
        bx.language_lens(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def with_norm(path, kind="llama"):
    model = bx.load_model(tiny.folder(kind))
    model.architecture = replace(ARCHITECTURES[kind], norm=path)
    return model


def test_an_architecture_registered_without_a_norm():
    message = refusal(with_norm(None), WORDS)
    assert "no final norm is known for 'llama'" in message
    assert "register_site('llama', bridgex_nb.Architecture(…, norm=…))" in message


@pytest.mark.parametrize("path", ["model.layers.2.input_layernorm", "model.layers.2", "model.embed_tokens", "lm_head"])
def test_a_module_that_is_not_the_final_norm(path):
    model = with_norm(path)
    if path.endswith("norm"):  # a copy with other weights
        model.hf_model.get_submodule(path).weight.data.mul_(2)
    assert f"{path}, which is registered as the final norm of 'llama', is not what stands between" in refusal(model, WORDS)


def test_a_path_that_is_not_there():
    assert "has no module model.ln_f" in refusal(with_norm("model.ln_f"), WORDS)


def test_a_model_that_changes_the_state_behind_its_norm():
    """OPT with narrow embeddings projects behind its norm: the lens would show something else than the model."""
    model = bx.load_model(tiny.folder("opt"))
    decoder = model.hf_model.model.decoder
    decoder.project_out = torch.nn.Linear(32, 32, bias=False)
    assert "is not what stands between" in refusal(model, WORDS)


def test_an_output_layer_that_is_no_plain_matrix():
    model = bx.load_model(tiny.folder("llama"))
    model.hf_model.lm_head = torch.nn.utils.parametrizations.weight_norm(model.hf_model.lm_head)
    assert "no plain matrix" in refusal(model, WORDS)


def test_weights_on_another_machine():
    model = bx.load_model(tiny.folder("llama"))
    model.remote = True
    assert "load the model without remote=" in refusal(model, WORDS)


def test_states_that_are_not_finite():
    assert "on a short text are not finite" in refusal(tiny.broken(), WORDS)
    model = bx.load_model(tiny.folder("llama"))
    bx.language_lens(model, WORDS, resamples=10)
    model.hf_model.model.layers[1].mlp.gate_proj.weight.data[5] = float("nan")
    assert "the states of the layers are not finite" in refusal(model, WORDS)


def test_words_and_languages(mini):
    assert "has 1 word(s)" in refusal(mini, WORDS.sample(1))
    assert "give a list of language codes, such as ['en']" in refusal(mini, WORDS, "en")
    assert "give one besides sw and tl" in refusal(mini, WORDS, ["sw"])
    assert "unknown language" in refusal(mini, WORDS, ["xx"])
    assert "shots=-1" in refusal(mini, WORDS, shots=-1)
    assert "too few for 6 examples" in refusal(mini, WORDS, shots=6)
    assert "resamples=0" in refusal(mini, WORDS, resamples=0)
    assert "token_budget is 0" in refusal(mini, WORDS, token_budget=0)
    assert "no chat template" in refusal(mini, WORDS, chat=True)
    assert "the core lexicon has no Hindi" in refusal(mini, WORDS, ["hi"])
    assert "forms={'hi': Lexicon('sw', 'hi', …)}" in refusal(mini, WORDS, ["hi"])


def test_forms(mini):
    english = bx.core_lexicon("sw", "en")
    assert "the forms of fr are a lexicon sw-en, not sw-fr" in refusal(mini, WORDS, ["fr"], forms={"fr": english})
    assert "en is not among the languages; leave them out" in refusal(mini, WORDS, ["fr"], forms={"en": english})
    assert "those of tl are in the lexicon" in refusal(mini, WORDS, ["fr"], forms={"tl": bx.core_lexicon("sw", "tl")})


def test_a_target_without_a_token_of_its_own(mini):
    words = bx.Lexicon("sw", "tl", {"moto": ["fire"], "maji": ["water"]})
    forms = {"en": bx.Lexicon("sw", "en", words.entries)}
    assert "no word of tl begins with a token that is not that of another language" in refusal(mini, words, ["en"], forms=forms)
