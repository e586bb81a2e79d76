"""Neurons behind a behaviour: active in one set of prompts and not in its opposite (ValueExploration)."""

from collections.abc import Sequence

import torch

from ..activations._count_active import count_active
from ..activations._count_generated import count_generated
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ._lape import lape

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
