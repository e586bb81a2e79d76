"""The run card: what a result was computed from and how, in the same form for every result."""

import hashlib
import json
import math
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from typing import Any, TypedDict

import numpy as np
import torch

from ..exceptions import InputError

#: Entries of a card that describe the model; a result computed from another result takes them from that one's card.
MODEL_FACTS = (
    *("model", "weights_sha256", "quantisation", "revision", "tokenizer"),
    *("dtype", "attention", "site", "gated", "remote", "interventions"),
)


class RunCard(TypedDict, total=False):
    """A run card: a plain dict that JSON can hold.

    Attributes
    ----------
    model, weights_sha256, quantisation, revision, tokenizer, dtype, attention, site, gated, remote, interventions
        The model; entries that are not known are left out. `tokenizer` is there only if it is not the model's own.
    function : str
        The public function that computed the result.
    data : dict
        What the model read: its kind, the numbers of texts, their SHA-256, languages.
    options : dict
        Arguments of the function that the result depends on, including seeds.
    inputs : dict
        Name -> function, data, options and inputs of a result that this one was computed from.
    versions : dict
        Package -> version.
    date : str
        ISO date; not used to tell two results apart (`card_hash`).
    """

    model: str
    weights_sha256: str
    quantisation: str
    revision: str | None
    tokenizer: str
    dtype: str
    attention: str
    site: str
    gated: bool
    remote: bool | str
    interventions: list[dict[str, Any]]
    function: str
    data: dict[str, Any]
    options: dict[str, Any]
    inputs: dict[str, Any]
    versions: dict[str, str]
    date: str


def run_card(
    function: str,
    source: Mapping[str, Any],
    *,
    data: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
) -> RunCard:
    """The run card of a result.

    Parameters
    ----------
    function : str
        The public function that computes it.
    source : mapping
        Where the entries about the model come from: ``model.card`` or the card of one of its results. Empty if no model is
        involved.
    data : mapping, optional
        What the model read (`data_card`); by default what `source` says.
    options : mapping, optional
        Arguments that the result depends on.
    inputs : mapping of str to mapping, optional
        Name -> card of each result that this one is computed from.

    Raises
    ------
    InputError
        If JSON cannot hold a value (a tensor, NaN); the message names it.

    Examples
    --------
    >>> card = run_card("probe", {"model": "bridgex-mini"}, options={"statistic": "mean"})
    >>> card["model"], card["options"]
    ('bridgex-mini', {'statistic': 'mean'})
    """
    card: dict[str, Any] = {"function": function}
    card |= {name: source[name] for name in MODEL_FACTS if name in source}
    data = source.get("data") if data is None else data
    if data is not None:
        card["data"] = dict(data)
    if options:
        card["options"] = dict(options)
    if inputs:
        card["inputs"] = {
            name: {key: given[key] for key in ("function", "data", "options", "inputs") if key in given}
            for name, given in inputs.items()
        }
    card["versions"] = versions()
    card["date"] = date.today().isoformat()
    return _plain(card, f"run card of {function}")


def check_same_model(
    what: str,
    card: Mapping[str, Any],
    model_card: Mapping[str, Any],
    facts: Sequence[str] = ("model", "weights_sha256", "revision"),
) -> None:
    """Refuse something whose run card names another model; facts that the card lacks are not compared.

    Parameters
    ----------
    what : str
        Subject and verb of the message: "the counts are".
    card, model_card : mapping
        The thing's run card, and that of the model.
    facts : sequence of str
        Entries to compare.

    Raises
    ------
    InputError
        If an entry differs; the message names the first one.
    """
    for fact in facts:
        if fact in card and card[fact] != model_card.get(fact):
            of = "read at another site" if fact == "site" else "of another model"
            raise InputError(f"{what} {of}: {fact} is {card[fact]}, not {model_card.get(fact)}")


def versions() -> dict[str, str]:
    """Versions of the packages that a result may depend on."""
    packages = {name: version(name) for name in ("bridgex-nb", "nnsight", "torch", "transformers")}
    return packages | {"python": platform.python_version()}


def data_card(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Numbers and SHA-256 of the texts that a result was computed from.

    Examples
    --------
    >>> data_card({"sw": ["Jua ni kali.", "Maji"], "en": ["Fire!"]})["texts"]
    {'sw': 2, 'en': 1}
    """
    plain = {name: list(group) for name, group in texts.items()}
    digest = hashlib.sha256(json.dumps(plain, ensure_ascii=False).encode())
    return {"texts": {name: len(group) for name, group in plain.items()}, "sha256": digest.hexdigest()}


def tensor_hash(tensor: torch.Tensor) -> str:
    """SHA-256 of the values of a tensor, not of its shape or dtype."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def set_card(sets: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Sizes and hash of the neuron sets, bool [L, N], that a result was computed from."""
    digest = hashlib.sha256()
    for neuron_set in sets.values():
        digest.update(np.packbits(neuron_set.cpu().numpy()).tobytes())
    return {"sizes": {code: int(neuron_set.sum()) for code, neuron_set in sets.items()}, "sha256": digest.hexdigest()}


def card_hash(card: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that tell two cards apart; their dates do not count."""
    dateless = json.dumps({key: value for key, value in card.items() if key != "date"}, sort_keys=True)
    return hashlib.sha256(dateless.encode()).hexdigest()[:16]


def _plain(value: Any, name: str) -> Any:
    """A copy of a value in JSON's types, with lists for tuples and plain numbers for NumPy's."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str | int):
                raise InputError(f"{name}: the key {key!r} is not a string")
        return {str(key): _plain(entry, f"{name}, {key}") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, name) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{name}: {value} is not a finite number")
    if value is None or isinstance(value, str | int | float):
        return value
    raise InputError(f"{name}: JSON cannot hold a {type(value).__name__}; give a number, a string, or a list or dict of them")
