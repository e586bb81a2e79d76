"""The run card: what a result was computed from and how, made in one way for every result."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from typing import Any, TypedDict

import numpy as np
import torch

#: What a card says of the model; a result computed from another one has them from its card.
MODEL_FACTS = ("model", "weights_sha256", "revision", "dtype", "attention", "site", "gated", "remote", "interventions")


class RunCard(TypedDict, total=False):
    """A run card: a plain dict that JSON can hold.

    Attributes
    ----------
    model, weights_sha256, revision, dtype, attention, site, gated, remote, interventions
        The model; only what is known of it.
    function : str
        The public function that computed the result.
    data : dict
        What the model read: kind, numbers of texts, SHA-256, languages.
    options : dict
        Arguments of the function that the result depends on, seeds among them.
    inputs : dict
        Name -> function, options and inputs of a result that this one was computed from.
    versions : dict
        Package -> version.
    date : str
        ISO date; not part of what tells two results apart (`card_hash`).
    """

    model: str
    weights_sha256: str
    revision: str | None
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
        Where the facts about the model come from: ``model.card`` or the card of one of its results. Empty for a result of no
        model.
    data : mapping, optional
        What the model read (`data_card`); by default what `source` says.
    options : mapping, optional
        Arguments that the result depends on. Values that JSON cannot hold are refused.
    inputs : mapping of str to mapping, optional
        Name -> card of each result that this one is computed from.

    Examples
    --------
    >>> card = run_card("probe", {"model": "bridgex-mini"}, options={"statistic": "mean"})
    >>> card["model"], card["options"]
    ('bridgex-mini', {'statistic': 'mean'})
    """
    card: dict[str, Any] = {"function": function}
    card |= {name: source[name] for name in MODEL_FACTS if name in source}
    known = data if data is not None else source.get("data")
    if known is not None:
        card["data"] = dict(known)
    if options:
        card["options"] = dict(options)
    if inputs:
        card["inputs"] = {
            name: {key: one[key] for key in ("function", "data", "options", "inputs") if key in one}
            for name, one in inputs.items()
        }
    card["versions"] = versions()
    card["date"] = date.today().isoformat()
    return json.loads(json.dumps(card))  # a copy that later changes do not reach, with lists in the place of tuples


def versions() -> dict[str, str]:
    """Versions of the packages that a number may depend on."""
    packages = {name: version(name) for name in ("bridgex-nb", "nnsight", "torch", "transformers")}
    return packages | {"python": platform.python_version()}


def data_card(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Number and hash of the texts that a result was computed from."""
    digest = hashlib.sha256(json.dumps({code: list(some) for code, some in texts.items()}, ensure_ascii=False).encode())
    return {"texts": {code: len(some) for code, some in texts.items()}, "sha256": digest.hexdigest()}


def set_card(sets: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Sizes and hash of the neuron sets, bool [L, N], that a result was computed from."""
    digest = hashlib.sha256()
    for neuron_set in sets.values():
        digest.update(np.packbits(neuron_set.cpu().numpy()).tobytes())
    return {"sizes": {code: int(neuron_set.sum()) for code, neuron_set in sets.items()}, "sha256": digest.hexdigest()}


def card_hash(card: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that tell two cards apart, whatever their dates."""
    known = json.dumps({key: value for key, value in card.items() if key != "date"}, sort_keys=True)
    return hashlib.sha256(known.encode()).hexdigest()[:16]
