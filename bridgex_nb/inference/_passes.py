"""One traced pass over rows of token ids that can be interrupted and resumed, and shared among processes."""

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import nnsight
import torch
import torch.distributed as dist

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils import _result_files as result_files
from ..utils._progress import progress_bar
from ._batches import budget_of
from ._loop import batch_results, own_batches
from ._processes import processes

#: Least time between two writes of progress, in seconds, and the largest share of the time that they may take.
WRITE_EVERY, WRITE_SHARE = 5.0, 0.05


def run_pass(
    model: NeuronModel,
    rows: Sequence[list[int]],
    layers: Sequence[int],
    reduce: Callable,
    add: Callable,
    state: list[torch.Tensor],
    *,
    special_tokens: bool,
    token_budget: int | None,
    description: str,
    site: str | None = None,
    result: Path | None = None,
) -> list[torch.Tensor]:
    """Reduce the neuron values of every row, batch by batch.

    Parameters
    ----------
    model : NeuronModel
    rows : sequence of list of int
        Token ids.
    layers : sequence of int
        Layers to read, in ascending order. The forward stops after the last one: the vocabulary projection is not run.
    reduce : callable
        ``reduce(layer, values [B, T, N], mask [B, T], batch [B])`` -> the small tensor to keep of a layer, for the rows whose
        numbers are in `batch`. Runs inside the trace, so a layer's values are freed with it; for a remote model it is sent to
        that machine, so it may use nothing but torch and tensors.
    add : callable
        ``add(state, batch, reduced)`` puts the tensors of one batch, one per layer, into `state`.
    state : list of torch.Tensor
        Zeros at the start.
    special_tokens : bool
        Whether the mask includes the tokens that the tokenizer adds.
    token_budget : int, optional
        Tokens of one padded batch; halved for the rest of the pass when a batch does not fit into memory. By default
        `default_token_budget`.
    description : str
        Of the progress bar.
    site : str, optional
        Where to read, as in `NeuronModel.site_module`; the model's neurons by default.
    result : Path, optional
        Where the result will be stored. Progress is written beside it, from which the same pass resumes.

    Returns
    -------
    list of torch.Tensor
        `state` on the CPU, summed over all processes.
    """
    rank, world = processes()
    token_budget = budget_of(model, token_budget)
    lengths = [len(row) for row in rows]
    order = [row for batch in own_batches(lengths, token_budget) for row in batch]
    special = torch.tensor([] if special_tokens else model.tokenizer.all_special_ids)
    done, memory, file = 0, token_budget, None
    if result is not None:
        file = result.with_name(f"{result.stem}.{token_budget}.{rank}of{world}.progress")
        if file.is_file():
            try:
                state, (done, memory) = _resume(file)
            except InputError as error:
                warnings.warn(f"{error}; starting over", stacklevel=3)
    kept, written, pause = done, time.monotonic(), WRITE_EVERY
    whole = True  # whether `state` holds all of the first `done` rows and nothing else

    def keep() -> None:
        nonlocal kept, written, pause
        start = time.monotonic()
        tensors = {str(i): tensor.cpu() for i, tensor in enumerate(state)}
        result_files.write(file, tensors, {"progress": file.name, "done": done, "budget": memory})
        kept, written = done, time.monotonic()
        pause = max(WRITE_EVERY, (written - start) / WRITE_SHARE)

    total, own = sum(lengths), sum(lengths[row] for row in order)
    before = round(total * sum(lengths[row] for row in order[:done]) / max(1, own))
    bar = progress_bar(total=total, initial=before, desc=description, unit="token", unit_scale=True, disable=rank > 0)
    with bar:
        results = batch_results(
            lengths,
            lambda part: _trace(model, rows, torch.tensor(part), layers, site, reduce, special),
            token_budget,
            done=set(order[:done]),
            memory=memory,
            progress=bar,
            distance=total - before,
        )
        try:
            for part, reduced, memory in results:  # noqa: B007 (`keep` writes it)
                whole = False
                add(state, torch.tensor(part), reduced)
                done += len(part)
                whole = True
                if file is not None and time.monotonic() - written >= pause:
                    keep()
        except BaseException:
            if file is not None and whole and done > kept:
                keep()
            raise
    state = [tensor.cpu() for tensor in state]
    if world > 1:
        for tensor in state:
            dist.all_reduce(tensor)
    return state


def finish(result: Path, save: Callable) -> None:
    """Store a result once, from the first process, and remove the progress that led to it."""
    if processes()[0] == 0:
        save(result)
        result_files.remove_leftovers(result)


def _resume(progress: Path) -> tuple[list[torch.Tensor], tuple[int, int]]:
    tensors, note = result_files.read(progress)
    if note.get("progress") != progress.name:
        raise InputError(f"{progress}: the progress of another pass")
    return [tensors[str(i)] for i in range(len(tensors))], (note["done"], note["budget"])


def _trace(model, rows, batch, layers, site, reduce, special) -> list[torch.Tensor]:
    """One reduced tensor per layer for one batch of rows."""
    inputs = model.pad([rows[i] for i in batch])
    mask = inputs["attention_mask"].bool() & ~torch.isin(inputs["input_ids"], special.to(inputs["input_ids"].device))
    # Inside the trace there are only these, tensors and functions: a remote machine has no bridgex_nb.
    steps = _steps(model, layers, site)
    with model.lock, torch.inference_mode(), model.nnsight.trace(inputs, remote=model.remote) as tracer:
        reduced = nnsight.save([])
        for layer, module, side, interventions in steps:
            values = getattr(module, side)
            if interventions:
                for change, row, target in interventions:
                    target = target.to(values.device) if torch.is_tensor(target) else target
                    values = change(values, row.to(values.device), target)
                setattr(module, side, values)
            else:
                values = values if torch.is_tensor(values) else values[0]  # some layers return a tuple
                values = values.detach().reshape(*mask.shape, -1)  # OPT's neurons are flat, [B * T, N]
                reduced.append(reduce(layer, values, mask.to(values.device), batch))
        tracer.stop()
    return reduced


def _steps(model, layers, site) -> list[tuple]:
    """(layer, module, side, interventions) in the order of the forward; without interventions, a module to read."""
    steps = []
    for layer in range(max(layers) + 1):
        interventions = [
            (change, neuron_set[layer], target[layer] if torch.is_tensor(target) else target)
            for neuron_set, change, target in model.remote_interventions
            if neuron_set[layer].any()
        ]
        if interventions:
            steps.append((layer, *model.site_module(layer), interventions))
        if layer in layers:
            steps.append((layer, *model.site_module(layer, site), []))
    return steps
