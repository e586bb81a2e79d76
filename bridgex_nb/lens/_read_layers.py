"""The pass over the prompts of a lens: what each layer's state at their last tokens says of the words.

Norm and output layer are applied outside the trace: the states of a batch at its last tokens are small, and a norm inside would
have to be one more module that nnsight follows, at a place that the forward reaches only after the last layer.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from ..exceptions import InputError
from ..inference._next_token import Output
from ..inference._passes import run_pass
from ..models._neuron_model import NeuronModel
from ._first_tokens import other_concepts
from ._next_token_by_layer import next_token


def read_layers(
    model: NeuronModel,
    norm: torch.nn.Module,
    output: Output,
    rows: Sequence[list[int]],
    tokens: torch.Tensor,
    alone: torch.Tensor,
    *,
    token_budget: int | None,
    result: Path | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Read every layer at the last token of every prompt.

    Parameters
    ----------
    model : NeuronModel
    norm, output
        Of `lens_parts`.
    rows : sequence of list of int
        Token ids of S prompts.
    tokens, alone : torch.Tensor
        int64 and bool [K, S, F], of `first_tokens` and `of_one_language`.
    token_budget, result
        As in `run_pass`.

    Returns
    -------
    probabilities, nulls, entropy, likeliest : torch.Tensor
        As in `LanguageLens`.

    Raises
    ------
    InputError
        If a state is not finite.
    """
    columns, places = tokens.clamp(min=0).unique(return_inverse=True)  # where each first token is among the columns
    begins = torch.stack([torch.bincount(at[mask], minlength=len(columns)) for at, mask in zip(places, alone, strict=True)])
    others = other_concepts(tokens, alone)
    layers, languages, words = model.num_layers, len(tokens), len(rows)

    def last_state(layer, states, mask, batch):
        return states[:, -1]  # padding is on the left

    def add(state, batch, reduced):
        states = torch.cat([of_layer.to(reduced[-1].device) for of_layer in reduced])
        if not torch.isfinite(states).all():
            raise InputError("the states of the layers are not finite (NaN or infinite); was the model run in float16?")
        with torch.inference_mode():
            found = next_token(norm, output, states, columns)
        chances = found.logprobs.exp().cpu().view(layers, len(batch), -1)
        near, filled = places[:, batch], tokens[:, batch] >= 0  # [K, B, F]
        row = torch.arange(len(batch))[None, :, None].expand_as(near)
        state[0][:, :, batch] = (chances[:, row, near] * alone[:, batch]).sum(dim=3)
        # The null is what is left when every form of the concept, in any language, is taken out.
        chances[:, row[filled], near[filled]] = 0
        state[1][:, :, batch] = (chances @ begins.T.to(chances.dtype)).transpose(1, 2) / others[:, batch]
        state[2][:, batch] = found.entropy.cpu().view(layers, -1)
        state[3][:, batch] = found.likeliest.cpu().view(layers, -1)

    probabilities, nulls, entropy, likeliest = run_pass(
        model,
        rows,
        range(layers),
        last_state,
        add,
        [
            torch.zeros(layers, languages, words),
            torch.zeros(layers, languages, words),
            torch.zeros(layers, words),
            torch.zeros(layers, words, dtype=torch.int64),
        ],
        special_tokens=True,
        token_budget=token_budget,
        description="reading layers",
        site="layer",
        result=result,
    )
    unknown = ~alone.any(dim=2)
    return (
        probabilities.masked_fill(unknown, float("nan")),
        nulls.masked_fill(unknown | (others == 0), float("nan")),
        entropy,
        likeliest,
    )
