"""Greedy completions in batches, up to the first newline, with the model's own confidence."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from .errors import InputError
from .model import NeuronModel, batches_by_length


class _Newline(StoppingCriteria):
    """A row is finished once its last token holds a newline."""

    def __init__(self, newline_tokens):
        self.newline_tokens = newline_tokens

    def __call__(self, input_ids, scores, **kwargs):
        return self.newline_tokens[input_ids[:, -1]]


class _Confidence(LogitsProcessor):
    """Keeps the log-probability of each step's likeliest token, [B] a step, and never the [B, vocabulary] scores."""

    def __init__(self):
        self.steps = []

    def __call__(self, input_ids, scores):
        self.steps.append(torch.log_softmax(scores.float(), dim=-1).amax(dim=-1))
        return scores


class Completion(NamedTuple):
    """A greedy completion: its text up to the first newline, and what the model gives it.

    `logprob` is the natural logarithm of its probability, the sum over its `tokens` tokens; the one that ends it (newline or
    end of text) is counted. `ids` are these tokens.
    """

    text: str
    logprob: float
    tokens: int
    ids: tuple[int, ...] = ()


def complete(
    model: NeuronModel, prompts: Sequence[str], *, max_new_tokens: int = 30, token_budget: int = 8192, bar=None
) -> list[str]:
    """Greedy completions, each up to its first newline (released code of BridgeX-ICL: 30 new tokens).

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
    max_new_tokens : int
    token_budget : int
        Tokens of one padded batch, the new ones included.
    bar : tqdm, optional
        Progress bar that is moved on by one a prompt.

    Returns
    -------
    list of str
        One completion a prompt, in their order, without the newline.
    """
    return [one.text for one in _complete(model, prompts, max_new_tokens, token_budget, bar, scored=False)]


def complete_scored(
    model: NeuronModel, prompts: Sequence[str], *, max_new_tokens: int = 30, token_budget: int = 8192, bar=None
) -> list[Completion]:
    """The completions of `complete`, each with the log-probability that the model gives it.

    Parameters
    ----------
    model, prompts, max_new_tokens, token_budget, bar
        As in `complete`.

    Returns
    -------
    list of Completion
        One a prompt, in their order.
    """
    return _complete(model, prompts, max_new_tokens, token_budget, bar, scored=True)


def _complete(model, prompts, max_new_tokens, token_budget, bar, scored):
    """As `complete_scored`; without `scored` the log-probabilities are 0 and cost nothing."""
    if isinstance(prompts, str):
        raise InputError("complete needs a list of prompts, not one string")
    if not model.weights_here:
        raise InputError("text is generated with the model's weights on this machine: load it without remote=")
    config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,  # some checkpoints ship one, and would not decode greedily
        max_new_tokens=max_new_tokens,
        use_cache=True,  # MPT's own configuration says no
        pad_token_id=model.tokenizer.pad_token_id,
        eos_token_id=model.hf_model.generation_config.eos_token_id,
    )
    rows = model.tokenizer(list(prompts))["input_ids"] if prompts else []
    completions = [Completion("", 0.0, 0)] * len(rows)
    for batch in batches_by_length([len(row) + max_new_tokens for row in rows], token_budget):
        inputs = model.pad([rows[i] for i in batch])
        device = inputs["input_ids"].device
        newline, final = (tokens.to(device) for tokens in model.end_tokens)
        stop = StoppingCriteriaList([_Newline(newline)])
        kept = _Confidence()
        processors = LogitsProcessorList([kept] if scored else [])
        with torch.inference_mode():
            output = model.hf_model.generate(
                **inputs, generation_config=config, stopping_criteria=stop, logits_processor=processors
            )
        new = output[:, inputs["input_ids"].shape[1] :]
        # A row that has ended is padded until the last one has: only tokens without an end before them are its own.
        ends = final[new].int()
        own = ends.cumsum(dim=1) - ends == 0
        steps = torch.stack(kept.steps, dim=1) if scored else torch.zeros_like(new, dtype=torch.float32)
        logprobs = torch.where(own, steps, 0.0).sum(dim=1).tolist()
        texts = model.tokenizer.batch_decode(new, skip_special_tokens=True)
        for i, text, logprob, ids, tokens in zip(batch, texts, logprobs, new.tolist(), own.sum(dim=1).tolist(), strict=True):
            completions[i] = Completion(text.split("\n", 1)[0], logprob, tokens, tuple(ids[:tokens]))
        if bar is not None:
            bar.update(len(batch))
    return completions
