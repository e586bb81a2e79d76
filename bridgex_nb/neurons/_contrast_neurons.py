"""Neurons behind a behaviour: active in one set of prompts and not in its opposite (ValueExploration, Hu et al. 2025)."""

from collections.abc import Sequence

import torch

from ..activations._count_active import count_active
from ..activations._count_generated import count_generated
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ._lape import lape
from ._sets import RATE

SIDES = ("positive", "negative")
#: The threshold of `lape`, by name: a neuron belongs to a side on which its probability is above this rank, as a share of the
#: probabilities of all neurons on both sides.
THRESHOLDS = {"semantic": 0.50, "decision": 0.95}


def contrast_neurons(
    model: NeuronModel,
    positive: Sequence[str],
    negative: Sequence[str],
    rate: float = RATE,
    threshold: str | float = "semantic",
    *,
    tokens: str = "generated",
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
) -> dict[str, torch.Tensor]:
    """The neurons of two opposite behaviours: LAPE with the behaviours in place of languages.

    Parameters
    ----------
    model : NeuronModel
    positive, negative : sequence of str
        Prompts that make the model show the behaviour, and its opposite.
    rate : float
        Share of the L N neurons, those that separate the sides best, in (0, 1). The paper takes 1 %.
    threshold : {"semantic", "decision"} or float
        As in `lape`: 0.50 for `semantic`, 0.95 for `decision`. The higher, the more often a neuron has to be active.
    tokens : {"generated", "prompt"}
        Which tokens are counted: those of the greedy completions (up to their first newline), or those of the prompts.
    max_new_tokens : int, optional
        As in `complete`, 30 by default; only for generated tokens.
    token_budget : int, optional
        As in `complete`.

    Returns
    -------
    dict of str to torch.Tensor
        "positive" and "negative" -> bool [L, N]; no neuron is in both.

    Raises
    ------
    InputError
        If a side has no prompts, `tokens` or `threshold` is unknown, `max_new_tokens` is given for tokens of prompts, or as
        `lape`.

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
        raise InputError(f"unknown tokens {tokens!r}; choose from generated, prompt")
    if tokens == "prompt" and max_new_tokens is not None:
        raise InputError("max_new_tokens is for generated tokens; leave it out with tokens='prompt'")
    if isinstance(threshold, str) and threshold not in THRESHOLDS:
        raise InputError(f"unknown threshold {threshold!r}; choose from {', '.join(THRESHOLDS)}, or give a share")
    prompts = dict(zip(SIDES, (positive, negative), strict=True))
    for side, texts in prompts.items():
        if isinstance(texts, str) or not len(texts):
            raise InputError(f"the {side} side needs a list of prompts")
    if tokens == "prompt":
        counts = count_active(model, prompts, token_budget=token_budget)
    else:
        new_tokens = 30 if max_new_tokens is None else max_new_tokens
        counts = count_generated(model, prompts, max_new_tokens=new_tokens, token_budget=token_budget)
    positive_set, negative_set = lape(counts, rate, THRESHOLDS.get(threshold, threshold)).values()
    return {"positive": positive_set & ~negative_set, "negative": negative_set & ~positive_set}
