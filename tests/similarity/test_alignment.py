"""Alignment of sentences between languages: pooling and score from their formulas, and what they say about real models."""

import shutil
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from transformers import AutoConfig, AutoModelForCausalLM

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI
from bridgex_nb.similarity._pairing import chance_score, mean_pairing_p, nearest_both_ways, pairing_p
from bridgex_nb.stats import holm

SENTENCES = {code: texts[:8] for code, texts in bx.core_sentences().items() if code in ("en", "sw", "tl")}


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A random model of bridgex-mini's shape, with its tokenizer."""
    folder = tmp_path_factory.mktemp("untrained")
    for file in MINI.glob("tokenizer*"):
        shutil.copy(file, folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(MINI)).save_pretrained(folder)
    return bx.load_model(folder, dtype="float32")


def layer_outputs(model, ids):
    """The output of every layer [L, T, d] for one row of token ids, by plain torch hooks."""
    outputs = []

    def record(module, inputs, output):
        outputs.append(output if torch.is_tensor(output) else output[0])

    layers = model.hf_model.get_submodule(model.architecture.layers)
    handles = [layer.register_forward_hook(record) for layer in layers]
    with torch.inference_mode():
        model.hf_model(torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return torch.cat([output.view(1, len(ids), -1) for output in outputs])


def looped_vectors(model, texts, state):
    """The pooling formula, sentence by sentence and token by token, without padding and without special tokens."""
    rows = []
    special = set(model.tokenizer.all_special_ids)
    for text in texts:
        ids = model.tokenizer(text)["input_ids"]
        if state == "hidden":
            values = layer_outputs(model, ids)
        else:
            values = tiny.hooked(model, ids)[model.site]
            values = (values > 0).float() if state == "binary" else values.abs()
        values = values[:, [i for i, token in enumerate(ids) if token not in special]]
        total = sum(range(1, values.shape[1] + 1))
        rows.append(sum((t + 1) / total * values[:, t] for t in range(values.shape[1])))
    return torch.stack(rows, dim=1)


def looped_score(x, y):
    """mu of one layer, from its definition."""
    n = len(x)
    cosine = [[float(a @ b / a.norm() / b.norm()) for b in y.double()] for a in x.double()]
    hits = 0
    for i in range(n):
        others = [cosine[i][j] for j in range(n) if j != i] + [cosine[j][i] for j in range(n) if j != i]
        hits += cosine[i][i] > max(others)
    return hits / n


# Vectors


@pytest.mark.parametrize("state", ["binary", "value", "hidden"])
@pytest.mark.parametrize("kind", ["llama", "gemma2", "gpt2", "opt", "bloom", "falcon", "gpt_neox", "mpt"])
def test_pooling_follows_the_formula_and_padding_changes_nothing(kind, state):
    model = tiny.load(kind)
    expected = looped_vectors(model, SENTENCES["sw"], state)
    in_batches = bx.sentence_vectors(model, SENTENCES["sw"], state=state)
    alone = bx.sentence_vectors(model, SENTENCES["sw"], state=state, token_budget=1)
    assert expected.shape == in_batches.shape
    # In a padded batch the last bit may differ: a neuron that is rounded to inactive changes the weight of one token at most.
    assert tiny.close(alone, expected)
    assert tiny.close(in_batches, expected)


def test_hidden_states_are_those_that_transformers_gives():
    model = tiny.load("llama")
    text = SENTENCES["en"][0]
    ids = torch.tensor([model.tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        states = model.hf_model(ids, output_hidden_states=True).hidden_states[1:-1]  # the last one comes after the final norm
    weights = torch.arange(1.0, ids.shape[1] + 1)
    expected = torch.stack([(weights / weights.sum()) @ state[0] for state in states])
    vectors = bx.sentence_vectors(model, [text, SENTENCES["en"][1]], state="hidden", special_tokens=True)
    assert tiny.close(vectors[:-1, 0], expected)


def test_right_padding_gives_the_same_vectors(monkeypatch):
    model = tiny.load("llama")
    left = bx.sentence_vectors(model, SENTENCES["tl"], state="value")

    def pad(self, rows):
        width = max(map(len, rows))
        filler = self.tokenizer.pad_token_id
        return {
            "input_ids": torch.tensor([row + [filler] * (width - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
        }

    monkeypatch.setattr(bx.NeuronModel, "pad", pad)
    monkeypatch.setattr(model.tokenizer, "padding_side", "right")
    assert tiny.close(bx.sentence_vectors(model, SENTENCES["tl"], state="value"), left)


def test_the_first_word_has_weight_one_because_special_tokens_are_left_out():
    model = tiny.load("llama")
    text, other = SENTENCES["en"][:2]
    values = tiny.hooked(model, model.tokenizer(text)["input_ids"])["act"][:, 1:]
    weights = torch.arange(1.0, values.shape[1] + 1)
    expected = ((weights / weights.sum())[:, None] * values.abs()).sum(dim=1)
    assert tiny.close(bx.sentence_vectors(model, [text, other], state="value")[:, 0], expected)


@pytest.mark.parametrize("state", ["binary", "hidden"])
def test_remote_vectors_are_the_local_ones(state):
    models = tiny.load("gpt2"), bx.load_model(tiny.folder("gpt2"), remote="local")
    vectors = [bx.sentence_vectors(model, SENTENCES["sw"], state=state) for model in models]
    assert torch.equal(*vectors)


def test_a_single_sentence_has_a_vector_and_an_empty_list_is_refused():
    model = tiny.load("llama")
    two = bx.sentence_vectors(model, SENTENCES["en"][:2], token_budget=1)
    assert torch.equal(bx.sentence_vectors(model, SENTENCES["en"][:1]), two[:, :1])
    for texts in ([], "The sun is hot."):
        with pytest.raises(bx.InputError, match="sentence_vectors needs a list of at least one text"):
            bx.sentence_vectors(model, texts)
    with pytest.raises(bx.InputError, match="unknown state"):
        bx.sentence_vectors(model, SENTENCES["en"], state="spike")


@pytest.mark.parametrize("state", ["binary", "value", "hidden"])
def test_activations_that_are_not_finite_are_refused(state):
    model = bx.load_model(tiny.folder("llama"))
    model.hf_model.model.layers[1].mlp.gate_proj.weight.data[5] = float("nan")
    with pytest.raises(bx.InputError, match=r"layer 1: .*not finite"):
        bx.sentence_vectors(model, SENTENCES["en"], state=state)


# The score


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 9), d=st.integers(2, 6), seed=st.integers(0, 10**6))
def test_score_follows_its_definition(n, d, seed):
    x, y = torch.randn(2, n, d, generator=torch.Generator().manual_seed(seed))
    assert bx.aligned(x, y).double().mean().item() == looped_score(x, y)
    assert torch.equal(bx.aligned(x, y), bx.aligned(y, x))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_score_does_not_depend_on_length_or_order(seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, 3, 12, 5, generator=generator)
    order = torch.randperm(12, generator=generator)
    scale = torch.rand(12, 1, generator=generator) + 0.5
    assert torch.equal(bx.aligned(x, y)[:, order], bx.aligned((scale * x)[:, order], y[:, order]))


def test_perfect_alignment_is_one_and_shuffled_is_chance():
    generator = torch.Generator().manual_seed(0)
    n = 400
    x = torch.randn(20, n, 64, generator=generator)
    assert bx.aligned(x, 3 * x).all()
    y = torch.stack([layer[torch.randperm(n, generator=generator)] for layer in x])
    # Each of 8,000 marks is true with probability 1 / n: 20 are expected.
    assert 8 <= int(bx.aligned(x, y).sum()) <= 36


@pytest.mark.parametrize("n", [2, 10, 40])
def test_chance_is_one_in_2n_minus_1(n):
    """Scores that are independent and alike: how often is C_ii greater than everything else in its row and column?"""
    cosines = np.random.default_rng(0).normal(size=(400_000 // n**2, n, n))
    hits = 0
    for i in range(n):
        rivals = np.concatenate([np.delete(cosines[:, i, :], i, axis=1), np.delete(cosines[:, :, i], i, axis=1)], axis=1)
        hits += int((cosines[:, i, i] > rivals.max(axis=1)).sum())
    marks = len(cosines) * n
    spread = 4 * (chance_score(n) / marks) ** 0.5
    assert hits / marks == pytest.approx(chance_score(n), abs=spread)
    assert hits / marks < 1 / n - spread
    assert chance_score(n) == 1 / (2 * n - 1)


def test_vectors_without_structure_score_chance():
    x, y = torch.randn(2, 400, 50, 16, generator=torch.Generator().manual_seed(0))
    assert bx.aligned(x, y).double().mean().item() == pytest.approx(chance_score(50), abs=0.0025)


# Is it more than chance?


def all_pairings_p(nearest):
    """The definition of p: the share of all pairings, the same at all layers, with at least as many marks."""
    n = nearest.shape[-1]
    scores = [nearest[:, range(n), order].sum().item() for order in permutations(range(n))]
    return np.mean(np.array(scores) >= scores[0])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), noise=st.sampled_from([0.3, 1.0, 10.0]))
def test_p_is_the_share_of_all_pairings(seed, noise):
    x, y = torch.randn(2, 3, 6, 4, generator=torch.Generator().manual_seed(seed))
    nearest = nearest_both_ways(x, x + noise * y)
    for layer, p in zip(nearest, pairing_p(nearest), strict=True):
        assert p == pytest.approx(all_pairings_p(layer[None]), abs=1e-9)
    share = all_pairings_p(nearest)
    assert mean_pairing_p(nearest, 0) == pytest.approx(share, abs=5 * (share * (1 - share) / 9_999) ** 0.5 + 1e-4)


@pytest.mark.parametrize("structured", [False, True])
def test_unpaired_sentences_are_rarely_called_aligned(structured):
    """False positives of the p-values at 5 %, also where every sentence has one sentence that is nearest to it: not its own."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 2000, 20, 8, generator=generator)
    if structured:  # here chance is 1 / n, twice as much as without structure: P(at least 3 of 20) is 8 %, P(at least 4) 2 %
        y = torch.stack([layer[torch.randperm(20, generator=generator)] for layer in x])
    assert (pairing_p(nearest_both_ways(x, y)) < 0.05).mean() <= 0.06
    means = [mean_pairing_p(nearest_both_ways(x[i : i + 4], y[i : i + 4]), seed=i) for i in range(0, 400, 4)]
    assert np.mean(np.array(means) < 0.05) <= 0.12  # of 100
    assert (pairing_p(nearest_both_ways(x, x + 0.5 * torch.randn(x.shape, generator=generator))) < 0.05).mean() > 0.95


def test_a_long_list_of_sentences_is_tested_without_rounding_errors():
    nearest = torch.eye(2000, dtype=torch.bool)[None]
    assert pairing_p(nearest)[0] == pytest.approx(0, abs=1e-300)
    assert pairing_p(nearest.roll(1, dims=1))[0] == 1
    swapped = nearest.clone()
    swapped[0, 2:] = nearest[0, 2:].roll(1, dims=0)  # two in place: the number of matches is nearly Poisson(1)
    assert pairing_p(swapped)[0] == pytest.approx(1 - 2 / np.e, rel=1e-3)


def test_what_is_at_chance_is_called_so(mini):
    words = {code: texts[:60] for code, texts in bx.core_words().items() if code in ("en", "de", "sw")}
    result = bx.alignment(mini, words, resamples=20)
    assert result.summary == (
        f"Above chance in every language; mean score {result.table.score.mean():.3f}, chance {1 / 119:.3f}."
    )
    assert (result.by_layer.chance == 1 / 119).all()
    for table in (result.table, result.by_layer):
        assert (table.chance == 1 / 119).all()
        assert table.p_holm.tolist() == holm(table.p.to_numpy()).tolist()
    wrong = words | {code: [*texts[1:], texts[0]] for code, texts in words.items() if code != "en"}
    result = bx.alignment(mini, wrong, resamples=20)
    assert result.summary.startswith("At chance in every language; mean score 0.0")
    mixed = bx.alignment(mini, wrong | {"de": words["de"]}, resamples=20)
    assert mixed.summary.startswith("Above chance in de, at chance in the other 1; mean score 0.")


def test_ties_are_not_aligned():
    x = torch.eye(4)
    y = x.clone()
    y[1] = y[0]
    assert bx.aligned(x, y).tolist() == [False, False, True, True]
    y[2] = 0
    assert not bx.aligned(x, y)[2]


def test_vectors_that_cannot_be_paired_are_refused():
    with pytest.raises(bx.InputError, match="of one shape, n >= 2"):
        bx.aligned(torch.zeros(3, 4), torch.zeros(4, 4))
    with pytest.raises(bx.InputError, match="of one shape, n >= 2"):
        bx.aligned(torch.zeros(1, 4), torch.zeros(1, 4))


# Alignment


@pytest.mark.parametrize("state", ["binary", "value", "hidden"])
def test_alignment_of_a_real_model_by_hand(state):
    model = tiny.load("llama")
    result = bx.alignment(model, SENTENCES, "sw", state=state, resamples=50)
    vectors = {code: looped_vectors(model, texts, state) for code, texts in SENTENCES.items()}
    assert result.table.language.tolist() == ["en", "tl"]
    options = {"pivot": "sw", "state": state, "special_tokens": False, "resamples": 50, "seed": 0}
    assert (result.card["function"], result.card["options"]) == ("alignment", options)
    assert result.card["data"]["texts"] == {"en": 8, "tl": 8, "sw": 8}
    for row in result.by_layer.itertuples():
        assert row.score == looped_score(vectors["sw"][row.layer], vectors[row.language][row.layer])
        assert row.low <= row.score <= row.high
    means = result.by_layer.groupby("language", sort=False).score.mean()
    assert result.table.set_index("language").score.to_dict() == pytest.approx(means.to_dict())
    matrix = bx.mutual_alignment(model, SENTENCES, state=state)
    codes = list(SENTENCES)
    for code in ("en", "tl"):
        assert matrix[:, codes.index("sw"), codes.index(code)].tolist() == pytest.approx(
            result.by_layer[result.by_layer.language == code].score.tolist()
        )
    assert torch.equal(matrix, matrix.mT)
    assert (matrix.diagonal(dim1=1, dim2=2) == 1).all()


def test_intervals_are_those_of_a_share(mini):
    words = {code: bx.core_words()[code][:100] for code in ("en", "de")}
    layer = bx.alignment(mini, words, resamples=4000).by_layer.iloc[2]
    interval = stats.binomtest(round(100 * layer.score), 100).proportion_ci(method="wilson")
    assert layer.low == pytest.approx(interval.low, abs=0.03)
    assert layer.high == pytest.approx(interval.high, abs=0.03)


def test_the_seed_decides_the_intervals(mini):
    words = {code: bx.core_words()[code][:30] for code in ("en", "de")}
    first, same, other = (bx.alignment(mini, words, resamples=40, seed=seed).table for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, same)
    assert first.score.equals(other.score)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pivot": "xx"}, "pivot 'xx'; available: en, tl, sw"),
        ({"state": "spike"}, "unknown state 'spike'; choose from binary, value, hidden"),
        ({"sentences": {"en": SENTENCES["en"]}}, "second language"),
        ({"sentences": SENTENCES | {"sw": SENTENCES["sw"][:5]}}, "en 8, tl 8, sw 5"),
        ({"sentences": {code: texts[:1] for code, texts in SENTENCES.items()}}, "at least two"),
        ({"sentences": {"en": "The sun", "sw": "Jua"}}, "at least two"),
        ({"sentences": {}}, "given: none"),
        ({"sentences": SENTENCES | {"sw": ["maji " * 100, *SENTENCES["sw"][1:]]}}, f"sw sentence 0 .*{tiny.POSITIONS}"),
        ({"sentences": SENTENCES | {"sw": ["", *SENTENCES["sw"][1:]]}}, "sw sentence 0 has no token"),
        ({"resamples": 0}, "resamples=0"),
    ],
)
def test_bad_input_is_refused_before_the_model_runs(change, message, monkeypatch):
    monkeypatch.setattr("bridgex_nb.similarity._sentence_vectors.run_pass", None)
    with pytest.raises(bx.InputError, match=message):
        bx.alignment(**{"model": tiny.load("llama"), "sentences": SENTENCES} | change)


# Real models and real text


@pytest.mark.parametrize("state", ["binary", "value", "hidden"])
def test_training_aligns_the_words_it_was_trained_on(mini, untrained, state):
    words = {code: texts[:100] for code, texts in bx.core_words().items()}
    trained, random = (bx.alignment(model, words, state=state, resamples=1).table for model in (mini, untrained))
    print(f"\n{state}: bridgex-mini {trained.score.mean():.3f}, untrained {random.score.mean():.3f} over 100 words")
    assert (trained.score > random.score).all()
    assert trained.score.mean() > 0.1
    assert random.score.mean() < 0.02


@pytest.mark.parametrize("state", ["binary", "value", "hidden"])
def test_bridgex_mini_aligns_words_beyond_spelling_and_sentences_no_further_than_spelling(mini, state):
    """What notebook 06 says."""

    def above(table):
        return {*table.language[table.p_holm < 0.05]}

    words, sentences = ({code: texts[:100] for code, texts in some.items()} for some in (bx.core_words(), bx.core_sentences()))
    of_words = bx.alignment(mini, words, state=state, resamples=1)
    assert of_words.summary.startswith("Above chance in every language")
    assert not above(bx.spelling_alignment(words)) & {"zh", "ja", "ar", "he"}
    of_sentences = bx.alignment(mini, sentences, state=state, resamples=1)
    assert above(of_sentences.table) < above(bx.spelling_alignment(sentences)) <= {"de", "fr", "it", "pt", "es"}
    assert of_sentences.table.score.mean() == pytest.approx(1 / 199, abs=0.005)  # chance


@pytest.mark.slow
def test_flores(shared_data, mini, untrained):
    """bridgex-mini has not seen such sentences: it aligns what they share on the surface, as an untrained model does."""
    folder = shared_data / "flores200" / "devtest"
    texts = [(folder / f"{code}.devtest").read_text(encoding="utf-8").splitlines()[:80] for code in ("eng_Latn", "por_Latn")]
    for name, model in (("bridgex-mini", mini), ("untrained", untrained)):
        x, y = (bx.sentence_vectors(model, sentences) for sentences in texts)
        right, wrong = (bx.aligned(x, vectors).double().mean().item() for vectors in (y, y.roll(1, dims=1)))
        print(f"\nFLORES, English and Portuguese, {name}: {right:.3f}, with the sentences shifted by one {wrong:.3f}")
        assert right > 0.06
        assert wrong < 0.04  # chance is 1 / 159
