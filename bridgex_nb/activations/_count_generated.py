"""`count_generated`: the same counts as `count_active`, over the tokens that the model itself writes."""

import warnings
from collections.abc import Mapping, Sequence

import torch

from ..exceptions import InputError
from ..inference._generation import complete_scored
from ..inference._tokens import fit, token_rows
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card
from ._active_tokens import active_tokens
from ._results import ActivationCounts


def count_generated(
    model: NeuronModel, prompts: Mapping[str, Sequence[str]], *, max_new_tokens: int = 30, token_budget: int | None = None
) -> ActivationCounts:
    """Count the tokens at which each neuron is active, among those that the model itself writes.

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

    Raises
    ------
    InputError
        If a language or behaviour has no prompt, `max_new_tokens` is less than 1, the model's weights are not on this machine,
        or activations are not finite.

    Examples
    --------
    >>> counts = count_generated(load_model(), {"sw": ["Jua ni"], "en": ["The sun is"]}, max_new_tokens=4)
    >>> counts.languages
    ('sw', 'en')
    """
    if isinstance(prompts, str) or not prompts:
        raise InputError("count_generated needs a list of prompts for each language, {language: [prompt, …]}")
    empty = [code for code, language_prompts in prompts.items() if isinstance(language_prompts, str) or not language_prompts]
    if empty:
        raise InputError(f"count_generated needs a list of prompts for each language; none for: {', '.join(empty)}")
    groups = torch.tensor([k for k, language_prompts in enumerate(prompts.values()) for _ in language_prompts])
    texts = [prompt for language_prompts in prompts.values() for prompt in language_prompts]
    completions = complete_scored(model, texts, max_new_tokens=max_new_tokens, token_budget=token_budget)
    new_tokens = torch.tensor([len(completion.ids) for completion in completions])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complete_scored has already reported the prompts that are cut
        rows = fit(model, token_rows(model, texts), min(max_new_tokens, model.max_tokens // 2))
    active = active_tokens(
        model,
        [[*row, *completion.ids] for row, completion in zip(rows, completions, strict=True)],
        groups,
        len(prompts),
        special_tokens=True,
        token_budget=token_budget,
        new_tokens=new_tokens,
    )
    tokens = torch.zeros(len(prompts), dtype=torch.int64).index_add_(0, groups, new_tokens)
    card = run_card(
        "count_generated",
        model.card,
        data={"kind": "prompts", **data_card(prompts)},
        options={"max_new_tokens": max_new_tokens},
    )
    return ActivationCounts(active.long(), tokens, tuple(prompts), card)
