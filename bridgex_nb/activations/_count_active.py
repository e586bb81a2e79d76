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
    parts: int = 10,
    token_budget: int | None = None,
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
    parts : int
        P, the number of parts that are also counted by themselves: text i of each language belongs to part i mod P. They show
        how much language sets depend on the sentences (`redraw_sets`, `split_half`), at the cost of P K L N 32-bit numbers
        (275 MB for 10 parts of 15 languages in an 8B model). 1: the whole only, which a remote model sends fastest.
    token_budget : int, optional
        Tokens of one padded batch; by default what is fastest on a CPU, and 8,192 on a GPU. Halved until a batch fits into
        memory.
    store : str or Path, optional
        A folder of results. What was counted before is read from it and not counted again; an interrupted run continues where
        it stopped. Any number of notebooks may share the folder.

    Returns
    -------
    ActivationCounts
        active int64 [K, L, N], tokens int64 [K], by_part int32 [P, K, L, N] (None for one part).

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
    if parts < 1:
        raise InputError(f"parts={parts}: take 1 for the whole only, or more")
    languages = tuple(texts)
    rows, owners, longest = [], [], model.max_tokens
    for k, code in enumerate(languages):
        numbers = [i for i, text in enumerate(texts[code]) if text.strip()]
        for i, row in zip(numbers, token_rows(model, [texts[code][i] for i in numbers]), strict=True):
            pieces = [row[start : start + longest] for start in range(0, len(row), longest)]
            rows += pieces
            owners += [i % parts * len(languages) + k] * len(pieces)
    groups = torch.tensor(owners)
    card = run_card(
        "count_active",
        model.card,
        data={"kind": "texts", **data_card(texts)},
        options={"special_tokens": special_tokens, "parts": parts},
    )

    def count_all(result):
        special = set() if special_tokens else set(model.tokenizer.all_special_ids)
        tokens = torch.zeros(parts * len(languages), dtype=torch.int64)
        tokens.index_add_(0, groups, torch.tensor([sum(token not in special for token in row) for row in rows]))
        uncounted = [
            code for code, total in zip(languages, tokens.view(parts, -1).sum(dim=0).tolist(), strict=True) if not total
        ]
        if uncounted:
            raise InputError(f"the texts of {', '.join(uncounted)} have no tokens besides special ones; nothing can be counted")
        active = active_tokens(
            model, rows, groups, parts * len(languages), special_tokens=special_tokens, token_budget=token_budget, result=result
        )
        active, tokens = active.view(parts, len(languages), *active.shape[1:]), tokens.view(parts, len(languages))
        of_parts = (active, tokens) if parts > 1 else (None, None)
        return ActivationCounts(active.sum(dim=0), tokens.sum(dim=0), languages, card, *of_parts)

    return stored(store, "counts", card, ActivationCounts.load, count_all)
