"""The likelihood of each of several continuations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card
from ._asking import answer_file, ask
from ._batches import budget_of
from ._chat import asked, chat_card
from ._generation import prefill
from ._next_token import forward, last, output_layer, token_logprobs
from ._tokens import common_prefix, fit, token_rows


def option_logprobs(
    model: NeuronModel,
    prompts: Sequence[str],
    options: Sequence[Sequence[str]],
    *,
    chat: bool = False,
    token_budget: int | None = None,
    progress: "tqdm[Any] | None" = None,
    store: str | Path | None = None,
) -> list[list[float]]:
    """Log-likelihood of each option after its prompt.

    A prompt and each of its options are tokenised together, since a tokenizer may join the end of the prompt with the beginning
    of the option. The tokens that the prompt and all its options have in common do not count; if the tokenizer joins nothing,
    the rest are the tokens of the option, and their sum is log P(option | prompt). The common tokens go through the model once
    for all options.

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
        The beginning of a prompt that does not fit the model's context is cut off, with a warning.
    options : sequence of sequence of str
        The options of each prompt, including the space before them if there is to be one.
    chat : bool
        Whether each prompt is wrapped by the tokenizer's chat template; the option is the beginning of the answer.
    token_budget : int, optional
        Tokens of one padded batch, options included; by default as for `complete`. Halved until a batch fits into memory.
    progress : tqdm, optional
        Progress bar that is advanced by one per prompt.
    store : str or Path, optional
        A folder of results, as for `complete`.

    Returns
    -------
    list of list of float
        Natural logarithms, one per option, in the order given. Not divided by the length of the option: shorter options are
        likelier.

    Raises
    ------
    InputError
        If the numbers of prompts and lists of options differ, a prompt has no options, an option has no token or is longer than
        half of the model's context, a prompt has no token in common with its options, or the model's weights are on a remote
        machine.

    Examples
    --------
    >>> model = load_model()
    >>> fire, water = option_logprobs(model, ['kiswahili:"moto"→English:'], [['"fire"', '"water"']])[0]
    >>> fire > water
    True
    """
    if isinstance(prompts, str):
        raise InputError("option_logprobs needs a list of prompts, not one string")
    if not model.weights_here:
        raise InputError("options are scored with the model's weights on this machine: load it without remote=")
    if len(prompts) != len(options):
        raise InputError(f"{len(prompts)} prompts and {len(options)} lists of options")
    shared, tails = _split(model, asked(model, prompts, chat), options, chat)
    longest = [max(map(len, ends)) for ends in tails]
    if max(longest, default=0) > model.max_tokens // 2:
        number = longest.index(max(longest))
        raise InputError(
            f"prompt {number} has an option of {longest[number]} tokens, more than half of the model's context of "
            f"{model.max_tokens}"
        )
    shared = fit(model, shared, max(longest, default=0))
    # A prompt whose options are one token each needs no second forward.
    lengths = [
        len(row) if most == 1 else len(ends) * (len(row) + most) for row, ends, most in zip(shared, tails, longest, strict=True)
    ]

    token_budget = budget_of(model, token_budget, writing=True)
    order = sorted(range(len(shared)), key=lambda i: shared[i])  # rows with a common beginning come into one batch

    def step(batch):
        with model.lock, torch.inference_mode():
            return _score(model, [shared[order[i]] for i in batch], [tails[order[i]] for i in batch])

    file = None
    if store is not None:
        data = data_card({"prompts": prompts} | {f"options {number}": texts for number, texts in enumerate(options)})
        data["texts"] = {"prompts": len(prompts), "options": sum(map(len, options))}
        file = answer_file(
            store, "likelihoods", run_card("option_logprobs", model.card, data=data, options=chat_card(model, chat))
        )
    results = ask([lengths[i] for i in order], step, token_budget=token_budget, progress=progress, file=file)
    return [result for _, result in sorted(zip(order, results, strict=True))]


def _split(model, prompts, options, chat):
    """The tokens that each prompt has in common with all its options, and the tokens that follow in each."""
    heads = token_rows(model, prompts, chat=chat)
    texts = [prompt + option for prompt, texts in zip(prompts, options, strict=True) for option in texts]
    wholes = iter(token_rows(model, texts, chat=chat))
    shared, tails = [], []
    for number, (head, texts) in enumerate(zip(heads, options, strict=True)):
        rows = [next(wholes) for _ in texts]
        if not rows:
            raise InputError(f"prompt {number} has no options")
        end = min(common_prefix(head, row) for row in rows)
        if end == 0:
            raise InputError(f"prompt {number} has no token in common with all its options: {prompts[number]!r}")
        if any(len(row) == end for row in rows):
            raise InputError(f"prompt {number} has an option without a token: {list(texts)}")
        shared.append(rows[0][:end])
        tails.append([row[end:] for row in rows])
    return shared, tails


def _score(model: NeuronModel, shared: list[list[int]], tails: list[list[list[int]]]) -> list[list[float]]:
    """Sums of the log-probabilities of the tails: first tokens from the shared tokens, the rest in one more forward."""
    ids, mask, cache = prefill(model, shared)
    device, flat, output = ids.device, [tail for ends in tails for tail in ends], output_layer(model)
    width = max(map(len, flat))
    values, cache = forward(model, ids, mask, last(ids), past_key_values=cache, use_cache=width > 1)
    most = max(map(len, tails))
    firsts = torch.tensor([[end[0] for end in ends] + [ends[0][0]] * (most - len(ends)) for ends in tails])
    counts = torch.tensor([[1] * len(ends) + [0] * (most - len(ends)) for ends in tails]).bool()
    sums = token_logprobs(output, values, firsts).cpu()[counts].double()
    if width > 1:
        owner = torch.tensor([i for i, ends in enumerate(tails) for _ in ends], device=device)
        ids = torch.tensor([tail + [tail[-1]] * (width - len(tail)) for tail in flat], device=device)
        counted = torch.tensor([[1] * len(tail) + [0] * (width - len(tail)) for tail in flat], device=device)
        cache.batch_select_indices(owner)
        mask, keep = torch.cat([mask[owner], counted[:, :-1]], dim=1), counted[:, 1:].bool()
        values, _ = forward(model, ids[:, :-1], mask, keep, past_key_values=cache, use_cache=True)
        rest = token_logprobs(output, values, ids[:, 1:][keep][:, None])[:, 0].cpu().double()
        sums.index_add_(0, keep.nonzero()[:, 0].cpu(), rest)
    in_order = iter(sums.tolist())
    return [[next(in_order) for _ in ends] for ends in tails]
