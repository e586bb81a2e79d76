"""Neurons behind a behaviour: those that are on in one set of prompts and not in its opposite, and what steering them does."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from .activations import count_active
from .controls import beyond_random, random_sets
from .errors import InputError
from .generation import complete, complete_scored
from .interventions import steer
from .language_neurons import lape
from .model import NeuronModel
from .passes import run_pass, token_rows
from .progress import outer_bar
from .results import ActivationCounts
from .stores import data_card

SIDES = ("positive", "negative")
#: The bar of `lape`: a neuron is of a side where it is on more often than this share of all neurons, on both sides, are.
BARS = {"semantic": 0.50, "decision": 0.95}


def contrast_neurons(
    model: NeuronModel,
    positive: Sequence[str],
    negative: Sequence[str],
    rate: float = 0.01,
    bar: str | float = "semantic",
    *,
    tokens: str = "generated",
    max_new_tokens: int = 30,
    token_budget: int = 8192,
) -> dict[str, torch.Tensor]:
    """The neurons of two opposite behaviours: LAPE with the behaviours in place of languages.

    Parameters
    ----------
    model : NeuronModel
    positive, negative : sequence of str
        Prompts that make the model show the behaviour, and its opposite.
    rate : float
        Share of the L N neurons, those that tell the sides apart best, in (0, 1).
    bar : {"semantic", "decision"} or float
        As in `lape`: 0.50 for `semantic`, 0.95 for `decision`. The higher, the more often a neuron has to be on.
    tokens : {"generated", "prompt"}
        The tokens that are looked at: those of the greedy completions (up to their first newline), or those of the prompts.
    max_new_tokens, token_budget : int
        As in `complete`.

    Returns
    -------
    dict of str to torch.Tensor
        "positive" and "negative" -> bool [L, N]; no neuron is in both.

    Raises
    ------
    InputError
        If a side has no prompts, or as `lape`.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994). Its released code divides by the number of questions; here it is the
    number of tokens, as in LAPE.

    Examples
    --------
    >>> sides = contrast_neurons(model, agreeing, disagreeing)  # doctest: +SKIP
    >>> contrast_shift(model, sides, questions, read_option)  # doctest: +SKIP
    """
    if tokens not in ("generated", "prompt"):
        raise InputError(f"unknown tokens {tokens!r}; there are generated and prompt")
    if isinstance(bar, str) and bar not in BARS:
        raise InputError(f"unknown bar {bar!r}; there are {', '.join(BARS)}, or a share")
    prompts = dict(zip(SIDES, (positive, negative), strict=True))
    for side, some in prompts.items():
        if isinstance(some, str) or not len(some):
            raise InputError(f"the {side} side needs a list of prompts")
    if tokens == "prompt":
        counts = count_active(model, prompts, token_budget=token_budget)
    else:
        counts = count_generated(model, prompts, max_new_tokens=max_new_tokens, token_budget=token_budget)
    one, other = lape(counts, rate, BARS.get(bar, bar)).values()
    return {"positive": one & ~other, "negative": other & ~one}


def count_generated(
    model: NeuronModel, prompts: Mapping[str, Sequence[str]], *, max_new_tokens: int = 30, token_budget: int = 8192
) -> ActivationCounts:
    """Count the tokens at which each neuron is active, of those that the model itself writes.

    Parameters
    ----------
    model : NeuronModel
    prompts : mapping of str to sequence of str
        Language, or behaviour -> prompts.
    max_new_tokens, token_budget : int
        As in `complete`. The token that ends a completion is counted.

    Returns
    -------
    ActivationCounts
        active int64 [K, L, N], tokens int64 [K].
    """
    owner = torch.tensor([k for k, some in enumerate(prompts.values()) for _ in some])
    texts = [prompt for some in prompts.values() for prompt in some]
    written = [one.ids for one in complete_scored(model, texts, max_new_tokens=max_new_tokens, token_budget=token_budget)]
    rows = [[*row, *ids] for row, ids in zip(token_rows(model, texts), written, strict=True)]
    new = torch.tensor([len(ids) for ids in written])

    def active_tokens(layer, values, mask, batch):
        width = values.shape[1]
        weights = (torch.arange(width) >= width - new[batch][:, None]).to(values.device).float()  # padding is on the left
        active = torch.bmm(weights[:, None], (values > 0).float())[:, 0]
        total = torch.zeros(len(prompts), active.shape[1], device=values.device)
        return total.index_add_(0, owner[batch].to(values.device), active).long()

    def add(state, batch, reduced):
        for layer, total in enumerate(reduced):
            state[layer] += total.cpu()

    state = run_pass(
        model,
        rows,
        range(model.num_layers),
        active_tokens,
        add,
        [torch.zeros(len(prompts), model.num_neurons, dtype=torch.int64) for _ in range(model.num_layers)],
        special_tokens=True,
        token_budget=token_budget,
        description="counting",
    )
    tokens = torch.zeros(len(prompts), dtype=torch.int64).index_add_(0, owner, new)
    card = model.card | {"data": {"kind": "generated", **data_card(prompts), "max_new_tokens": max_new_tokens}}
    return ActivationCounts(torch.stack(state, dim=1), tokens, tuple(prompts), card)


def contrast_shift(
    model: NeuronModel,
    sides: Mapping[str, torch.Tensor],
    prompts: Sequence[str],
    read: Callable[[Sequence[str]], Sequence[str | None]],
    *,
    factor: float = 5.0,
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    **options,
) -> pd.DataFrame:
    """How the model's answers shift when one side's neurons are amplified and the other's deactivated.

    Parameters
    ----------
    model : NeuronModel
    sides : mapping of str to torch.Tensor
        "positive" and "negative" -> bool [L, N], of `contrast_neurons`.
    prompts : sequence of str
        Questions.
    read : callable
        Completions -> one answer each, None where there is none: `read_option` for letters, `output_language` for languages.
    factor : float
        For the neurons of the side that is strengthened.
    draws : int
        Random pairs of sets, of equal size per layer, that are steered in the same way.
    resamples : int
        Bootstrap resamples behind the intervals: the prompts and, for random sets, the draws.
    seed : int
    **options
        As in `complete`.

    Returns
    -------
    pandas.DataFrame
        A row a direction and answer: toward (the side that is strengthened), answer ("none" for None), intact (its share of
        the answers of the model as it is), change, low, high; random, random_low, random_high, the change for random sets;
        beyond, beyond_low, beyond_high, the difference. Shares of 1; 95 % intervals.

    Raises
    ------
    InputError
        If there are no prompts, or a set is not of this model.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994): own neurons times 5, opposite neurons 0. The intervals are this
    project's.
    """
    if isinstance(prompts, str) or not len(prompts):
        raise InputError("contrast_shift needs a list of prompts")
    if set(sides) != set(SIDES):
        raise InputError(f"the sides are {' and '.join(SIDES)}; there are sets for {' '.join(sides) or 'none'}")
    directions = {}
    for k, (toward, away) in enumerate((SIDES, SIDES[::-1])):
        start = seed + 2 * k * draws
        on, off = random_sets(sides[toward], draws, start), random_sets(sides[away], draws, start + draws)
        pairs = [(sides[toward], sides[away]), *zip(on, off, strict=True)]
        directions[toward] = [steer(model, *pair, factor) for pair in pairs]

    def answered():
        return np.array([one or "none" for one in read(complete(model, prompts, **options))])

    rows = []
    with outer_bar(total=1 + sum(map(len, directions.values())), desc="steering", unit="set") as bar:
        intact = answered()
        bar.update()
        for toward, blocks in directions.items():
            steered = []
            for block in blocks:
                with block:
                    steered.append(answered())
                bar.update()
            for answer in sorted(set(intact) | set(steered[0])):
                own, *random = ((some == answer).astype(float) - (intact == answer) for some in steered)
                numbers = beyond_random(own, np.array(random), resamples, seed)
                rows.append({"toward": toward, "answer": answer, "intact": (intact == answer).mean(), **numbers})
    return pd.DataFrame(rows)


def read_option(completions: Sequence[str], options: Sequence[str] = ("A", "B")) -> list[str | None]:
    """The option that each completion names first, as a word of its own; None where it names none.

    Examples
    --------
    >>> read_option(["(B) because A is wrong", "Also neither"])
    ['B', None]
    """
    named = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, options))})(?!\w)")
    return [found.group(1) if (found := named.search(text)) else None for text in completions]
