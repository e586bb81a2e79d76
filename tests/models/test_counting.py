"""`counting`: what a model reads, against the tokenizer and what the completions say of themselves."""

import pytest
import tiny

import bridgex_nb as bx
from bridgex_nb.inference._next_token import output_layer
from bridgex_nb.models import counting

TEXTS = {"en": ["The sun is hot.", "Fire!"], "sw": ["Jua ni kali leo, na dada yangu anakunywa maziwa.", "Maji"]}
PROMPTS = [bx.word_prompt("sw", target, word) for target in ("en", "fr") for word in ("moto", "maji", "jua", "moto")]


def tokens(model, texts):
    return sum(len(model.tokenizer(text)["input_ids"]) for text in texts)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
@pytest.mark.parametrize("budget", [None, 20])
def test_sentences_are_counted_once_with_the_special_tokens_that_are_read(kind, budget):
    model, every = tiny.load(kind), [text for texts in TEXTS.values() for text in texts]
    with counting(model) as reading:
        bx.count_active(model, TEXTS, token_budget=budget)
    assert (reading.texts, reading.tokens) == (4, tokens(model, every))
    with counting(model) as reading:
        bx.probe(model, every, token_budget=budget)
        bx.sentence_vectors(model, every, state="hidden")
    assert (reading.texts, reading.tokens) == (8, 2 * tokens(model, every))


@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "gpt2"])
def test_what_prompts_share_and_what_is_written_counts_for_each(kind):
    """Common beginnings are read once for several rows, and batches differ; the numbers are those of the texts."""
    model = tiny.load(kind)
    numbers = []
    for budget in (None, 100):
        with counting(model) as reading:
            done = bx.complete_scored(model, PROMPTS, max_new_tokens=5, token_budget=budget)
        numbers.append((reading.texts, reading.tokens))
        assert numbers[-1] == (8, tokens(model, PROMPTS) + sum(completion.tokens - 1 for completion in done))
    assert numbers[0] == numbers[1]


def test_options_are_read_behind_their_prompt():
    model, options = tiny.load("llama"), ["fire", "water"]
    with counting(model) as reading:
        bx.option_logprobs(model, PROMPTS[:1], [options])
    assert reading.texts == 2
    # All but the last token of an option, behind the prompt.
    assert reading.tokens == tokens(model, [PROMPTS[0] + option for option in options]) - 2


def test_checks_of_the_model_are_left_out_and_blocks_may_be_nested():
    fresh = bx.load_model(tiny.folder("qwen2"))
    with counting(fresh) as outer:
        output_layer(fresh)
        with counting(fresh) as inner:
            bx.probe(fresh, TEXTS["en"])
    assert outer == inner
    assert inner.texts == 2
    bx.probe(fresh, TEXTS["en"])
    assert inner.texts == 2  # the block has been left


def test_a_model_that_is_elsewhere_cannot_be_counted():
    model = bx.load_model(tiny.folder("llama"), remote="local")
    model.remote = True
    with pytest.raises(bx.InputError, match="counted where its weights are"), counting(model):
        pass
