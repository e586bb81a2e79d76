"""The pass that `count_active` and `count_generated` share: tokens at which each neuron is active, per group of rows."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ..exceptions import InputError
from ..inference._passes import run_pass
from ..models._neuron_model import NeuronModel


def active_tokens(
    model: NeuronModel,
    rows: Sequence[list[int]],
    groups: torch.Tensor,
    num_groups: int,
    *,
    special_tokens: bool,
    token_budget: int | None,
    new_tokens: torch.Tensor | None = None,
    result: Path | None = None,
) -> torch.Tensor:
    """Tokens at which each neuron is > 0, int32 [K, L, N] for K groups of rows.

    Parameters
    ----------
    model : NeuronModel
    rows : sequence of list of int
        Token ids.
    groups : torch.Tensor
        int64, the group of each row.
    num_groups : int
        K.
    special_tokens, token_budget, result
        As in `run_pass`.
    new_tokens : torch.Tensor, optional
        int64, how many tokens at the end of each row are counted; all of them by default.

    Raises
    ------
    InputError
        If activations are not finite.
    """
    last = model.num_layers - 1

    def count(layer, values, mask, batch):
        counted = mask
        if new_tokens is not None:  # padding is on the left
            position = torch.arange(mask.shape[1])
            counted = mask & (position >= mask.shape[1] - new_tokens[batch][:, None]).to(mask.device)
        # Sums of ones in float32 are exact, and take a third of the time that sums of bools do. On a CPU they are taken over
        # pieces that fit its cache: allocating as many ones as there are values costs more than the sums.
        step = max(1, 2**18 // values[0].numel()) if values.is_cpu else len(values)
        on = torch.empty(step, *values.shape[1:], dtype=torch.float32, device=values.device)
        pieces = zip(values.split(step), counted[:, None].float().split(step), strict=True)
        active = torch.cat([torch.bmm(weights, torch.gt(piece, 0, out=on[: len(piece)]))[:, 0] for piece, weights in pieces])
        # Only the groups of this batch, for what is returned may travel from a remote machine.
        present, owner = groups[batch].unique(return_inverse=True)
        total = torch.zeros(len(present), active.shape[1], dtype=torch.float32, device=values.device)
        total = total.index_add_(0, owner.to(values.device), active).to(torch.int32)
        if layer == last:
            # NaN > 0 is false, so a broken model would pass for a silent one. What is not finite stays so in later layers.
            finite = torch.isfinite(values.sum(dim=-1, dtype=torch.float32)) | ~mask
            total.masked_fill_(~finite.all(), -1)
        return total

    def add(state, batch, reduced):
        if (reduced[last] < 0).any():
            raise InputError(f"layer {last}: activations are not finite (NaN or infinite); was the model run in float16?")
        present = groups[batch].unique()
        for layer, total in enumerate(reduced):
            state[layer] = state[layer].to(total.device)  # stays where the layer is
            state[layer].index_add_(0, present.to(total.device), total)

    state = run_pass(
        model,
        rows,
        range(model.num_layers),
        count,
        add,
        [torch.zeros(num_groups, model.num_neurons, dtype=torch.int32) for _ in range(model.num_layers)],
        special_tokens=special_tokens,
        token_budget=token_budget,
        description="counting",
        result=result,
    )
    return torch.stack(state, dim=1)
