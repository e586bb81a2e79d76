"""Vectors of sentences: a model's states at the tokens, averaged with weights that grow with the position."""

from collections.abc import Mapping, Sequence

import torch

from ..exceptions import InputError
from ..inference._passes import run_pass
from ..inference._tokens import whole_rows
from ..models._neuron_model import NeuronModel

#: What represents a token at a layer. `binary`: 1 for each neuron > 0, else 0 (NeuronXA's NAS). `value`: each neuron's absolute
#: value (its NAV). `hidden`: the output of the layer (MEXA).
STATES = ("binary", "value", "hidden")


def sentence_vectors(
    model: NeuronModel,
    texts: Sequence[str],
    *,
    state: str = "binary",
    special_tokens: bool = False,
    token_budget: int | None = None,
) -> torch.Tensor:
    """One vector per sentence and layer: the mean of its tokens' states, weighted by position.

    Token t of T has weight t / (1 + … + T), so that tokens that have seen more of the sentence count more; padding has weight
    0.

    Parameters
    ----------
    model, state, special_tokens, token_budget
        As in `alignment`.
    texts : sequence of str
        S sentences of one language.

    Returns
    -------
    torch.Tensor
        float32 [L, S, N]; for the state `hidden` [L, S, d], d the width of the model.

    Raises
    ------
    InputError
        If there is no text, a text has no token or is longer than the model's context, or activations are not finite.

    Notes
    -----
    NeuronXA (Huang et al. 2025, arXiv 2507.14900); the weights are those of Muennighoff 2022 (arXiv 2202.08904).

    Examples
    --------
    >>> sentence_vectors(load_model(), ["Jua ni kali.", "Ninakunywa maji."]).shape
    torch.Size([6, 2, 768])
    """
    if isinstance(texts, str) or not len(texts):
        raise InputError("sentence_vectors needs a list of at least one text")
    check_state(state)
    rows = whole_rows(model, texts, special_tokens=special_tokens, kind="sentence")
    return vectors_of(model, rows, state, special_tokens, token_budget)


def check_state(state: str) -> None:
    """Refuse an unknown state of a token."""
    if state not in STATES:
        raise InputError(f"unknown state {state!r}; choose from {', '.join(STATES)}")


def token_rows(
    model: NeuronModel, sentences: Mapping[str, Sequence[str]], state: str, special_tokens: bool
) -> dict[str, list[list[int]]]:
    """Token ids of every language's sentences, checked before any model runs."""
    check_state(state)
    lengths = {code: 0 if isinstance(texts, str) else len(texts) for code, texts in sentences.items()}
    if min(lengths.values(), default=0) < 2 or len(set(lengths.values())) > 1:
        given = ", ".join(f"{code} {count}" for code, count in lengths.items())
        raise InputError(f"alignment needs at least two sentences, as many in each language; given: {given or 'none'}")
    options = {"special_tokens": special_tokens}
    return {code: whole_rows(model, texts, kind=f"{code} sentence", **options) for code, texts in sentences.items()}


def vectors_of(
    model: NeuronModel, rows: list[list[int]], state: str, special_tokens: bool, token_budget: int | None
) -> torch.Tensor:
    """`sentence_vectors` of rows of token ids."""

    def pool(layer, values, mask, batch):
        weights = mask.cumsum(dim=1) * mask
        weights = weights / weights.sum(dim=1, keepdim=True)
        if state == "binary":
            # 0 * value is NaN where the value is not finite; the comparison alone would read it as inactive.
            values = (values > 0) + 0 * values
        elif state == "value":
            values = values.abs()
        return torch.bmm(weights[:, None], values.float())[:, 0]

    def add(vectors, batch, reduced):
        for layer, pooled in enumerate(reduced):
            vectors[0][layer, batch] = pooled.cpu()

    width = model.hf_model.config.get_text_config().hidden_size if state == "hidden" else model.num_neurons
    (vectors,) = run_pass(
        model,
        rows,
        range(model.num_layers),
        pool,
        add,
        [torch.zeros(model.num_layers, len(rows), width)],
        special_tokens=special_tokens,
        token_budget=token_budget,
        description="aligning",
        site="layer" if state == "hidden" else None,
    )
    broken = ~torch.isfinite(vectors).all(dim=-1).all(dim=-1)
    if broken.any():
        layer = int(broken.nonzero()[0])
        raise InputError(f"layer {layer}: activations are not finite (NaN or infinite); was the model run in float16?")
    return vectors
