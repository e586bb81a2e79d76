"""`count_active`: at how many tokens of each language is each neuron active?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..exceptions import InputError
from ..inference._tokens import token_rows
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card
from ._active_tokens import active_tokens
from ._results import ActivationCounts
from ._stored import stored


def count_active(
    model: NeuronModel,
    texts: Mapping[str, Sequence[str]],
    *,
    special_tokens: bool = False,
    token_budget: int = 8192,
    store: str | Path | None = None,
) -> ActivationCounts:
    """Count the tokens of each language at which each neuron is active (its value > 0).

    Parameters
    ----------
    model : NeuronModel
    texts : mapping of str to sequence of str
        Language -> texts. A text longer than the model's context is read in pieces.
    special_tokens : bool
        Whether the tokens that the tokenizer adds (BOS) are counted; the model reads them in any case. They say nothing about a
        language, but are so many of the tokens of short texts that counting them changes the language sets (notebook 01).
    token_budget : int
        Tokens of one padded batch; halved until a batch fits into memory.
    store : str or Path, optional
        A folder of results. What was counted before is read from it and not counted again; an interrupted run continues where
        it stopped. Any number of notebooks may share the folder.

    Returns
    -------
    ActivationCounts
        active int64 [K, L, N], tokens int64 [K].

    Raises
    ------
    InputError
        If a language has no text or no token that is counted, or activations are not finite.

    Notes
    -----
    The activation probability of LAPE (Tang et al. 2024, arXiv 2402.16438, section 2) and of BridgeX-ICL's language neurons.
    Under ``torchrun --nproc-per-node P`` the same call divides the texts among P processes; each gets the whole result.

    Examples
    --------
    >>> counts = count_active(load_model(), {"en": ["The sun is hot."], "sw": ["Jua ni kali."]})
    >>> counts.active.shape
    torch.Size([2, 6, 768])
    """
    if isinstance(texts, str):
        raise InputError("count_active needs a list of texts for each language, {language: [text, …]}, not one string")
    if not texts:
        raise InputError("texts is empty; count_active needs a list of texts for each language")
    empty = [
        code
        for code, language_texts in texts.items()
        if isinstance(language_texts, str) or not any(text.strip() for text in language_texts)
    ]
    if empty:
        raise InputError(f"count_active needs a list of texts for each language; none for: {', '.join(empty)}")
    languages = tuple(texts)
    rows, owners, longest = [], [], model.max_tokens
    for k, code in enumerate(languages):
        for row in token_rows(model, [text for text in texts[code] if text.strip()]):
            pieces = [row[i : i + longest] for i in range(0, len(row), longest)]
            rows += pieces
            owners += [k] * len(pieces)
    groups = torch.tensor(owners)
    card = run_card(
        "count_active",
        model.card,
        data={"kind": "texts", **data_card(texts)},
        options={"special_tokens": special_tokens},
    )

    def count_all(result):
        special = set() if special_tokens else set(model.tokenizer.all_special_ids)
        tokens = torch.zeros(len(languages), dtype=torch.int64)
        tokens.index_add_(0, groups, torch.tensor([sum(token not in special for token in row) for row in rows]))
        uncounted = [code for code, total in zip(languages, tokens.tolist(), strict=True) if not total]
        if uncounted:
            raise InputError(f"the texts of {', '.join(uncounted)} have no tokens besides special ones; nothing can be counted")
        active = active_tokens(
            model, rows, groups, len(languages), special_tokens=special_tokens, token_budget=token_budget, result=result
        )
        return ActivationCounts(active, tokens, languages, card)

    return stored(store, "counts", card, ActivationCounts.load, count_all)
