"""The lens against models cut off behind a layer, whose own next-token distribution is what it has to show."""

import math
from itertools import product

import pandas as pd
import pytest
import tiny
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModelForCausalLM

import bridgex_nb as bx
from bridgex_nb.evaluation._word_examples import prompts_behind_examples
from bridgex_nb.inference import _next_token

#: What these add to their logits: a soft cap and factors, at values that change all probabilities.
CHANGED = {
    "gemma2": {"final_logit_softcapping": 3.0},
    "gemma3_text": {"final_logit_softcapping": 3.0},
    "cohere": {"logit_scale": 0.25},
    "granite": {"logits_scaling": 4.0},
}
WORDS = bx.core_lexicon("sw", "tl").sample(6)
CODES = ("sw", "tl", "en", "es", "pt")


def changed_model(kind, folder, **changes):
    config = AutoConfig.from_pretrained(tiny.folder(kind))
    config.update(changes)
    for file in tiny.folder(kind).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config.save_pretrained(folder)
    return bx.load_model(folder)


def cut_off(model, layer, prompts):
    """Next-token distributions [prompts, vocabulary], float64, of the model without the layers behind one; no padding."""
    path, _, name = model.architecture.layers.rpartition(".")
    holder = model.hf_model.get_submodule(path)
    whole = getattr(holder, name)
    setattr(holder, name, whole[: layer + 1])
    try:
        with torch.inference_mode():
            rows = [model.tokenizer(prompt, return_tensors="pt")["input_ids"] for prompt in prompts]
            logits = [model.hf_model(row, use_cache=False).logits[0, -1] for row in rows]
    finally:
        setattr(holder, name, whole)
    return torch.stack(logits).double().softmax(dim=-1)


def begins(model, prompt, forms):
    """The first tokens of the forms behind a prompt."""
    before = model.tokenizer(prompt)["input_ids"]
    rows = [model.tokenizer(prompt + form + '"')["input_ids"] for form in forms]
    return {row[len(before)] for row in rows if row[: len(before)] == before}


def by_hand(model, lexicon, codes, prompts):
    """(probability, null), each [L, K, S], as the definitions say; NaN where a word does not count."""
    words, size = list(lexicon.entries), (model.num_layers, len(codes), len(lexicon))
    into = {code: bx.core_lexicon(lexicon.src, code).entries for code in codes[2:]} | {lexicon.tgt: lexicon.entries}
    into[lexicon.src] = {word: [word] for word in words}
    asked = list(zip(prompts, words, strict=True))
    first = [[begins(model, prompt, into[code].get(word, [])) for code in codes] for prompt, word in asked]
    only = [[here - set().union(*(other for other in of_word if other is not here)) for here in of_word] for of_word in first]
    found, null = torch.full(size, math.nan).double(), torch.full(size, math.nan).double()
    for layer, chances in enumerate(cut_off(model, layer, prompts) for layer in range(model.num_layers)):
        for k, s in product(range(len(codes)), range(len(words))):
            if only[s][k]:
                found[layer, k, s] = chances[s, list(only[s][k])].sum()
                concept = set().union(*first[s])
                others = [tokens for word in range(len(words)) if word != s and (tokens := only[word][k] - concept)]
                null[layer, k, s] = torch.stack([chances[s, list(tokens)].sum() for tokens in others]).mean()
    return found, null


def same(found, expected):
    return torch.allclose(found.double(), torch.as_tensor(expected).double(), rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("kind", [*tiny.ARCHITECTURES, *(f"{kind} changed" for kind in CHANGED)])
def test_every_layer_is_the_model_cut_off_behind_it(kind, tmp_path):
    """At the last layer that is the model itself: soft caps, factors, biases and all."""
    name = kind.split()[0]
    model = changed_model(name, tmp_path, **CHANGED[name]) if " " in kind else tiny.load(kind)
    lens = bx.language_lens(model, WORDS, CODES, resamples=10, token_budget=100)
    prompts = [bx.word_prompt("sw", "tl", word) + '"' for word in WORDS.entries]
    found, null = by_hand(model, WORDS, CODES, prompts)
    assert same(lens.probabilities, found)
    assert same(lens.nulls, null)
    for layer in range(model.num_layers):
        chances = cut_off(model, layer, prompts)
        assert same(lens.entropy[layer], -torch.special.xlogy(chances, chances).sum(dim=1))
        top = chances.gather(1, lens.likeliest[layer][:, None])[:, 0]
        assert torch.allclose(top, chances.amax(dim=1), rtol=1e-4)


@pytest.fixture(scope="module")
def lens(mini):
    return bx.language_lens(mini, bx.core_lexicon("sw", "tl").sample(40), ["en", "fr", "es", "pt"], resamples=200)


def test_the_table_is_the_mean_over_the_words(lens):
    assert lens.languages == ("sw", "tl", "en", "fr", "es", "pt")
    wide = pd.DataFrame(lens.probabilities[4].T.numpy(), columns=lens.languages)
    null = pd.DataFrame(lens.nulls[4].T.numpy(), columns=lens.languages)
    rows = lens.table[lens.table.layer == 4].set_index("language")
    assert rows.probability.to_dict() == pytest.approx(wide.mean().to_dict())
    assert rows.null.to_dict() == pytest.approx(null.mean().to_dict())
    assert rows.excess.to_dict() == pytest.approx((wide - null).mean().to_dict())
    assert rows.share.to_dict() == pytest.approx((wide.mean() / wide.mean().sum()).to_dict())
    assert rows.words.to_dict() == wide.notna().sum().to_dict()
    dropped = lens.dropped.set_index("language")
    assert (dropped.sum(axis=1) == 40).all()
    assert dropped.words.to_dict() == wide.notna().sum().to_dict()
    assert dropped.ambiguous.max() > 0


def test_intervals_are_those_of_a_bootstrap_over_words(lens):
    """The standard error of the mean, by its formula."""
    values = pd.DataFrame(lens.probabilities[5].T.numpy(), columns=lens.languages)["tl"].dropna()
    row = lens.table[(lens.table.layer == 5) & (lens.table.language == "tl")].iloc[0]
    error = values.std() / math.sqrt(len(values))
    assert (row.high - row.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.2)
    assert row.low < row.probability < row.high


def test_ambiguous_and_missing_forms_are_dropped_and_counted(mini):
    words = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"], "jua": ["araw"]})
    tokens = {form: begins(mini, 'kiswahili:"moto"→Tagalog:"', [form]) for form in ("apoy", "fire", "tubig", "water", "sun")}
    assert all(len(these) == 1 for these in tokens.values())
    forms = {
        "en": bx.Lexicon("sw", "en", {"moto": ["apoy", "fire"], "maji": ["tubig"]}),
        "fr": bx.Lexicon("sw", "fr", {"moto": ["feu"], "maji": ["eau"], "jua": ["soleil"]}),
    }
    lens = bx.language_lens(mini, words, ["en", "fr"], forms=forms, resamples=10)
    counted = lens.dropped.set_index("language").T.to_dict()
    # apoy is both languages' word for moto, tubig for maji; English still has fire, Tagalog nothing; jua has no English word.
    assert counted["tl"] == {"words": 1, "ambiguous": 2, "missing": 0}
    assert counted["en"] == {"words": 1, "ambiguous": 1, "missing": 1}
    assert counted["fr"] == {"words": 3, "ambiguous": 0, "missing": 0}
    (fire,) = tokens["fire"]
    last = cut_off(mini, mini.num_layers - 1, ['kiswahili:"moto"→Tagalog:"'])[0]
    assert lens.probabilities[-1, 2, 0].item() == pytest.approx(last[fire].item(), rel=1e-4)
    assert lens.probabilities[:, 1, 0].isnan().all()


def test_a_form_that_the_tokenizer_joins_with_the_prompt_is_missing(mini, monkeypatch):
    words = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"], "jua": ["araw"]})
    forms = {"en": bx.Lexicon("sw", "en", {"moto": ["fire"], "maji": ["water"], "jua": ["sun"]})}
    mini = bx.load_model()
    mini.tokenizer.add_tokens('"fire')
    lens = bx.language_lens(mini, words, ["en"], forms=forms, resamples=10)
    assert lens.dropped.set_index("language").loc["en"].to_dict() == {"words": 2, "ambiguous": 0, "missing": 1}


def test_examples_stand_before_the_words(mini, lens):
    words = bx.core_lexicon("sw", "tl").sample(40)
    behind = bx.language_lens(mini, words, ["en", "fr", "es", "pt"], shots=2, resamples=10)
    assert behind.card["options"]["shots"] == 2
    assert not torch.allclose(behind.probabilities, lens.probabilities, equal_nan=True, rtol=1e-2)
    prompt = prompts_behind_examples(words, [lens.words[7]], 2, 0)[0] + '"'
    assert prompt.count("→Tagalog:") == 3
    chances = cut_off(mini, 3, [prompt])[0]
    assert behind.entropy[3, 7].item() == pytest.approx(-(chances * chances.log()).sum().item(), rel=1e-4)


def test_a_chat_template_is_asked_as_one_turn():
    model = bx.load_model(tiny.folder("llama"))
    model.tokenizer.chat_template = "{% for m in messages %}user: {{ m['content'] }}\n{% endfor %}model: "
    lens = bx.language_lens(model, WORDS, ["en"], chat=True, resamples=10)
    prompt = f'user: {bx.word_prompt("sw", "tl", lens.words[0])}\nmodel: "'
    ids = torch.tensor([model.tokenizer(prompt, add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        chances = model.hf_model(ids).logits[0, -1].double().softmax(dim=0)
    assert lens.entropy[-1, 0].item() == pytest.approx(-(chances * chances.log()).sum().item(), rel=1e-4)


def test_interventions_are_seen():
    model = bx.load_model(tiny.folder("llama"))
    prompts = [bx.word_prompt("sw", "tl", word) + '"' for word in WORDS.entries]
    plain = bx.language_lens(model, WORDS, ["en"], resamples=10)
    with bx.deactivate(model, tiny.neuron_set(0)):
        off = bx.language_lens(model, WORDS, ["en"], resamples=10)
        chances = cut_off(model, model.num_layers - 1, prompts)
    assert same(off.entropy[-1], -(chances * chances.log()).sum(dim=1))
    assert not torch.allclose(off.entropy, plain.entropy, rtol=1e-3)


def test_padding_and_batches_do_not_matter(mini, lens):
    words = bx.core_lexicon("sw", "tl").sample(40)
    alone = bx.language_lens(mini, words, ["en", "fr", "es", "pt"], resamples=200, token_budget=1)
    torch.testing.assert_close(alone.probabilities, lens.probabilities, rtol=1e-3, atol=1e-6, equal_nan=True)
    assert torch.equal(alone.likeliest, lens.likeliest)


@pytest.mark.parametrize("piece", [3000, 2**20])
def test_pieces_of_the_vocabulary_are_the_whole(mini, lens, piece, monkeypatch):
    monkeypatch.setitem(_next_token.PIECE, "cpu", piece)
    again = bx.language_lens(mini, bx.core_lexicon("sw", "tl").sample(40), ["en", "fr", "es", "pt"], resamples=200)
    torch.testing.assert_close(again.probabilities, lens.probabilities, rtol=1e-3, atol=1e-6, equal_nan=True)
    torch.testing.assert_close(again.entropy, lens.entropy, rtol=1e-4, atol=1e-5)
    assert torch.equal(again.likeliest, lens.likeliest)


class Largest(TorchDispatchMode):
    """The number of values of the largest tensor that is computed inside."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        given = {argument.untyped_storage().data_ptr() for argument in args if torch.is_tensor(argument)}
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if torch.is_tensor(tensor) and tensor.untyped_storage().data_ptr() not in given:
                self.values = max(self.values, tensor.numel())
        return result


def test_no_tensor_has_all_words_times_the_whole_vocabulary(tmp_path):
    for file in tiny.folder("llama").glob("token*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = AutoConfig.from_pretrained(tiny.folder("llama"))
    config.update({"vocab_size": 262_144})
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    model = bx.load_model(tmp_path)
    words = bx.core_lexicon("sw", "tl").sample(100)
    _next_token.output_layer(model)  # one short forward with all logits
    with Largest() as largest:
        bx.language_lens(model, words, ["en"], resamples=10)
    assert largest.values <= 2**20


def test_a_lens_is_stored_and_found_again(mini, lens, tmp_path, monkeypatch):
    words, codes = bx.core_lexicon("sw", "tl").sample(40), ["en", "fr", "es", "pt"]
    first = bx.language_lens(mini, words, codes, resamples=200, store=tmp_path)
    monkeypatch.setattr("bridgex_nb.lens._read_layers.run_pass", None)
    again = bx.language_lens(mini, words, codes, resamples=200, store=tmp_path)
    for found in (first, again):
        pd.testing.assert_frame_equal(found.table, lens.table)
        pd.testing.assert_frame_equal(found.dropped, lens.dropped)
        for name in ("probabilities", "nulls", "entropy", "likeliest", "first_tokens"):
            torch.testing.assert_close(getattr(found, name), getattr(lens, name), rtol=0, atol=0, equal_nan=True)
        assert (found.words, found.languages, found.src, found.tgt) == (lens.words, lens.languages, "sw", "tl")
    with pytest.raises(TypeError):  # other words are another result, which has to be computed
        bx.language_lens(mini, words.sample(30), codes, resamples=200, store=tmp_path)


def test_what_a_file_must_hold(tmp_path, mini):
    bx.probe(mini, ["a b", "c d"]).save(tmp_path / "probe.safetensors")
    with pytest.raises(bx.InputError, match="not a file of a lens"):
        bx.LanguageLens.load(tmp_path / "probe.safetensors")


def test_a_remote_trace_gives_the_same():
    here, there = tiny.load("gemma2"), bx.load_model(tiny.folder("gemma2"), remote="local")
    near, far = (bx.language_lens(model, WORDS, ["en"], resamples=10) for model in (here, there))
    assert torch.equal(near.entropy, far.entropy)
    assert torch.equal(near.likeliest, far.likeliest)
