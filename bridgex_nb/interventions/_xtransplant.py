"""XTransplant: what one language's feed-forward output does in the place of another's, for the first new token."""

from collections.abc import Sequence
from operator import attrgetter

import nnsight
import pandas as pd
import torch

from ..exceptions import InputError
from ..inference._batches import batches_by_length
from ..inference._tokens import token_rows
from ..models._neuron_model import NeuronModel
from ..utils._progress import progress_bar


def transplant(
    model: NeuronModel, prompts: Sequence[str], donors: Sequence[str], answers: Sequence[str], *, token_budget: int = 8192
) -> pd.DataFrame:
    """Put the feed-forward output of layer i on a donor prompt in the place of layer j's, at the last token of a prompt.

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
    donors : sequence of str
        One a prompt: the same in another language.
    answers : sequence of str
        One a prompt; the first token that an answer adds to its prompt is looked at.
    token_budget : int
        Tokens of one padded batch.

    Returns
    -------
    pandas.DataFrame
        [layer it is taken from x layer it is put into], mean change of the log-probability of the answer's first token, nats.
        L x L forwards of all prompts: for models of few layers, or few prompts.

    Raises
    ------
    InputError
        If prompts, donors and answers differ in number, an answer adds no token to its prompt, or the model is remote.

    Notes
    -----
    XTransplant (arXiv 2412.12686). The feed-forward output is that of the down projection, before any norm behind it. With the
    donors of other prompts, the same call is its own control.

    Examples
    --------
    >>> transplant(load_model(), ['suomi:"tuli"→Tagalog:'], ['English:"fire"→Tagalog:'], ['"apoy"']).shape
    (6, 6)
    """
    if not model.weights_here:
        raise InputError("L x L forwards are too many for a remote machine: load the model without remote=")
    if not len(prompts) == len(donors) == len(answers) or not prompts:
        raise InputError(f"one donor and answer a prompt; there are {len(prompts)}, {len(donors)} and {len(answers)}")
    rows, others = token_rows(model, prompts), token_rows(model, donors)
    whole = token_rows(model, [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)])
    none = [answer for answer, row, longer in zip(answers, rows, whole, strict=True) if len(longer) <= len(row)]
    if none:
        raise InputError(f"the answer {none[0]!r} adds no token to its prompt")
    first = torch.tensor([longer[len(row)] for row, longer in zip(rows, whole, strict=True)])
    blocks = attrgetter(model.architecture.layers)(model.nnsight)
    places = [attrgetter(model.architecture.down)(block) for block in blocks]
    layers = range(len(places))

    def last(values, size):
        return values.view(size, -1, values.shape[-1])[:, -1]  # OPT's are flat, [B * T, d]; padding is on the left

    def logprob(inputs, wanted, put=None, into=None):
        with model.turn, torch.inference_mode(), model.nnsight.trace(inputs):
            if put is not None:
                last(places[into].output, len(wanted))[:] = put
            found = nnsight.save(torch.log_softmax(model.nnsight.output.logits[:, -1].float(), dim=-1).cpu())
        return found.gather(1, wanted[:, None])[:, 0].double()

    gain = torch.zeros(len(layers), len(layers), dtype=torch.float64)
    lengths = [max(len(row), len(other)) for row, other in zip(rows, others, strict=True)]
    with progress_bar(total=len(rows) * len(layers) ** 2, desc="transplanting", unit="prompt") as bar:
        for batch in batches_by_length(lengths, token_budget):
            size, wanted = len(batch), first[batch]
            with model.turn, torch.inference_mode(), model.nnsight.trace(model.pad([others[i] for i in batch])):
                given = nnsight.save([])
                for place in places:
                    given.append(last(place.output, size).clone())
            inputs = model.pad([rows[i] for i in batch])
            intact = logprob(inputs, wanted)
            for i in layers:
                for j in layers:
                    gain[i, j] += (logprob(inputs, wanted, given[i].to(inputs["input_ids"].device), j) - intact).sum()
                    bar.update(size)
    labels = {"index": pd.Index(layers, name="from layer"), "columns": pd.Index(layers, name="into layer")}
    return pd.DataFrame((gain / len(rows)).numpy(), **labels)
