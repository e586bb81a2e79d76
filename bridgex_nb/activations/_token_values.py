"""`token_values`: one neuron at every token of some texts, to see where in them it is active."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..exceptions import InputError
from ..inference._passes import run_pass
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card


def token_values(
    model: NeuronModel, texts: Mapping[str, Sequence[str]], layer: int, neuron: int, *, token_budget: int | None = None
) -> pd.DataFrame:
    """The value of one neuron at every token of some texts.

    Parameters
    ----------
    model : NeuronModel
        Its tokenizer must be a fast one, which reports where in a text each token is.
    texts : mapping of str to sequence of str
        Language -> texts.
    layer, neuron : int
        The neuron, both counted from 0.
    token_budget : int, optional
        As in `count_active`.

    Returns
    -------
    pandas.DataFrame
        One row per token: language, text (its number among the language's texts), start, end (characters), token (as written
        in the text; part of a character is shown as that character), value. Tokens that the tokenizer adds have no row. The
        run card is in ``attrs["card"]``.

    Raises
    ------
    InputError
        If the neuron does not exist, there is no text, a text is longer than the model's context, or the tokenizer is slow.

    Examples
    --------
    >>> token_values(load_model(), {"sw": ["Jua ni kali."]}, layer=3, neuron=267).token[0]
    'J'
    """
    if not (0 <= layer < model.num_layers and 0 <= neuron < model.num_neurons):
        raise InputError(
            f"no neuron {neuron} in layer {layer}: the model has layers 0-{model.num_layers - 1} and neurons "
            f"0-{model.num_neurons - 1}"
        )
    if not model.tokenizer.is_fast:
        raise InputError("this model's tokenizer does not report where in a text each token is; load a fast tokenizer")
    if isinstance(texts, str) or any(isinstance(language_texts, str) for language_texts in texts.values()):
        raise InputError("token_values needs a list of texts for each language, {language: [text, …]}, not one string")
    numbered = [(code, i, text) for code, language_texts in texts.items() for i, text in enumerate(language_texts)]
    if not numbered:
        raise InputError("token_values needs at least one text")
    encoded = model.tokenizer([text for _, _, text in numbered], return_offsets_mapping=True)
    rows = encoded["input_ids"]
    longest = max(map(len, rows))
    if longest > model.max_tokens:
        raise InputError(f"a text has {longest} tokens, the model's context {model.max_tokens}")

    def value_of_neuron(layer, values, mask, batch):
        return values[..., neuron].float()

    def add(state, batch, reduced):
        state[0][batch, -reduced[0].shape[1] :] = reduced[0].cpu()

    (values,) = run_pass(
        model,
        rows,
        [layer],
        value_of_neuron,
        add,
        [torch.zeros(len(rows), longest)],
        special_tokens=True,
        token_budget=token_budget,
        description="reading",
    )
    tokens = [
        (code, i, start, end, text[start:end], value)
        for (code, i, text), spans, row in zip(numbered, encoded["offset_mapping"], values.tolist(), strict=True)
        for (start, end), value in zip(spans, row[-len(spans) :], strict=True)  # padding is on the left
        if end > start
    ]
    table = pd.DataFrame(tokens, columns=["language", "text", "start", "end", "token", "value"])
    table.attrs["card"] = run_card(
        "token_values",
        model.card,
        data={"kind": "texts", **data_card(texts)},
        options={"layer": layer, "neuron": neuron},
    )
    return table
