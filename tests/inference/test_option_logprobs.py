"""Options in one padded batch over shared tokens, against one unpadded row at a time."""

import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI

PROMPTS = [
    'kiswahili:"moto"→English:',
    'Deutsch:"Wasser"→English:"water"→Español:',
    'Passage: English:"The sun is hot and the water is cold."\nQuestion: What is hot?\nAnswer:',
    "x:",
]
#: Of different numbers and lengths, some of them the beginning of others.
OPTIONS = [
    ['"fire"', '"water"', '"'],
    ['"agua"', '"agua fría"', '"fuego"', '"agua"→English:"water"'],
    [" A", " B"],
    [" the water is very cold in the morning", " no"],
]


@pytest.fixture(scope="module")
def exact():
    """The bundled model in double precision, so that rounding hides no mistake."""
    return bx.load_model(dtype="float64", name=MINI)


def row_logprob(model: bx.NeuronModel, text: str, skip: int = 0) -> float:
    """Sum of the log-probabilities of the tokens of a text after the first `skip`, in one row without padding."""
    ids = torch.tensor([model.tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        logprobs = model.hf_model(ids).logits[0, :-1].log_softmax(dim=-1)
    return float(logprobs.gather(1, ids[0, 1:, None])[max(0, skip - 1) :].sum())


def test_equal_to_one_row_at_a_time(exact):
    got = bx.option_logprobs(exact, PROMPTS, OPTIONS)
    for prompt, options, logprobs in zip(PROMPTS, OPTIONS, got, strict=True):
        length = len(exact.tokenizer(prompt)["input_ids"])
        expected = [row_logprob(exact, prompt + option, skip=length) for option in options]
        assert logprobs == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("prompt", "options"),
    [("Answer: ", ["A", "B", "Apple"]), ("wat", ["er", "t"]), ("kiswa", ["hili", "x"]), ('"mo', ['to"', "on", "→"])],
)
def test_a_tokenizer_that_joins_prompt_and_option(exact, prompt, options):
    joined = [exact.tokenizer(prompt + option)["input_ids"] for option in options]
    alone = exact.tokenizer(prompt)["input_ids"]
    assert any(row[: len(alone)] != alone for row in joined)
    (logprobs,) = bx.option_logprobs(exact, [prompt], [options])
    whole = [row_logprob(exact, prompt + option) for option in options]
    # The tokens that count as the prompt are the same for all options.
    assert [one - logprobs[0] for one in logprobs] == pytest.approx([one - whole[0] for one in whole], abs=1e-10)


@pytest.mark.parametrize("kind", ["qwen3", "gpt2", "bloom", "gemma2", "mistral", "opt", "mpt"])
def test_every_kind_of_position_and_attention_window(kind):
    model = tiny.load(kind)
    got = bx.option_logprobs(model, PROMPTS, OPTIONS)
    for prompt, options, logprobs in zip(PROMPTS, OPTIONS, got, strict=True):
        length = len(model.tokenizer(prompt)["input_ids"])
        assert logprobs == pytest.approx([row_logprob(model, prompt + option, skip=length) for option in options], rel=1e-5)


def test_the_size_of_a_batch_makes_no_difference(exact):
    together = bx.option_logprobs(exact, PROMPTS, OPTIONS)
    for budget in (1, 200):
        apart = bx.option_logprobs(exact, PROMPTS, OPTIONS, token_budget=budget)
        assert [one for some in apart for one in some] == pytest.approx([one for some in together for one in some], rel=1e-11)


def test_shared_tokens_go_through_the_model_once(mini):
    seen = []
    hook = mini.hf_model.model.embed_tokens.register_forward_hook(lambda module, args, out: seen.append(args[0].shape))
    prompt, options = PROMPTS[2], OPTIONS[2]  # one token each
    bx.option_logprobs(mini, [prompt], [options])
    bx.option_logprobs(mini, [prompt], [[" the sun", " the cold water"]])
    hook.remove()
    length = len(mini.tokenizer(prompt)["input_ids"])
    longest = len(mini.tokenizer(prompt + " the cold water")["input_ids"])
    assert seen == [(1, length), (1, length), (2, longest - length - 1)]


def test_options_are_read_and_not_generated(mini):
    mask = torch.rand(mini.num_layers, mini.num_neurons, generator=torch.Generator().manual_seed(0)) < 0.2
    intact = bx.option_logprobs(mini, PROMPTS, OPTIONS)
    with bx.deactivate(mini, mask, positions="generated"):
        assert bx.option_logprobs(mini, PROMPTS, OPTIONS) == intact
    with bx.deactivate(mini, mask, positions="prompt"):
        off = bx.option_logprobs(mini, PROMPTS, OPTIONS)
    assert off != intact
    with bx.deactivate(mini, mask):
        assert bx.option_logprobs(mini, PROMPTS, OPTIONS) == off


def test_the_beginning_of_a_prompt_too_long_is_cut_off(mini):
    long = "cold water " * 300 + PROMPTS[0]
    with pytest.warns(UserWarning, match="1 of 2 prompts are too long for the model's context of 256 tokens"):
        got = bx.option_logprobs(mini, [long, PROMPTS[0]], [OPTIONS[0]] * 2)
    ids = mini.tokenizer(long)["input_ids"]
    options = [
        mini.tokenizer(PROMPTS[0] + option)["input_ids"][len(mini.tokenizer(PROMPTS[0])["input_ids"]) :]
        for option in OPTIONS[0]
    ]
    kept = ids[:1] + ids[len(ids) - (256 - max(map(len, options))) + 1 :]
    for option, logprob in zip(options, got[0], strict=True):
        row = torch.tensor([kept + option])
        with torch.inference_mode():
            logprobs = mini.hf_model(row).logits[0, :-1].log_softmax(dim=-1)
        expected = logprobs.gather(1, row[0, 1:, None])[len(kept) - 1 :].sum()
        assert logprob == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("prompts", "options", "message"),
    [
        ("Answer:", [[" A"]], "a list of prompts, not one string"),
        (["Answer:"], [[" A"], [" B"]], "1 prompts and 2 lists of options"),
        (["Answer:"], [[]], "prompt 0 has no options"),
        (["Answer:"], [[" A", ""]], "prompt 0 has an option without a token"),
        (["Answer:"], [[" A", " cold" * 200]], "prompt 0 has an option of 200 tokens, more than half of the model's context"),
    ],
)
def test_bad_input_is_named(mini, prompts, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.option_logprobs(mini, prompts, options)
