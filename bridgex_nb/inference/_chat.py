"""Prompts in the form that a chat model was trained on: one turn of the user, by the tokenizer's chat template."""

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

from jinja2.exceptions import TemplateError

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel

#: Models of which it has been said that their template is not used.
_told: WeakSet[NeuronModel] = WeakSet()


def chat_prompts(model: NeuronModel, prompts: Sequence[str]) -> list[str]:
    """Each prompt as what a user says, up to where the model's answer begins.

    The template writes all special tokens, BOS too where the model has one, so the texts are tokenised without adding any
    (`token_rows`).

    Raises
    ------
    InputError
        If the tokenizer has no chat template, or it fails.
    """
    if not model.tokenizer.chat_template:
        raise InputError(
            f"chat=True: the tokenizer of {model.card['model']} has no chat template; leave out chat=, or set "
            "model.tokenizer.chat_template to the one that the model was trained with"
        )
    options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True}
    try:
        return [model.tokenizer.apply_chat_template([{"role": "user", "content": prompt}], **options) for prompt in prompts]
    except (TemplateError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"chat=True: the chat template of {model.card['model']} fails ({reason})") from error


def chat_card(model: NeuronModel, chat: bool) -> dict[str, Any]:
    """What a run card says: nothing without a template, otherwise that there is one and the SHA-256 of what it writes.

    Some templates write the date, so the hash is of the written text and not of the template.
    """
    if not chat:
        return {}
    return {"chat": True, "chat_sha256": hashlib.sha256("".join(chat_prompts(model, [""])).encode()).hexdigest()}


def asked(model: NeuronModel, prompts: Sequence[str], chat: bool) -> list[str]:
    """The prompts as the model reads them. A template that is not used is mentioned once for each model."""
    if chat:
        return chat_prompts(model, prompts)
    if model.tokenizer.chat_template and model not in _told:
        _told.add(model)
        warnings.warn(
            f"the tokenizer of {model.card['model']} has a chat template, and prompts are read without it: if this is a chat "
            "model, ask with chat=True (said once)",
            stacklevel=4,
        )
    return list(prompts)
