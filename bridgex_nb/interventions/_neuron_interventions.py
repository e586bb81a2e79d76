"""Deactivate, amplify, set or steer neurons within a ``with`` block.

Everything that runs the model sees an intervention: `count_active`, `probe`, `alignment`, `complete`, `evaluate`,
`loglikelihood`, `perplexity`, nnsight traces and plain forwards of ``model.hf_model``. The run cards of results from within the
block list it, so a stored result is never mistaken for one of the model without it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from math import isfinite
from typing import Any

import torch

from ..exceptions import InputError
from ..models._neuron_model import Intervention, NeuronModel
from ..utils._run_card import check_same_model, tensor_hash

#: The tokens at which neurons are changed. `prompt`: the tokens that the model is given at once; `generated`: those that it
#: wrote itself and reads one by one as it generates the next.
POSITIONS = ("all", "prompt", "generated")


def deactivate(
    model: NeuronModel, neuron_set: torch.Tensor, *, positions: str = "all", card: Mapping[str, Any] | None = None
) -> AbstractContextManager[None]:
    """Within a ``with`` block, the neurons of a set are 0.

    Blocks may be nested: an inner one changes the values that the outer ones leave.

    Parameters
    ----------
    model : NeuronModel
    neuron_set : torch.Tensor
        bool [L, N]; the neurons are changed at the model's site. To leave some layers as they are, clear their rows.
    positions : {"all", "prompt", "generated"}
        The tokens at which they are changed (`POSITIONS`). The last token of a prompt, from which the first new one is
        predicted, belongs to the prompt. Texts that are read and not generated (`count_active`, `probe`, `perplexity`) are
        prompts, even if the model wrote them earlier (`count_generated`).
    card : mapping, optional
        The run card of the data that the set was computed from (``counts.card``): a set of another model is then refused even
        if its shape fits.

    Raises
    ------
    InputError
        If `neuron_set` is not a bool tensor [L, N] of this model, or `positions` is unknown. Within the block, if `positions`
        is not "all" and the model runs without a key-value cache.

    Notes
    -----
    LAPE (Tang et al. 2024, arXiv 2402.16438), section 3: at the site `act`, before the product with x W_up. At either site,
    deactivating a neuron amounts to removing its row from the down projection.

    On a remote machine, interventions are part of the traces that this package sends there (`count_active`, `probe`,
    `alignment`, `loglikelihood`, `perplexity`); your own traces do not contain them.

    Examples
    --------
    >>> model = load_model()
    >>> neuron_set = torch.zeros(model.num_layers, model.num_neurons, dtype=torch.bool)
    >>> neuron_set[2] = True
    >>> with deactivate(model, neuron_set):
    ...     counts = count_active(model, {"en": ["The sun is hot."]})
    >>> int(counts.active[0, 2].sum())
    0
    """
    return set_activation(model, neuron_set, 0.0, positions=positions, card=card)


def amplify(
    model: NeuronModel,
    neuron_set: torch.Tensor,
    factor: float,
    *,
    positions: str = "all",
    card: Mapping[str, Any] | None = None,
) -> AbstractContextManager[None]:
    """Within a ``with`` block, the values of the neurons of a set are multiplied by a factor.

    Parameters
    ----------
    model, neuron_set, positions, card
        As in `deactivate`.
    factor : float
        1 changes nothing.

    Raises
    ------
    InputError
        As `deactivate`, or if `factor` is not finite.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994) uses 5.

    Examples
    --------
    >>> sets = lape(counts, 0.05)  # doctest: +SKIP
    >>> with amplify(model, sets["sw"], 5.0):  # doctest: +SKIP
    ...     complete(model, prompts)
    """
    _check(model, neuron_set, positions, card)
    if not isfinite(factor):
        raise InputError(f"factor={factor}: values are multiplied by a finite number")
    return _changed(model, neuron_set, _times, float(factor), positions)


def set_activation(
    model: NeuronModel,
    neuron_set: torch.Tensor,
    values: torch.Tensor | float,
    *,
    positions: str = "all",
    card: Mapping[str, Any] | None = None,
) -> AbstractContextManager[None]:
    """Within a ``with`` block, the neurons of a set have given values at every token.

    Parameters
    ----------
    model, neuron_set, positions, card
        As in `deactivate`.
    values : torch.Tensor or float
        One value per neuron, [L, N], or one for all. Values outside the set are not read.

    Raises
    ------
    InputError
        As `deactivate`, or if `values` has another shape or is not finite within the set.

    Examples
    --------
    >>> means = probe(model, texts["sw"]).values.mean(dim=-1)  # doctest: +SKIP
    >>> with set_activation(model, sets["sw"], means):  # doctest: +SKIP
    ...     complete(model, prompts)
    """
    _check(model, neuron_set, positions, card)
    if isinstance(values, torch.Tensor) and values.ndim:
        if values.shape != neuron_set.shape:
            raise InputError(f"values must be a number or [L, N] = {[*neuron_set.shape]}, not {[*values.shape]}")
        values = values.detach().float().cpu()
        finite = bool(torch.isfinite(values[neuron_set.cpu()]).all())
    else:
        values = float(values)
        finite = isfinite(values)
    if not finite:
        raise InputError("the values that neurons are set to must be finite, and some are not")
    return _changed(model, neuron_set, _set, values, positions)


def steer(
    model: NeuronModel,
    on: torch.Tensor,
    off: torch.Tensor,
    factor: float = 5.0,
    *,
    positions: str = "all",
    card: Mapping[str, Any] | None = None,
) -> AbstractContextManager[None]:
    """Within a ``with`` block, the values of one neuron set are multiplied by a factor, and those of another are 0.

    Parameters
    ----------
    model, positions, card
        As in `deactivate`.
    on, off : torch.Tensor
        bool [L, N]. A neuron in both is off.
    factor : float

    Raises
    ------
    InputError
        As `amplify`.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994): the neurons of one side times 5, those of the opposite side 0.

    Examples
    --------
    >>> with steer(model, sets["es"], sets["fr"]):  # doctest: +SKIP
    ...     complete(model, prompts)
    """
    amplified = amplify(model, on, factor, positions=positions, card=card)
    deactivated = deactivate(model, off, positions=positions, card=card)

    @contextmanager
    def steered():
        with amplified, deactivated:
            yield

    return steered()


def _times(values, row, target):
    return torch.where(row, values * target, values)


def _set(values, row, target):
    return torch.where(row, target.to(values.dtype) if torch.is_tensor(target) else target, values)


def _check(model, neuron_set, positions, card) -> None:
    shape = [model.num_layers, model.num_neurons]
    if not isinstance(neuron_set, torch.Tensor):
        raise InputError(f"a neuron set is a bool tensor [L, N] = {shape}, not a {type(neuron_set).__name__}")
    if neuron_set.dtype != torch.bool:
        raise InputError(f"a neuron set must be of dtype bool, not {str(neuron_set.dtype).removeprefix('torch.')}")
    if list(neuron_set.shape) != shape:
        raise InputError(
            f"the neuron set is {[*neuron_set.shape]}, but {model.card['model']} has [L, N] = {shape} neurons: "
            "is it of another model?"
        )
    if card is not None:
        check_same_model("the neuron set is", card, model.card)
    if positions not in POSITIONS:
        raise InputError(f"unknown positions {positions!r}; choose from {', '.join(POSITIONS)}")


@contextmanager
def _changed(model: NeuronModel, neuron_set, change: Callable, target: torch.Tensor | float, positions: str) -> Iterator[None]:
    """The block in which each layer's neurons are ``change(values, row of neuron_set, row of target)``."""
    neuron_set = neuron_set.cpu()
    note = {
        "change": change.__name__.strip("_"),
        "target": tensor_hash(target) if torch.is_tensor(target) else target,
        "neurons": int(neuron_set.sum()),
        "sha256": tensor_hash(neuron_set),
        "positions": positions,
    }
    # Texts on a remote machine are read and not generated.
    remote = None if model.weights_here or positions == "generated" else (neuron_set, change, target)
    with model.intervene(Intervention(note, remote)), ExitStack() as undo:
        if model.weights_here:
            applies = _positions(model, positions, undo)
            for layer in neuron_set.any(dim=1).nonzero()[:, 0].tolist():
                layer_target = target[layer] if torch.is_tensor(target) else target
                _install(model, layer, neuron_set[layer], change, layer_target, applies, undo)
        yield


def _positions(model: NeuronModel, positions: str, undo: ExitStack) -> Callable[[], bool]:
    """A function that says, within a forward, whether its tokens are among `positions`."""
    if positions == "all":
        return lambda: True
    generating = False

    def look(module, args, kwargs):
        nonlocal generating
        if model.generating is not None:
            generating = model.generating
            return
        if kwargs.get("use_cache") is False:
            raise InputError(
                f"positions={positions!r}: without a key-value cache each step reads all tokens again, and those of the prompt "
                "cannot be told from the generated ones; run the model with use_cache=True"
            )
        past = kwargs.get("past_key_values")
        generating = past is not None and int(past.get_seq_length()) > 0

    undo.callback(model.hf_model.register_forward_pre_hook(look, with_kwargs=True).remove)
    return lambda: generating == (positions == "generated")


def _install(model: NeuronModel, layer: int, row, change, target, applies, undo: ExitStack) -> None:
    """Change what one layer computes until `undo`."""
    envoy, side = model.site_module(layer)
    module = envoy._module

    def changed(values):
        nonlocal row, target
        if not applies():
            return values
        if row.device != values.device:  # once, and not at every token
            row = row.to(values.device)
            target = target.to(values.device) if torch.is_tensor(target) else target
        return change(values, row, target)

    if side == "input":
        undo.callback(module.register_forward_pre_hook(lambda module, args: (changed(args[0]), *args[1:])).remove)
        return
    # A forward hook would run after nnsight, whose traces would read the values as they were: nnsight replaces the module's own
    # forward. What it calls, and reads the output of, is the `body`.
    state = module.forward.state
    wrapper = state.body if isinstance(state.body, _ChangedBody) else _ChangedBody(state.body)
    wrapper.changes.append(changed)
    state.body = wrapper

    def remove():
        wrapper.changes.remove(changed)
        if not wrapper.changes:
            state.body = wrapper.body

    undo.callback(remove)


class _ChangedBody:
    """What nnsight calls in the place of a module's forward, with the changes of all blocks: they may be left in any order."""

    def __init__(self, body: Callable):
        self.body, self.changes = body, []

    def __call__(self, *args, **kwargs):
        values = self.body(*args, **kwargs)
        for change in self.changes:
            values = change(values)
        return values
