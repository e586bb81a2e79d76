"""Does a model that needs BOS get it? Without it Gemma, for example, writes noise and says nothing."""

import warnings
from weakref import WeakSet

import torch

from ..models._counting import checking
from ..models._neuron_model import NeuronModel
from ._next_token import forward, output_layer, token_logprobs

#: The text that is read with and without BOS, and how many nats a token the loss must differ to be mentioned.
TEXT, NATS = "The cat is sleeping on the table and the dog is in the garden.", 1.0

#: Models that have been looked at.
_seen: WeakSet[NeuronModel] = WeakSet()


def check_bos(model: NeuronModel) -> None:
    """Warn, once for each model, if its tokenizer leaves out BOS and it reads a short text much worse for that.

    Many models have no BOS, or have one and do not need it, so it is measured: the loss of the same tokens with and without BOS
    before them. This costs one short forward, and only where the tokenizer leaves BOS out.
    """
    if model in _seen or not model.weights_here:
        return
    _seen.add(model)
    tokenizer = model.tokenizer
    bos = tokenizer.bos_token_id
    bos = model.hf_model.config.get_text_config().bos_token_id if bos is None else bos
    row = tokenizer(TEXT)["input_ids"]
    if bos is None or row[0] == bos or row[0] in tokenizer.all_special_ids:
        return
    losses = _losses(model, row, bos)
    without, with_bos = losses
    if without - with_bos > NATS:
        warnings.warn(
            f"the tokenizer of {model.card['model']} does not begin texts with BOS ({tokenizer.decode([bos])}), but the model "
            f"needs it: the loss of a short text is {without:.1f} nats a token, and {with_bos:.1f} with it. "
            "Load it with another tokenizer, or set model.tokenizer.add_bos_token = True (and take another store= than before)",
            stacklevel=4,
        )


def _losses(model: NeuronModel, row: list[int], bos: int) -> list[float]:
    """Nats a token of a row without and with BOS before it. The first token does not count."""
    inputs = model.pad([row, [bos, *row]])
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    keep = torch.zeros_like(mask, dtype=torch.bool)
    keep[:, -len(row) : -1] = True
    with model.lock, torch.inference_mode(), checking(model):
        values, _ = forward(model, ids, mask, keep, use_cache=False)
        wanted = torch.tensor(row[1:] * 2)[:, None].to(values.device)
        logprobs = token_logprobs(output_layer(model), values, wanted)
    return (-logprobs).view(2, -1).mean(dim=1).tolist()
