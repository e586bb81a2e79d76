"""One completion of several prompts: MaxEns against its formula over whole distributions, one plain forward per prompt."""

import pytest
import tiny
import torch

import bridgex_nb as bx
from bridgex_nb.inference import complete_together

GROUPS = [
    ['kiswahili:"moto"→English:', 'kiswahili:"moto"→Français:"feu"→English:', "The sun is"],
    ["a", 'kiswahili:"maji"→Deutsch:', 'kiswahili:"jua"→English:"sun"→Tagalog:'],
    ["b", "b", "b"],
]


def by_formula(model, prompts, new_tokens):
    """argmax over the vocabulary of the highest probability behind any prompt, token by token, without a cache."""
    heads = [model.tokenizer(prompt)["input_ids"] for prompt in prompts]
    written, logprob = [], 0.0
    while len(written) < new_tokens:
        with torch.inference_mode():
            last = [model.hf_model(torch.tensor([[*head, *written]])).logits[0, -1].double() for head in heads]
        highest = torch.stack(last).log_softmax(dim=-1).amax(dim=0)
        written.append(int(highest.argmax()))
        logprob += float(highest.max())
        if "\n" in model.tokenizer.decode(written[-1:]) or written[-1] == model.tokenizer.eos_token_id:
            break
    return model.tokenizer.decode(written, skip_special_tokens=True).split("\n", 1)[0], written, logprob


@pytest.mark.parametrize("kind", ["mini", "qwen3", "gpt2", "bloom", "gemma2"])
@pytest.mark.parametrize("token_budget", [60, 4000])
def test_the_same_as_the_formula(kind, token_budget, mini):
    model = mini if kind == "mini" else tiny.load(kind)
    got = complete_together(model, GROUPS, max_new_tokens=8, token_budget=token_budget)
    for prompts, completion in zip(GROUPS, got, strict=True):
        text, ids, logprob = by_formula(model, prompts, 8)
        assert (completion.text, list(completion.ids)) == (text, ids)
        assert completion.logprob == pytest.approx(logprob, rel=1e-4, abs=1e-5)


def test_one_prompt_and_the_same_prompt_twice_are_the_prompt_alone(mini):
    prompts = [prompt for group in GROUPS for prompt in group]
    alone = bx.complete_scored(mini, prompts)
    for times in (1, 2):
        together = complete_together(mini, [[prompt] * times for prompt in prompts])
        assert [completion.text for completion in together] == [completion.text for completion in alone]
        assert [c.logprob for c in together] == pytest.approx([c.logprob for c in alone], abs=1e-4)


def test_an_interrupted_run_goes_on(mini, tmp_path):
    first = complete_together(mini, GROUPS, store=tmp_path)
    assert complete_together(mini, GROUPS, store=tmp_path) == first
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1
    flat = bx.complete_scored(mini, [prompt for group in GROUPS for prompt in group], store=tmp_path)
    assert len(flat) == 9  # other answers, in another file


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (["a", "b"], "needs groups of prompts"),
        ("ab", "needs groups of prompts"),
        ([["a"], ["a", "b"]], "groups have 1 or 2 prompts"),
        ([[]], "groups have 0 prompts"),
    ],
)
def test_other_groups_are_refused(prompts, message):
    with pytest.raises(bx.InputError, match=message):
        complete_together(None, prompts)
