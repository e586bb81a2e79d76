"""One forward, and what the model says of the next token: log-probabilities and the likeliest one, piece by piece.

With a vocabulary of 262,144, the logits of 512 tokens are half a gigabyte in float32, and a softmax makes two more tensors of
that size. So the model is run up to its output layer, and the output layer is applied here to the positions that are asked for,
one piece of the vocabulary after the other, each small enough for the cache of a CPU.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch

from ..models._counting import checking
from ..models._neuron_model import NeuronModel

#: The most logits that are in memory at once. On a CPU they stay below the size from which glibc gives memory back at once.
PIECE = {"cpu": 2**20, "other": 2**26}

#: The output layer of a model, and what the model does to its logits afterwards.
Output = tuple[torch.nn.Linear, Callable[[torch.Tensor], torch.Tensor]]

_changes: WeakKeyDictionary[NeuronModel, Callable[[torch.Tensor], torch.Tensor] | None] = WeakKeyDictionary()


def output_layer(model: NeuronModel) -> Output | None:
    """The output layer and what follows it; None if it is not a plain matrix here, or what follows it is not known.

    What follows is found in the configuration (a soft cap, a factor) and checked by one short forward.
    """
    layer = model.hf_model.get_output_embeddings()
    if type(layer) is not torch.nn.Linear or layer.weight.is_meta:
        return None
    if model not in _changes:
        _changes[model] = _change(model, layer)
    change = _changes[model]
    return None if change is None else (layer, change)


def _change(model: NeuronModel, layer: torch.nn.Linear) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """What turns the output layer's values into the model's logits, by the configuration; None if that is not so."""
    config = model.hf_model.config.get_text_config()
    cap, factor = getattr(config, "final_logit_softcapping", None), getattr(config, "logit_scale", None)
    divisor = getattr(config, "logits_scaling", None)
    candidates: list[Callable[[torch.Tensor], torch.Tensor]] = []
    if cap:
        candidates.append(lambda logits: torch.tanh(logits / cap) * cap)
    if isinstance(factor, int | float):
        candidates.append(lambda logits: logits * factor)
    if isinstance(divisor, int | float):
        candidates.append(lambda logits: logits / divisor)
    candidates.append(lambda logits: logits)
    seen = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        ids = model.pad([model.tokenizer("one two three")["input_ids"][:3]])
        with model.lock, torch.inference_mode(), checking(model):
            logits = model.hf_model(**ids, use_cache=False).logits
    finally:
        hook.remove()
    if len(seen) != 1 or seen[0].shape != logits.shape:
        return None
    before = seen[0].to(logits.device)
    errors = [min(_furthest(change(values), logits) for values in (before, before.float())) for change in candidates]
    rounding = max(torch.finfo(values.dtype).eps for values in (before, logits)) * float(logits.abs().max())
    best = min(errors)
    if not best <= 2 * rounding:
        return None
    # In half precision, logits far below a soft cap hardly show it: what the configuration says is then taken to be so,
    # unless something else gives the model's logits to the last bit.
    close = best + rounding if best else 0
    return next(change for change, error in zip(candidates, errors, strict=True) if error <= close)


def _furthest(found: torch.Tensor, logits: torch.Tensor) -> float:
    """The largest difference, in float32: a model may widen its logits at its end."""
    return float((found.float() - logits.float()).abs().max())


def forward(
    model: NeuronModel, ids: torch.Tensor, mask: torch.Tensor, keep: torch.Tensor, *, generating: bool = False, **options: Any
) -> tuple[torch.Tensor, Any]:
    """A plain forward of left-padded rows, or of the tokens that follow a cache.

    Parameters
    ----------
    model : NeuronModel
    ids : torch.Tensor
        [B, T].
    mask : torch.Tensor
        [B, cached + T], 0 at padding.
    keep : torch.Tensor
        bool [B, T], the positions whose next token is asked for.
    generating : bool
        Whether the tokens are the model's own, not those of a prompt (which may come in several pieces).
    **options
        Passed to the model: use_cache, past_key_values.

    Returns
    -------
    values : torch.Tensor
        The states before the output layer, [positions kept, d]; where `output_layer` is None, the logits, [positions kept, V].
        `next_tokens` and `token_logprobs` take them.
    cache : object
        Of the keys and values, as transformers returns it.
    """
    takes = inspect.signature(model.hf_model.forward).parameters
    if "position_ids" in takes:  # with learned position embeddings, left padding would shift them
        options["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    output, states, hook = output_layer(model), [], None
    if output is None:
        if "logits_to_keep" in takes and not keep[:, :-1].any():
            options["logits_to_keep"], keep = 1, keep[:, -1:]
    else:

        def stop(module, inputs):
            states.append(inputs[0])
            return inputs[0][:, :0]

        hook = output[0].register_forward_pre_hook(stop)
    model.generating = generating
    try:
        result = model.hf_model(input_ids=ids, attention_mask=mask, **options)
    finally:
        model.generating = None
        if hook is not None:
            hook.remove()
    values = states[0] if states else result.logits
    return values[keep.to(values.device)], result.get("past_key_values")


def last(ids: torch.Tensor) -> torch.Tensor:
    """The mask [B, T] of the last position of each row."""
    keep = torch.zeros_like(ids, dtype=torch.bool)
    keep[:, -1] = True
    return keep


def pieces(output: Output | None, values: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
    """(first token, logits [n, tokens]) of every piece of the vocabulary, from what `forward` returns; at least float32."""
    wide = torch.promote_types(values.dtype, torch.float32)
    if output is None:
        yield 0, values.to(wide)
        return
    layer, change = output
    weight, bias = layer.weight, layer.bias
    values = values.to(weight.device)
    step = max(256, PIECE["cpu" if values.is_cpu else "other"] // max(1, len(values)))
    for start in range(0, len(weight), step):
        part = None if bias is None else bias[start : start + step]
        yield start, change(torch.nn.functional.linear(values, weight[start : start + step], part)).to(wide)


def token_logprobs(output: Output | None, values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probabilities, [n, m], of m tokens at each of n positions.

    Parameters
    ----------
    output : tuple or None
        Of `output_layer`.
    values : torch.Tensor
        [n, d] or [n, V], as `forward` returns them.
    targets : torch.Tensor
        int64 [n, m].
    """
    found, maxima, sums = torch.zeros(()), [], []
    for start, logits in pieces(output, values):
        targets = targets.to(logits.device)
        inside = (targets >= start) & (targets < start + logits.shape[1])
        here = logits.gather(1, (targets - start).clamp(0, logits.shape[1] - 1))
        found = torch.where(inside, here, found)
        maxima.append(logits.amax(dim=1))
        sums.append(_sum_of_exp(logits, maxima[-1]))
    highest, log_sum = _whole(maxima, sums)
    return (found - highest[:, None]) - log_sum[:, None]


def next_tokens(output: Output | None, values: torch.Tensor, *, scored: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The likeliest next token at each of n positions, int64 [n], and its log-probability, [n]; None unless `scored`."""
    maxima, places, sums = [], [], []
    for start, logits in pieces(output, values):
        top = logits.max(dim=1)  # three times as fast as argmax on a CPU
        maxima.append(top.values)
        places.append(top.indices + start)
        if scored:
            sums.append(_sum_of_exp(logits, top.values))
    piece = torch.stack(maxima, dim=1).max(dim=1, keepdim=True).indices
    tokens = torch.stack(places, dim=1).gather(1, piece)[:, 0]
    return tokens, -_whole(maxima, sums)[1] if scored else None


def _sum_of_exp(logits: torch.Tensor, highest: torch.Tensor) -> torch.Tensor:
    """The sum of exp(logit - highest) of each row; the logits are overwritten."""
    return logits.sub_(highest[:, None]).exp_().sum(dim=1)


def _whole(maxima: list[torch.Tensor], sums: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest logit of each row, and log sum exp(logit - highest), from those of the pieces."""
    of_pieces = torch.stack(maxima, dim=1)
    highest = of_pieces.amax(dim=1)
    return highest, ((of_pieces - highest[:, None]).exp() * torch.stack(sums, dim=1)).sum(dim=1).log()
