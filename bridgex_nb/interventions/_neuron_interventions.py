"""Switch neurons off, up, or to a value, and see what the model then does: changes that last as long as a ``with`` block.

Everything that runs the model sees a change: `count_active`, `probe`, `alignment`, `complete`, `evaluate`, `loglikelihood`,
`perplexity`, traces of nnsight and plain forwards of ``model.hf_model``. Run cards of results from within the block tell it, so
that a stored result is never mistaken for one of the model as it is.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from math import isfinite

import torch

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel

#: Which tokens a change is made at. `prompt`: those that the model is given at once; `generated`: those that it has written
#: itself and reads one by one while it generates the next.
POSITIONS = ("all", "prompt", "generated")


def deactivate(
    model: NeuronModel, mask: torch.Tensor, *, positions: str = "all", card: Mapping | None = None
) -> AbstractContextManager[None]:
    """Within a ``with`` block: the neurons of a set are 0.

    Blocks may stand inside each other; the inner one finds what the outer one left.

    Parameters
    ----------
    model : NeuronModel
    mask : torch.Tensor
        bool [L, N], the neurons; they are changed at the model's site. Layers without a neuron in it are left alone: to change
        some layers only, clear the others.
    positions : {"all", "prompt", "generated"}
        The tokens at which they are changed, see `POSITIONS`. The last token of a prompt, from which the first new one is made,
        belongs to the prompt. Texts that are read and not generated (`count_active`, `probe`, `perplexity`) are prompts, also
        where the model wrote them before (`count_generated`).
    card : mapping, optional
        The run card of what the set was made from (``counts.card``): a set of another model is then refused also where its
        shape fits.

    Raises
    ------
    InputError
        If `mask` is not a bool tensor [L, N] of this model, or `positions` is unknown. Within the block: if positions other
        than "all" are to be told apart and the model runs without a key-value cache.

    Notes
    -----
    LAPE (Tang et al. 2024, arXiv 2402.16438), section 3: at the site `act`, before the product with x W_up. To deactivate a
    neuron is to take its row out of the down projection, at either site.

    A model on a remote machine is changed inside the traces that this package sends there (`count_active`, `probe`,
    `alignment`, `loglikelihood`, `perplexity`); traces of one's own do not have it.

    Examples
    --------
    >>> model = load_model()
    >>> mask = torch.zeros(model.num_layers, model.num_neurons, dtype=torch.bool)
    >>> mask[2] = True
    >>> with deactivate(model, mask):
    ...     counts = count_active(model, {"en": ["The sun is hot."]})
    >>> int(counts.active[0, 2].sum())
    0
    """
    return set_activation(model, mask, 0.0, positions=positions, card=card)


def amplify(
    model: NeuronModel, mask: torch.Tensor, factor: float, *, positions: str = "all", card: Mapping | None = None
) -> AbstractContextManager[None]:
    """Within a ``with`` block: the values of the neurons of a set are multiplied by a factor.

    Parameters
    ----------
    model, mask, positions, card
        As in `deactivate`.
    factor : float
        1 changes nothing.

    Raises
    ------
    InputError
        As `deactivate`, or if `factor` is not finite.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994) takes 5.
    """
    _check(model, mask, positions, card)
    if not isfinite(factor):
        raise InputError(f"factor={factor}: neurons are multiplied by a finite number")
    return _changed(model, mask, _times, float(factor), positions)


def set_activation(
    model: NeuronModel,
    mask: torch.Tensor,
    values: torch.Tensor | float,
    *,
    positions: str = "all",
    card: Mapping | None = None,
) -> AbstractContextManager[None]:
    """Within a ``with`` block: the neurons of a set have given values, at every token.

    Parameters
    ----------
    model, mask, positions, card
        As in `deactivate`.
    values : torch.Tensor or float
        [L, N], one value a neuron, or one for all of them. What stands outside the set is not looked at.

    Raises
    ------
    InputError
        As `deactivate`, or if `values` has another shape or is not finite within the set.

    Examples
    --------
    >>> means = probe(model, texts["sw"]).values.mean(dim=-1)  # doctest: +SKIP
    >>> with set_activation(model, masks["sw"], means):  # doctest: +SKIP
    ...     complete(model, prompts)
    """
    _check(model, mask, positions, card)
    if isinstance(values, torch.Tensor) and values.ndim:
        if values.shape != mask.shape:
            raise InputError(f"values must be a number or [L, N] = {[*mask.shape]}, not {[*values.shape]}")
        values = values.detach().float().cpu()
        finite = bool(torch.isfinite(values[mask.cpu()]).all())
    else:
        values = float(values)
        finite = isfinite(values)
    if not finite:
        raise InputError("the values that neurons are set to must be finite, and some are not")
    return _changed(model, mask, _set, values, positions)


def steer(
    model: NeuronModel,
    on: torch.Tensor,
    off: torch.Tensor,
    factor: float = 5.0,
    *,
    positions: str = "all",
    card: Mapping | None = None,
) -> AbstractContextManager[None]:
    """Within a ``with`` block: the values of one set are multiplied by a factor, and those of another are 0.

    Parameters
    ----------
    model, positions, card
        As in `deactivate`.
    on, off : torch.Tensor
        bool [L, N]. A neuron of both is off.
    factor : float

    Raises
    ------
    InputError
        As `amplify`.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994): a side's own neurons times 5, the opposite side's 0.
    """
    blocks = [
        amplify(model, on, factor, positions=positions, card=card),
        deactivate(model, off, positions=positions, card=card),
    ]

    @contextmanager
    def steered():
        with blocks[0], blocks[1]:
            yield

    return steered()


def _times(values, row, target):
    return torch.where(row, values * target, values)


def _set(values, row, target):
    return torch.where(row, target.to(values.dtype) if torch.is_tensor(target) else target, values)


def _check(model, mask, positions, card) -> None:
    shape = [model.num_layers, model.num_neurons]
    if not isinstance(mask, torch.Tensor):
        raise InputError(f"mask must be one neuron set, a bool tensor [L, N] = {shape}, not a {type(mask).__name__}")
    if mask.dtype != torch.bool:
        raise InputError(f"mask must be of dtype bool, not {str(mask.dtype).removeprefix('torch.')}")
    if list(mask.shape) != shape:
        raise InputError(f"mask is {[*mask.shape]}, but {model.card['model']} has [L, N] = {shape} neurons: another model's?")
    for key in ("model", "weights_sha256", "revision"):
        if card is not None and key in card and card[key] != model.card.get(key):
            raise InputError(f"mask is of another model: {key} is {card[key]} and not {model.card.get(key)}")
    if positions not in POSITIONS:
        raise InputError(f"unknown positions {positions!r}; there are {', '.join(POSITIONS)}")


@contextmanager
def _changed(model: NeuronModel, mask, change: Callable, target: torch.Tensor | float, positions: str) -> Iterator[None]:
    """The block in which each layer's neurons are ``change(values, row of mask, row of target)``."""
    mask = mask.cpu()
    note = {
        "change": change.__name__.strip("_"),
        "target": _hash(target) if torch.is_tensor(target) else target,
        "neurons": int(mask.sum()),
        "mask_sha256": _hash(mask),
        "positions": positions,
    }
    with ExitStack() as undo:
        undo.enter_context(model.turn)
        before = model.card
        undo.callback(setattr, model, "card", before)
        model.card = before | {"interventions": [*before.get("interventions", []), note]}
        if not model.weights_here:
            if positions != "generated":
                model.changes.append((mask, change, target))
                undo.callback(model.changes.pop)
        else:
            applies = _positions(model, positions, undo)
            for layer in mask.any(dim=1).nonzero()[:, 0].tolist():
                _install(model, layer, mask[layer], change, target[layer] if torch.is_tensor(target) else target, applies, undo)
        yield


def _hash(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


def _positions(model: NeuronModel, positions: str, undo: ExitStack) -> Callable[[], bool]:
    """Tells, within a forward, whether its tokens are among `positions`."""
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
                f"positions={positions!r}: without a key-value cache each step reads all tokens anew, and the prompt's cannot "
                "be told from the generated ones; run the model with use_cache=True"
            )
        past = kwargs.get("past_key_values")
        generating = past is not None and int(past.get_seq_length()) > 0

    undo.callback(model.hf_model.register_forward_pre_hook(look, with_kwargs=True).remove)
    return lambda: generating == (positions == "generated")


def _install(model: NeuronModel, layer: int, row, change, target, applies, undo: ExitStack) -> None:
    """Change what one layer computes until `undo`."""
    envoy, side = model.place(layer)
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
    # A forward hook would run behind nnsight, whose traces would read the values as they were: nnsight stands in the place of
    # the module's own forward. What it calls, and reads the output of, is the `body`.
    state = module.forward.state
    body = state.body
    undo.callback(setattr, state, "body", body)
    state.body = lambda *args, **kwargs: changed(body(*args, **kwargs))
