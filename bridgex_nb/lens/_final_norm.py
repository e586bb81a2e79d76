"""The normalization between the last layer and the output layer, checked before it is trusted."""

from weakref import WeakKeyDictionary

import torch

from ..exceptions import InputError
from ..inference._next_token import Output, output_layer
from ..models._counting import checking
from ..models._neuron_model import NeuronModel

#: Models that were checked -> their normalization.
_checked: WeakKeyDictionary[NeuronModel, torch.nn.Module] = WeakKeyDictionary()


def lens_parts(model: NeuronModel) -> tuple[torch.nn.Module, Output]:
    """What a logit lens applies to a state: the final norm, and the output layer with what follows it.

    One short forward, the first time for each model, checks that the norm of the last layer's output is what the output layer
    reads. If it were not, the lens would show something else than the model at the last layer, and nothing that is known at the
    others.

    Raises
    ------
    InputError
        If the weights are on another machine, no norm is registered for the architecture, it is not what stands between the
        last layer and the output layer, or the output layer is not a plain matrix.
    """
    if not model.weights_here:
        raise InputError("the lens applies the model's own output layer: load the model without remote=, its weights here")
    kind, path = model.hf_model.config.model_type, model.architecture.norm
    if path is None:
        raise InputError(
            f"no final norm is known for {kind!r}, and the lens needs it; register it with bridgex_nb.register_site({kind!r}, "
            "bridgex_nb.Architecture(…, norm=…)), the path of the last module before the output layer, and load the model again"
        )
    if model not in _checked:
        _checked[model] = _norm_between(model, path)
    output = output_layer(model)
    if output is None:
        raise InputError(
            f"the lens cannot apply the output layer of {model.card['model']}: it is quantised, no plain matrix, or followed "
            "by something that its configuration does not say"
        )
    return _checked[model], output


def _norm_between(model: NeuronModel, path: str) -> torch.nn.Module:
    """The module of that path, if on three tokens its output for the last layer's output is what the output layer reads."""
    name, kind = model.card["model"], model.hf_model.config.model_type
    try:
        norm = model.hf_model.get_submodule(path)
    except AttributeError:
        raise InputError(f"{name} has no module {path}, which is registered as the final norm of {kind!r}") from None
    last = list(model.hf_model.get_submodule(model.architecture.layers).children())[-1]
    seen = {}

    def see_state(module, inputs, output):
        seen["state"] = output if torch.is_tensor(output) else output[0]

    hooks = [
        last.register_forward_hook(see_state),
        model.hf_model.get_output_embeddings().register_forward_pre_hook(lambda module, inputs: seen.update(read=inputs[0])),
    ]
    try:
        with model.lock, torch.inference_mode(), checking(model):
            model.hf_model(**model.pad([model.tokenizer("one two three")["input_ids"][:3]]), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    read = seen["read"]
    if not torch.isfinite(read).all():
        raise InputError(f"the states of {name} on a short text are not finite (NaN or infinite); was it run in float16?")
    try:
        with torch.inference_mode():
            found = norm(seen["state"]).to(read.device)
        same = found.shape == read.shape and _close(found, read)
    except (RuntimeError, TypeError, ValueError, AttributeError):  # a module that takes something else than states
        same = False
    if not same:
        raise InputError(
            f"{path}, which is registered as the final norm of {kind!r}, is not what stands between the last layer of {name} "
            "and its output layer: the lens would not show what the model computes"
        )
    return norm


def _close(found: torch.Tensor, read: torch.Tensor) -> bool:
    return float((found - read).abs().max()) <= 8 * torch.finfo(read.dtype).eps * float(read.abs().max())
