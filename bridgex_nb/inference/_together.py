"""One completion of several prompts at once: at each token, the prompt that is surest decides (MaxEns)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ._generation import Completion, complete_groups


def complete_together(
    model: NeuronModel,
    prompts: Sequence[Sequence[str]],
    *,
    chat: bool = False,
    max_new_tokens: int = 30,
    token_budget: int | None = None,
    progress: "tqdm[Any] | None" = None,
    store: str | Path | None = None,
) -> list[Completion]:
    """One greedy completion of each group of prompts, written behind all of them.

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of sequence of str
        Groups of prompts, all of the same size.
    chat, max_new_tokens, token_budget, progress, store
        As in `complete`; the progress bar moves on by one per group.

    Returns
    -------
    list of Completion
        One per group, in order. `logprob` is the sum, over the tokens, of the logarithm of their highest probability behind any
        of the prompts.

    Raises
    ------
    InputError
        If there are groups of different sizes or without prompts, and as `complete`.

    Notes
    -----
    MaxEns (Mohammadshahi, Vamvas and Sennrich, arXiv 2311.07439): a completion y behind the prompts x_1 … x_K scores
    sum_i log max_k P(y_i | x_k, y_1 … y_{i-1}). Its likeliest next token is the likeliest one of the prompt that gives its own
    the highest probability, so a step needs no distributions. The search is greedy here.

    Examples
    --------
    >>> (completion,) = complete_together(load_model(), [['kiswahili:"moto"→English:', 'Tagalog:"apoy"→English:']])
    >>> completion.text
    '"fire"'
    """
    if isinstance(prompts, str) or any(isinstance(group, str) for group in prompts):
        raise InputError("complete_together needs groups of prompts: a list of lists of strings")
    sizes = {len(group) for group in prompts}
    if len(sizes) > 1 or 0 in sizes:
        raise InputError(f"groups have {' or '.join(map(str, sorted(sizes)))} prompts; give each of them as many, 1 or more")
    flat = [prompt for group in prompts for prompt in group]
    size = max(sizes, default=1)
    return complete_groups(model, flat, chat, max_new_tokens, token_budget, progress, store, scored=True, together=size)
