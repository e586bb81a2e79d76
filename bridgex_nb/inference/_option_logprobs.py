"""The likelihood of each of several continuations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card
from ._asking import answer_file, ask, forward
from ._tokens import common_prefix, fit, token_rows


def option_logprobs(
    model: NeuronModel,
    prompts: Sequence[str],
    options: Sequence[Sequence[str]],
    *,
    token_budget: int = 8192,
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
    token_budget : int
        Tokens of one padded batch, options included. Halved until a batch fits into memory.
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
    shared, tails = _split(model, prompts, options)
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

    def step(batch):
        with model.lock, torch.inference_mode():
            return _score(model, [shared[i] for i in batch], [tails[i] for i in batch])

    file = None
    if store is not None:
        data = data_card({"prompts": prompts} | {f"options {number}": texts for number, texts in enumerate(options)})
        data["texts"] = {"prompts": len(prompts), "options": sum(map(len, options))}
        file = answer_file(store, "likelihoods", run_card("option_logprobs", model.card, data=data))
    return ask(lengths, step, token_budget=token_budget, progress=progress, file=file)


def _split(model, prompts, options):
    """The tokens that each prompt has in common with all its options, and the tokens that follow in each."""
    heads = token_rows(model, prompts)
    wholes = iter(
        token_rows(model, [prompt + option for prompt, texts in zip(prompts, options, strict=True) for option in texts])
    )
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
    """Sums of the log-probabilities of the tails: one forward over the shared tokens, one over the tails."""
    inputs, flat = model.pad(shared), [tail for ends in tails for tail in ends]
    device, mask = inputs["input_ids"].device, inputs["attention_mask"]
    owner = torch.tensor([i for i, ends in enumerate(tails) for _ in ends], device=device)
    width = max(map(len, flat))
    first = forward(model, inputs["input_ids"], mask, use_cache=width > 1, last=True)
    ids = torch.tensor([tail + [tail[-1]] * (width - len(tail)) for tail in flat], device=device)
    counted = torch.tensor([[1] * len(tail) + [0] * (width - len(tail)) for tail in flat], device=device)
    logits = first.logits[owner, -1:]
    if width > 1:
        first.past_key_values.batch_select_indices(owner)
        mask = torch.cat([mask[owner], counted[:, :-1]], dim=1)
        rest = forward(model, ids[:, :-1], mask, past_key_values=first.past_key_values, use_cache=True)
        logits = torch.cat([logits, rest.logits], dim=1)
    logprobs = torch.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    sums = iter((logprobs.gather(2, ids[..., None])[..., 0] * counted).sum(dim=1).tolist())
    return [[next(sums) for _ in ends] for ends in tails]
