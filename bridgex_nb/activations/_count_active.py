"""`count_active`: at how many tokens of each language is each neuron active?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..exceptions import InputError
from ..inference._passes import run_pass
from ..inference._tokens import token_rows
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card
from ._results import ActivationCounts
from ._stored import _stored


def count_active(
    model: NeuronModel,
    texts: Mapping[str, Sequence[str]],
    *,
    special_tokens: bool = True,
    token_budget: int = 8192,
    store: str | Path | None = None,
) -> ActivationCounts:
    """Count, for each language, the tokens at which each neuron is active (its value > 0).

    Parameters
    ----------
    model : NeuronModel
    texts : mapping of str to sequence of str
        Language -> texts. A text longer than the model's context is read in pieces.
    special_tokens : bool
        Whether the tokens that the tokenizer adds (BOS) are counted.
    token_budget : int
        Tokens of one padded batch. Where the memory does not hold so many, it is halved until it does.
    store : str or Path, optional
        A folder of results. What was counted there before is read and not counted again; a run that was interrupted goes on
        where it was. Any number of notebooks may share the folder.

    Returns
    -------
    ActivationCounts
        active int64 [K, L, N], tokens int64 [K].

    Raises
    ------
    InputError
        If a language has no text.

    Notes
    -----
    The activation probability of LAPE (Tang et al. 2024, arXiv 2402.16438, section 2) and of BridgeX-ICL's language neurons.
    Under ``torchrun --nproc-per-node P`` the same call shares the texts among P processes; each of them gets the whole result.

    Examples
    --------
    >>> counts = count_active(load_model(), {"en": ["The sun is hot."], "sw": ["Jua ni kali."]})
    >>> counts.active.shape
    torch.Size([2, 6, 768])
    """
    if isinstance(texts, str):
        raise InputError("count_active needs a list of texts for each language, {language: [text, …]}, not one string")
    empty = [code for code, some in texts.items() if isinstance(some, str) or not any(text.strip() for text in some)]
    if empty or not texts:
        raise InputError(f"count_active needs a list of texts for each language; none for: {', '.join(empty) or 'any'}")
    languages = tuple(texts)
    rows, owners, longest = [], [], model.max_tokens
    for k, code in enumerate(languages):
        for row in token_rows(model, [text for text in texts[code] if text.strip()]):
            pieces = [row[i : i + longest] for i in range(0, len(row), longest)]
            rows += pieces
            owners += [k] * len(pieces)
    owner = torch.tensor(owners)
    count, last = len(languages), model.num_layers - 1

    def active_tokens(layer, values, mask, batch):
        # Sums of ones in float32 are exact, and take a third of the time that sums of bools do. On a CPU they are taken over
        # pieces that its cache holds: new memory for as many ones as there are values costs more than the sums.
        step = max(1, 2**18 // values[0].numel()) if values.is_cpu else len(values)
        on = torch.empty(step, *values.shape[1:], dtype=torch.float32, device=values.device)
        pieces = zip(values.split(step), mask[:, None].float().split(step), strict=True)
        active = torch.cat([torch.bmm(part_mask, torch.gt(part, 0, out=on[: len(part)]))[:, 0] for part, part_mask in pieces])
        total = torch.zeros(count, active.shape[1], dtype=torch.float32, device=values.device)
        total = total.index_add_(0, owner[batch].to(values.device), active).to(torch.int32)
        if layer == last:
            # NaN > 0 is false, so a broken model would pass for a silent one. What is not finite stays so in later layers.
            finite = torch.isfinite(values.sum(dim=-1, dtype=torch.float32)) | ~mask
            total.masked_fill_(~finite.all(), -1)
        return total

    def add(state, batch, reduced):
        if (reduced[last] < 0).any():
            raise InputError(f"layer {last}: activations are not finite (NaN or infinite); was the model run in float16?")
        for layer, total in enumerate(reduced):
            state[layer] = state[layer].to(total.device) + total  # stays where the layer is

    card = model.card | {"data": {"kind": "texts", **data_card(texts)}, "special_tokens": special_tokens}

    def count_all(result):
        special = set() if special_tokens else set(model.tokenizer.all_special_ids)
        tokens = torch.zeros(count, dtype=torch.int64)
        tokens.index_add_(0, owner, torch.tensor([sum(token not in special for token in row) for row in rows]))
        state = run_pass(
            model,
            rows,
            range(model.num_layers),
            active_tokens,
            add,
            [torch.zeros(count, model.num_neurons, dtype=torch.int64) for _ in range(model.num_layers)],
            special_tokens=special_tokens,
            token_budget=token_budget,
            description="counting",
            result=result,
        )
        return ActivationCounts(torch.stack(state, dim=1), tokens, languages, card)

    return _stored(store, "counts", card, ActivationCounts.load, count_all)
