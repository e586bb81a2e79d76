"""The normalization between the last layer and the output layer, checked before it is trusted."""

from weakref import WeakKeyDictionary

import torch

from ..exceptions import InputError
from ..inference._next_token import Output, output_layer
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
    output = output_layer(model)
    if output is None:
        raise InputError(f"the output layer of {model.card['model']} is quantised or no plain matrix: the lens cannot apply it")
    if model not in _checked:
        try:
            norm = model.hf_model.get_submodule(path)
        except AttributeError:
            raise InputError(
                f"{model.card['model']} has no module {path}, the final norm that is registered for {kind!r}"
            ) from None
        if not _stands_between(model, norm, output[0]):
            raise InputError(
                f"{path}, which is registered as the final norm of {kind!r}, is not what stands between the last layer of "
                f"{model.card['model']} and its output layer: the lens would not show what the model computes"
            )
        _checked[model] = norm
    return _checked[model], output


def _stands_between(model: NeuronModel, norm: torch.nn.Module, head: torch.nn.Module) -> bool:
    """Whether the norm of the last layer's output is what the output layer reads, on three tokens."""
    last = model.hf_model.get_submodule(model.architecture.layers)[-1]  # pyright: ignore[reportIndexIssue] (a ModuleList)
    seen = {}

    def see_state(module, inputs, output):
        seen["state"] = output if torch.is_tensor(output) else output[0]

    hooks = [
        last.register_forward_hook(see_state),
        head.register_forward_pre_hook(lambda module, inputs: seen.update(read=inputs[0])),
    ]
    try:
        with model.lock, torch.inference_mode():
            model.hf_model(**model.pad([model.tokenizer("one two three")["input_ids"][:3]]), use_cache=False)
            found = norm(seen["state"])
    except (RuntimeError, TypeError, ValueError):  # a module that takes something else than states
        return False
    finally:
        for hook in hooks:
            hook.remove()
    read = seen["read"].to(found.device) if torch.is_tensor(found) else None
    if read is None or found.shape != read.shape:
        return False
    return float((found - read).abs().max()) <= 8 * torch.finfo(read.dtype).eps * float(read.abs().max())
