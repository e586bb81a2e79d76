"""Texts as rows of token ids."""

import warnings
from collections.abc import Sequence

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ._bos import check_bos


def token_rows(model: NeuronModel, texts: Sequence[str], *, chat: bool = False) -> list[list[int]]:
    """Token ids of every text, a thousand texts at a time: the other output of a tokenizer is many times larger.

    Texts that a chat template has written have their special tokens already, so none are added with `chat`.
    """
    if not chat:
        check_bos(model)
    pieces = (list(texts[i : i + 1000]) for i in range(0, len(texts), 1000))
    options = {"return_attention_mask": False, "verbose": False, "add_special_tokens": not chat}
    return [row for piece in pieces for row in model.tokenizer(piece, **options)["input_ids"]]


def whole_rows(
    model: NeuronModel, texts: Sequence[str], *, special_tokens: bool, kind: str, chat: bool = False
) -> list[list[int]]:
    """Token ids of texts that must not be truncated.

    Raises
    ------
    InputError
        If a text has no token that counts, or is longer than the model's context. The message gives `kind` and position.
    """
    rows = token_rows(model, texts, chat=chat)
    special = set() if special_tokens else set(model.tokenizer.all_special_ids)
    for i, row in enumerate(rows):
        if special.issuperset(row):
            raise InputError(f"{kind} {i} has no token that counts: {texts[i]!r}")
    longest = max(range(len(rows)), key=lambda i: len(rows[i]))
    if len(rows[longest]) > model.max_tokens:
        raise InputError(f"{kind} {longest} has {len(rows[longest])} tokens, the model's context is {model.max_tokens}")
    return rows


def fit(model: NeuronModel, rows: Sequence[list[int]], room: int) -> list[list[int]]:
    """Rows of token ids that leave room for new tokens in the model's context.

    A longer row loses its beginning, but not the special tokens there: the question is at the end of a prompt. One warning says
    how many rows were cut.
    """
    longest, special = model.max_tokens - room, set(model.tokenizer.all_special_ids)
    cut = []
    for row in rows:
        if len(row) > longest:
            head = next((i for i, token in enumerate(row) if token not in special), 0)
            row = row[:head] + row[len(row) - longest + head :]
        cut.append(row)
    shortened = sum(len(row) < len(whole) for row, whole in zip(cut, rows, strict=True))
    if shortened:
        warnings.warn(
            f"{shortened} of {len(rows)} prompts are too long for the model's context of {model.max_tokens} tokens: "
            "their beginnings are cut off",
            stacklevel=4,
        )
    return cut


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """The number of tokens that two rows have in common at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
