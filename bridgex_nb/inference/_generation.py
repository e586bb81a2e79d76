"""Greedy completions in batches, up to the first newline, with the model's own confidence."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card
from ._asking import answer_file, ask, forward
from ._tokens import common, fit, token_rows


class Completion(NamedTuple):
    """A greedy completion: its text up to the first newline, and what the model gives it.

    `logprob` is the natural logarithm of its probability, the sum over its `tokens` tokens; the one that ends it (newline or
    end of text) is counted. `ids` are these tokens.
    """

    text: str
    logprob: float
    tokens: int
    ids: tuple[int, ...] = ()

    @property
    def confidence(self) -> float:
        """Mean log-probability of a token."""
        return self.logprob / self.tokens


def complete(
    model: NeuronModel,
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 30,
    token_budget: int = 8192,
    bar=None,
    store: str | Path | None = None,
) -> list[str]:
    """Greedy completions, each up to its first newline (released code of BridgeX-ICL: 30 new tokens).

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
        One that does not fit the model's context loses its beginning, with a warning.
    max_new_tokens : int
        Half of the model's context at most.
    token_budget : int
        Tokens of one padded batch, the new ones included. Where the memory does not hold so many, it is halved until it does.
    bar : tqdm, optional
        Progress bar that is moved on by one a prompt.
    store : str or Path, optional
        A folder of results. Every batch is written there at once; the same call goes on where it was interrupted.

    Returns
    -------
    list of str
        One completion a prompt, in their order, without the newline.

    Notes
    -----
    Under ``torchrun --nproc-per-node P`` the same call shares the batches among P processes; each of them gets all completions.
    """
    return [one.text for one in _complete(model, prompts, max_new_tokens, token_budget, bar, store, scored=False)]


def complete_scored(
    model: NeuronModel,
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 30,
    token_budget: int = 8192,
    bar=None,
    store: str | Path | None = None,
) -> list[Completion]:
    """The completions of `complete`, each with the log-probability that the model gives it.

    Parameters
    ----------
    model, prompts, max_new_tokens, token_budget, bar, store
        As in `complete`.

    Returns
    -------
    list of Completion
        One a prompt, in their order.
    """
    return _complete(model, prompts, max_new_tokens, token_budget, bar, store, scored=True)


def _complete(model, prompts, max_new_tokens, token_budget, bar, store, scored):
    """As `complete_scored`; without `scored` the log-probabilities are 0 and cost nothing."""
    if isinstance(prompts, str):
        raise InputError("complete needs a list of prompts, not one string")
    if not model.weights_here:
        raise InputError("text is generated with the model's weights on this machine: load it without remote=")
    new_tokens = min(max_new_tokens, model.max_tokens // 2)
    rows = fit(model, token_rows(model, prompts), new_tokens)
    order = sorted(range(len(rows)), key=lambda i: rows[i])  # rows that begin alike come into one batch

    def step(batch):
        with model.turn, torch.inference_mode():
            return _greedy(model, [rows[order[i]] for i in batch], new_tokens, scored)

    card = model.card | {"data": data_card({"prompts": prompts}), "max_new_tokens": new_tokens, "scored": scored}
    file = None if store is None else answer_file(store, "completions", card)
    results = ask([len(rows[i]) + new_tokens for i in order], step, token_budget=token_budget, bar=bar, file=file)
    return [Completion(*result, tuple(ids)) for _, (*result, ids) in sorted(zip(order, results, strict=True))]


def _greedy(model, rows, new_tokens, scored):
    """(text, logprob, tokens, ids) of each row's greedy continuation. A row leaves the batch as soon as it has ended."""
    ids, mask, cache = _prefill(model, rows)
    final = model.end_tokens[1].to(ids.device)
    alive = torch.arange(len(rows), device=ids.device)
    written = torch.full((len(rows), new_tokens), model.tokenizer.pad_token_id, device=ids.device)
    logprobs, lengths = torch.zeros(len(rows), device=ids.device), torch.zeros_like(alive)
    for step in range(new_tokens):
        output = forward(model, ids, mask, last=True, generating=step > 0, past_key_values=cache, use_cache=True)
        scores, cache = output.logits[:, -1], output.past_key_values
        tokens = scores.max(dim=-1).indices  # on a CPU three times as fast as argmax
        written[alive, step] = tokens
        lengths[alive] += 1
        if scored:
            logprobs[alive] += scores.float().log_softmax(dim=-1).amax(dim=-1)
        going = ~final[tokens]
        if not going.all():
            stay = going.nonzero()[:, 0]
            if not len(stay):
                break
            alive, tokens, mask = alive[stay], tokens[stay], mask[stay]
            cache.batch_select_indices(stay)
        ids, mask = tokens[:, None], torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
    texts = [text.split("\n", 1)[0] for text in model.tokenizer.batch_decode(written, skip_special_tokens=True)]
    rows = zip(texts, logprobs.tolist(), lengths.tolist(), written.tolist(), strict=True)
    return [(text, logprob, length, ids[:length]) for text, logprob, length, ids in rows]


def _prefill(model, rows):
    """What is left of the rows for the first step, [B, T], the mask over all of them, and the cache of what is not left.

    Rows are cut where that leaves the fewest tokens: what several have in common in front of the cut goes through the model
    once. The cut is at the same distance from every row's end, so that no padding comes to stand in the middle, which models
    that count distances by places would not see through.
    """
    width, shortest = max(map(len, rows)), min(map(len, rows))
    alike = pairwise(sorted(rows, key=lambda row: (len(row), row)))
    # How much has to be cut off two neighbours of one length until they are the same.
    ends = sorted(max(1, len(one) - common(one, other)) for one, other in alike if len(one) == len(other))
    cost = {0: len(rows) * width}
    for saved, end in enumerate(ends, start=1):
        if end < shortest:
            cost[end] = (len(rows) - saved) * (width - end) + len(rows) * end
    end = min(cost, key=cost.get)
    if end == 0:
        inputs = model.pad(rows)
        return inputs["input_ids"], inputs["attention_mask"], None
    heads = {head: i for i, head in enumerate(dict.fromkeys(tuple(row[:-end]) for row in rows))}
    ids, mask, cache = _prefill(model, [list(head) for head in heads])
    cache = forward(model, ids, mask, last=True, past_key_values=cache, use_cache=True).past_key_values
    owner = torch.tensor([heads[tuple(row[:-end])] for row in rows], device=ids.device)
    cache.batch_select_indices(owner)
    ends = torch.tensor([row[-end:] for row in rows], device=ids.device)
    return ends, torch.cat([mask[owner], torch.ones_like(ends)], dim=1), cache
