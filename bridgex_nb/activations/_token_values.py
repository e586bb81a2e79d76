"""One neuron, read at every token of some texts: where in them it is on."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..exceptions import InputError
from ..inference._passes import run_pass
from ..models._neuron_model import NeuronModel


def token_values(
    model: NeuronModel, texts: Mapping[str, Sequence[str]], layer: int, neuron: int, *, token_budget: int = 8192
) -> pd.DataFrame:
    """The value of one neuron at every token of some texts.

    Parameters
    ----------
    model : NeuronModel
        Its tokenizer must be a fast one, which says where in a text a token is.
    texts : mapping of str to sequence of str
        Language -> texts.
    layer, neuron : int
        Which neuron, both from 0.
    token_budget : int
        As in `count_active`.

    Returns
    -------
    pandas.DataFrame
        A row a token: language, text (its number among the language's texts), start, end (characters), token (as it stands in
        the text; a piece of a character is that character), value. Tokens that the tokenizer adds have no row.

    Raises
    ------
    InputError
        If there is no such neuron, no text, a text is longer than the model's context, or the tokenizer is a slow one.

    Examples
    --------
    >>> token_values(load_model(), {"sw": ["Jua ni kali."]}, layer=3, neuron=267).token[0]
    'J'
    """
    if not (0 <= layer < model.num_layers and 0 <= neuron < model.num_neurons):
        raise InputError(
            f"no neuron {neuron} in layer {layer}: layers 0-{model.num_layers - 1}, neurons 0-{model.num_neurons - 1}"
        )
    if not model.tokenizer.is_fast:
        raise InputError("this model's tokenizer does not say where in a text a token is; a fast tokenizer does")
    owners = [(code, i, text) for code, some in texts.items() for i, text in enumerate(some)]
    if not owners:
        raise InputError("token_values needs a text")
    read = model.tokenizer([text for _, _, text in owners], return_offsets_mapping=True)
    rows = read["input_ids"]
    longest = max(map(len, rows))
    if longest > model.max_tokens:
        raise InputError(f"a text has {longest} tokens, the model's context {model.max_tokens}")

    def one_neuron(layer, values, mask, batch):
        return values[..., neuron].float()

    def add(state, batch, reduced):
        state[0][batch, -reduced[0].shape[1] :] = reduced[0].cpu()

    (values,) = run_pass(
        model,
        rows,
        [layer],
        one_neuron,
        add,
        [torch.zeros(len(rows), longest)],
        special_tokens=True,
        token_budget=token_budget,
        description="reading",
    )
    tokens = [
        (code, i, start, end, text[start:end], value)
        for (code, i, text), spans, own in zip(owners, read["offset_mapping"], values.tolist(), strict=True)
        for (start, end), value in zip(spans, own[-len(spans) :], strict=True)
        if end > start
    ]
    return pd.DataFrame(tokens, columns=["language", "text", "start", "end", "token", "value"])
