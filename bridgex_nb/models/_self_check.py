"""One short forward that checks whether the neurons of a model are where the table of architectures says."""

import nnsight
import torch
from nnsight.intervention.interleaver import OutOfOrderError


def site_fault(model) -> str | None:
    """What is wrong with the neuron site; None if the neurons of every layer are where the table says and the model uses them.

    One forward of three tokens in two equal rows. The neurons of the first row are set to zero, which must reach the down
    projection and change the logits; in the second row, act * up must be the input of the down projection (act alone in a model
    without a gate).
    """
    sites = model.architecture
    ids = model.tokenizer("one two three")["input_ids"][:3]
    shape = (2, len(ids), model.num_neurons)
    names = [name for name in (sites.act, sites.up, sites.down) if name]
    paths = {(layer, name): f"model.{sites.layers}.{layer}.{name}" for layer in range(model.num_layers) for name in names}
    try:
        with torch.inference_mode(), model.nnsight.trace(model.pad([ids, ids])) as tracer:
            # A cache, because the order in which act and up are computed differs between architectures.
            seen = tracer.cache(list(paths.values()), include_inputs=True)
            shapes = nnsight.save([])
            for layer in range(model.num_layers):
                values = model.neurons(layer)
                shapes.append(tuple(values.shape))
                values[0] = 0
            logits = nnsight.save(model.nnsight.output.logits)
    except (OutOfOrderError, AttributeError, TypeError, IndexError) as error:
        return f"its neurons cannot be read ({error})"
    for (layer, name), path in paths.items():
        # A list has one entry per call.
        if path not in seen or isinstance(seen[path].inputs, list):
            return f"layer {layer}: {name} is not called exactly once in a forward"

    for layer in range(model.num_layers):
        if shapes[layer] != shape:
            return f"layer {layer}: the neurons are {list(shapes[layer])}, not [batch, tokens, N] = {list(shape)}"
        parts = {}
        for name in names:
            value = seen[paths[layer, name]]
            value = value.input if name == sites.down else value.output
            widths = (shape[2], 2 * shape[2]) if name == sites.up else (shape[2],)
            if not torch.is_tensor(value) or value.shape[-1] not in widths or value[..., 0].numel() != shape[0] * shape[1]:
                return f"layer {layer}: {name} does not have N = {shape[2]} values for each token"
            parts[name] = value[..., -shape[2] :].reshape(shape)
        zeroed, read = parts[sites.down]
        expected = parts[sites.act][1] * (parts[sites.up][1] if sites.up else 1)
        if not torch.isfinite(read).all():
            return f"layer {layer}: values on a short text are not finite; was the model run in float16?"
        limits = torch.finfo(read.dtype)
        if not torch.allclose(expected, read, rtol=4 * limits.eps, atol=limits.tiny):
            return f"layer {layer}: {' * '.join(names[:-1])} is not the input of {sites.down}"
        if zeroed.any():
            return f"layer {layer}: neurons set to zero at site {model.site!r} do not reach {sites.down}"
    # The rows were computed in one batch: rounding alone may make them differ.
    change = (logits[0] - logits[1]).abs().max()
    if not change > 4 * torch.finfo(logits.dtype).eps * logits[1].abs().median():
        return "setting all neurons to zero does not change the logits"
    return None
