"""XTransplant: the feed-forward output of a prompt in one language, put into the forward of the same prompt in another."""

from collections.abc import Sequence
from operator import attrgetter

import nnsight
import pandas as pd
import torch
import torch.distributed as dist

from ..exceptions import InputError
from ..inference._batches import budget_of
from ..inference._loop import batch_results, own_batches
from ..inference._processes import processes
from ..inference._tokens import token_rows
from ..models._neuron_model import NeuronModel
from ..utils._progress import progress_bar
from ..utils._run_card import data_card, run_card


def transplant(
    model: NeuronModel,
    prompts: Sequence[str],
    donors: Sequence[str],
    answers: Sequence[str],
    *,
    token_budget: int | None = None,
) -> pd.DataFrame:
    """Replace the feed-forward output of layer j at the last token of a prompt by that of layer i on a donor prompt.

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
    donors : sequence of str
        One per prompt: the same prompt in another language.
    answers : sequence of str
        One per prompt; only the first token that an answer adds to its prompt is read.
    token_budget : int, optional
        Tokens of one padded batch; by default what is fastest on a CPU, and 8,192 on a GPU. Halved until a batch fits into
        memory.

    Returns
    -------
    pandas.DataFrame
        [layer taken from x layer put into], mean change of the log-probability of the first token of the answer, nats. The run
        card is in ``.attrs["card"]``. The cost is L x L forwards of all prompts: for models of few layers, or few prompts.

    Raises
    ------
    InputError
        If prompts, donors and answers differ in number, an answer adds no token to its prompt, or the model is remote.

    Notes
    -----
    XTransplant (arXiv 2412.12686). The feed-forward output is that of the down projection, before any norm after it. The same
    call with the donors of other prompts is its control. Under ``torchrun --nproc-per-node P`` the same call shares the batches
    among P processes; each of them gets the whole table.

    Examples
    --------
    >>> transplant(load_model(), ['suomi:"tuli"→Tagalog:'], ['English:"fire"→Tagalog:'], ['"apoy"']).shape
    (6, 6)
    """
    if not model.weights_here:
        raise InputError("L x L forwards are too many for a remote machine: load the model without remote=")
    if not len(prompts) == len(donors) == len(answers) or not prompts:
        raise InputError(
            f"transplant needs one donor and one answer per prompt, not {len(prompts)} prompts, {len(donors)} donors and "
            f"{len(answers)} answers"
        )
    rows, donor_rows = token_rows(model, prompts), token_rows(model, donors)
    whole = token_rows(model, [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)])
    empty = [answer for answer, row, longer in zip(answers, rows, whole, strict=True) if len(longer) <= len(row)]
    if empty:
        raise InputError(f"the answer {empty[0]!r} adds no token to its prompt")
    wanted = torch.tensor([longer[len(row)] for row, longer in zip(rows, whole, strict=True)])
    blocks = attrgetter(model.architecture.layers)(model.nnsight)
    downs = [attrgetter(model.architecture.down)(block) for block in blocks]
    layers = range(len(downs))

    def last_token(values, size):
        return values.view(size, -1, values.shape[-1])[:, -1]  # OPT's are flat, [B * T, d]; padding is on the left

    def logprobs(inputs, tokens, values=None, layer=None):
        with model.lock, torch.inference_mode(), model.nnsight.trace(inputs):
            if values is not None:
                last_token(downs[layer].output, len(tokens))[:] = values
            scores = nnsight.save(torch.log_softmax(model.nnsight.output.logits[:, -1].float(), dim=-1).cpu())
        return scores.gather(1, tokens[:, None])[:, 0].double()

    def gains(part):
        """float64 [L, L, B], the change for each prompt of a batch."""
        with model.lock, torch.inference_mode(), model.nnsight.trace(model.pad([donor_rows[i] for i in part])):
            taken = nnsight.save([])
            for down in downs:
                taken.append(last_token(down.output, len(part)).clone())
        inputs = model.pad([rows[i] for i in part])
        intact = logprobs(inputs, wanted[part])
        gain = torch.empty(len(layers), len(layers), len(part), dtype=torch.float64)
        for i in layers:
            for j in layers:
                gain[i, j] = logprobs(inputs, wanted[part], taken[i].to(inputs["input_ids"].device), j) - intact
                step = finished * len(layers) ** 2 + (i * len(layers) + j + 1) * len(part)
                bar.update(round(bar.total * step / steps) - bar.n)  # one bar stands for all processes
        return gain

    rank, world = processes()
    token_budget = budget_of(model, token_budget)
    gain, finished = torch.zeros(len(layers), len(layers), len(rows), dtype=torch.float64), 0
    lengths = [max(len(row), len(donor)) for row, donor in zip(rows, donor_rows, strict=True)]
    steps = sum(map(len, own_batches(lengths, token_budget))) * len(layers) ** 2
    total = len(rows) * len(layers) ** 2
    with progress_bar(total=total, desc="transplanting", unit="prompt", disable=rank > 0) as bar:
        for part, result, _ in batch_results(lengths, gains, token_budget):
            gain[..., part] = result
            finished += len(part)
    if world > 1:
        dist.all_reduce(gain)  # every prompt is of one process, and 0 in the others
    labels = {"index": pd.Index(layers, name="from layer"), "columns": pd.Index(layers, name="into layer")}
    table = pd.DataFrame(gain.mean(dim=-1).numpy(), **labels)
    data = {"kind": "transplants", **data_card({"prompts": prompts, "donors": donors, "answers": answers})}
    table.attrs["card"] = run_card("transplant", model.card, data=data)
    return table
