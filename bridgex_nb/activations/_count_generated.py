"""`count_generated`: the same counts over the tokens that the model itself writes."""

from collections.abc import Mapping, Sequence

import torch

from ..inference._generation import complete_scored
from ..inference._passes import run_pass
from ..inference._tokens import token_rows
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card
from ._results import ActivationCounts


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
