"""Greedy completions in batches, up to the first newline, with their log-probabilities."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm.auto import tqdm

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card
from ._asking import answer_file, ask
from ._batches import budget_of
from ._chat import asked, chat_card
from ._next_token import forward, last, next_tokens, output_layer
from ._tokens import common_prefix, fit, token_rows


class Completion(NamedTuple):
    """A greedy completion.

    Attributes
    ----------
    text : str
        Up to the first newline.
    logprob : float
        Natural logarithm of its probability, the sum over its tokens.
    tokens : int
        Number of its tokens, including the one that ends it (newline or end of text).
    ids : tuple of int
        These tokens.
    """

    text: str
    logprob: float
    tokens: int
    ids: tuple[int, ...] = ()

    @property
    def confidence(self) -> float:
        """Mean log-probability per token."""
        return self.logprob / self.tokens


def complete(
    model: NeuronModel,
    prompts: Sequence[str],
    *,
    chat: bool = False,
    max_new_tokens: int = 30,
    token_budget: int | None = None,
    progress: "tqdm[Any] | None" = None,
    store: str | Path | None = None,
) -> list[str]:
    """Greedy completions, each up to its first newline (released code of BridgeX-ICL: 30 new tokens).

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
        The beginning of a prompt that does not fit the model's context is cut off, with a warning.
    chat : bool
        Whether each prompt is wrapped by the tokenizer's chat template, as one turn of the user.
    max_new_tokens : int
        At most half of the model's context is used.
    token_budget : int, optional
        Tokens of one padded batch, the new ones included; by default what is fastest on a CPU, and 8,192 on a GPU. Halved until
        a batch fits into memory.
    progress : tqdm, optional
        Progress bar that is advanced by one per prompt.
    store : str or Path, optional
        A folder of results. Every batch is written there at once; the same call continues where it was interrupted.

    Returns
    -------
    list of str
        One completion per prompt, in order, without the newline.

    Raises
    ------
    InputError
        If `prompts` is a string, `max_new_tokens` or `token_budget` is less than 1, the tokenizer has no chat template, or the
        model's weights are on a remote machine.

    Notes
    -----
    Under ``torchrun --nproc-per-node P`` the same call shares the batches among P processes; each of them gets all completions.

    Examples
    --------
    >>> complete(load_model(), ['kiswahili:"moto"→English:'])
    ['"fire"']
    """
    completions = complete_groups(model, prompts, chat, max_new_tokens, token_budget, progress, store, scored=False)
    return [completion.text for completion in completions]


def complete_scored(
    model: NeuronModel,
    prompts: Sequence[str],
    *,
    chat: bool = False,
    max_new_tokens: int = 30,
    token_budget: int | None = None,
    progress: "tqdm[Any] | None" = None,
    store: str | Path | None = None,
) -> list[Completion]:
    """The completions of `complete`, each with its log-probability under the model.

    Parameters
    ----------
    model, prompts, chat, max_new_tokens, token_budget, progress, store
        As in `complete`.

    Returns
    -------
    list of Completion
        One per prompt, in order.

    Raises
    ------
    InputError
        As `complete`.

    Examples
    --------
    >>> (completion,) = complete_scored(load_model(), ['kiswahili:"moto"→English:'])
    >>> completion.text, completion.confidence > -1
    ('"fire"', True)
    """
    return complete_groups(model, prompts, chat, max_new_tokens, token_budget, progress, store, scored=True)


def complete_groups(model, prompts, chat, max_new_tokens, token_budget, progress, store, *, scored, together=1):
    """As `complete_scored`; without `scored` the log-probabilities are 0 and cost nothing.

    Every `together` prompts in a row have one completion in common.
    """
    if isinstance(prompts, str):
        raise InputError("complete needs a list of prompts, not one string")
    if max_new_tokens < 1:
        raise InputError(f"max_new_tokens is {max_new_tokens}; it must be 1 or more")
    if not model.weights_here:
        raise InputError("text is generated with the model's weights on this machine: load it without remote=")
    token_budget = budget_of(model, token_budget, writing=True)
    new_tokens = min(max_new_tokens, model.max_tokens // 2)
    rows = fit(model, token_rows(model, asked(model, prompts, chat), chat=chat), new_tokens)
    groups = [rows[i : i + together] for i in range(0, len(rows), together)]
    order = sorted(range(len(groups)), key=lambda i: groups[i])  # rows with a common beginning come into one batch

    def step(batch):
        with model.lock, torch.inference_mode():
            return _greedy(model, [row for i in batch for row in groups[order[i]]], new_tokens, scored, together)

    file = None
    if store is not None:
        data, options = data_card({"prompts": prompts}), {"max_new_tokens": new_tokens, "scored": scored}
        options |= chat_card(model, chat) | ({"together": together} if together > 1 else {})
        file = answer_file(store, "completions", run_card("complete", model.card, data=data, options=options))
    lengths = [together * (max(map(len, groups[i])) + new_tokens) for i in order]
    results = ask(lengths, step, token_budget=token_budget, progress=progress, file=file)
    return [Completion(*result, tuple(ids)) for _, (*result, ids) in sorted(zip(order, results, strict=True))]


def _greedy(model, rows, new_tokens, scored, together):
    """(text, logprob, tokens, ids) of the greedy continuation of each row; a row leaves the batch when it has ended.

    Every `together` rows go on with the likeliest token of the row that is surest of its own, and count as one row.
    """
    ids, mask, cache = prefill(model, rows)
    output, final = output_layer(model), model.end_tokens[1].to(ids.device)
    alive = torch.arange(len(rows), device=ids.device)
    written = torch.full((len(rows), new_tokens), model.tokenizer.pad_token_id, device=ids.device)
    logprobs, lengths = torch.zeros(len(rows), device=ids.device), torch.zeros_like(alive)
    for step in range(new_tokens):
        values, cache = forward(model, ids, mask, last(ids), generating=step > 0, past_key_values=cache, use_cache=True)
        tokens, scores = next_tokens(output, values, scored=scored)
        if together > 1:
            best = scores.view(-1, together).max(dim=1)
            tokens = tokens.view(-1, together).gather(1, best.indices[:, None]).expand(-1, together).reshape(-1)
            scores = best.values.repeat_interleave(together)
        tokens = tokens.to(ids.device)
        written[alive, step] = tokens
        lengths[alive] += 1
        if scored:
            logprobs[alive] += scores.to(ids.device)
        unfinished = ~final[tokens]
        if not unfinished.all():
            stay = unfinished.nonzero()[:, 0]
            if not len(stay):
                break
            alive, tokens, mask = alive[stay], tokens[stay], mask[stay]
            cache.batch_select_indices(stay)
        ids, mask = tokens[:, None], torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
    texts = [text.split("\n", 1)[0] for text in model.tokenizer.batch_decode(written, skip_special_tokens=True)]
    rows = zip(texts, logprobs.tolist(), lengths.tolist(), written.tolist(), strict=True)
    return [(text, logprob, length, ids[:length]) for text, logprob, length, ids in rows][::together]


def prefill(model, rows):
    """The tokens of the rows that the first step reads, [B, T], the mask over whole rows, and the cache of the tokens before.

    Rows are cut in two such that the fewest tokens go through the model: a beginning that several rows have in common is read
    once. The cut is at the same distance from the end of every row. Otherwise there would be padding in the middle of a row,
    which models that take distances from positions in the cache would count.
    """
    width, shortest = max(map(len, rows)), min(map(len, rows))
    neighbours = pairwise(sorted(rows, key=lambda row: (len(row), row)))
    # How many tokens have to be cut off two neighbours of one length until they are the same.
    ends = sorted(max(1, len(row) - common_prefix(row, after)) for row, after in neighbours if len(row) == len(after))
    cost = {0: len(rows) * width}
    for saved, end in enumerate(ends, start=1):
        if end < shortest:
            cost[end] = (len(rows) - saved) * (width - end) + len(rows) * end
    end = min(cost, key=cost.get)
    if end == 0:
        inputs = model.pad(rows)
        return inputs["input_ids"], inputs["attention_mask"], None
    heads = {head: i for i, head in enumerate(dict.fromkeys(tuple(row[:-end]) for row in rows))}
    ids, mask, cache = prefill(model, [list(head) for head in heads])
    nowhere = torch.zeros_like(ids, dtype=torch.bool)
    _, cache = forward(model, ids, mask, nowhere, past_key_values=cache, use_cache=True)
    owner = torch.tensor([heads[tuple(row[:-end])] for row in rows], device=ids.device)
    cache.batch_select_indices(owner)
    tails = torch.tensor([row[-end:] for row in rows], device=ids.device)
    return tails, torch.cat([mask[owner], torch.ones_like(tails)], dim=1), cache
