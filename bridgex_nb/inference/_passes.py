"""One traced pass over rows of token ids, and what it has to live through: little memory, an interrupt, several processes."""

import gc
import time
import warnings
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import nnsight
import torch
import torch.distributed as dist

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils import _result_files as result_files
from ..utils._progress import progress_bar
from ._batches import batches_by_length
from ._processes import out_of_memory, processes

#: Progress is written no more often than this, in seconds, and takes no more than this share of the time.
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
    token_budget: int,
    description: str,
    site: str | None = None,
    result: Path | None = None,
) -> list[torch.Tensor]:
    """Reduce every row's neurons, batch by batch; the tensors of `state` on the CPU, summed over all processes.

    Parameters
    ----------
    model : NeuronModel
    rows : sequence of list of int
        Token ids.
    layers : sequence of int
        Layers to read, in rising order. The forward stops behind the last one: the vocabulary projection is not run.
    reduce : callable
        ``reduce(layer, values [B, T, N], mask [B, T], batch [B])`` -> the small tensor that leaves a layer, for the rows whose
        numbers are in `batch`. Runs inside the trace, so that a layer's values never outlive it; where the model is remote, it
        travels there, so it may use nothing but torch and tensors.
    add : callable
        ``add(state, batch, reduced)`` puts the tensors of one batch, one a layer, into `state`.
    state : list of torch.Tensor
        Zeros at the beginning.
    special_tokens : bool
        Whether the tokens that the tokenizer adds are in the mask.
    token_budget : int
        Tokens of one padded batch; halved for the rest of the pass when the memory does not hold a batch.
    description : str
        Of the progress bar.
    site : str, optional
        Where to read, as in `NeuronModel.place`; the model's neurons by default.
    result : Path, optional
        Where the result will be stored; beside it the progress is written, and taken up again by the same pass.
    """
    rank, world = processes()
    # Processes share batches and not rows: a row's numbers depend in their last bit on the batch it is in.
    batches = list(batches_by_length([len(row) for row in rows], token_budget))[rank::world]
    order, ends = [i for batch in batches for i in batch], list(accumulate(map(len, batches)))
    special = torch.tensor([] if special_tokens else model.tokenizer.all_special_ids)
    budget, done, progress = token_budget, 0, None
    if result is not None:
        progress = result.with_name(f"{result.stem}.{token_budget}.{rank}of{world}.progress")
        if progress.is_file():
            try:
                state, (done, budget) = _resume(progress)
            except InputError as error:
                warnings.warn(f"{error}; beginning anew", stacklevel=3)
    lengths = [len(rows[i]) for i in order]
    whole = True  # whether `state` holds all of the first `done` rows and nothing else
    kept, written, pause = done, time.monotonic(), WRITE_EVERY
    every = sum(map(len, rows)) / max(1, sum(lengths))  # one bar stands for all processes
    bar = progress_bar(
        total=sum(map(len, rows)),
        initial=round(every * sum(lengths[:done])),
        desc=description,
        unit="token",
        unit_scale=True,
        disable=rank > 0,
    )

    def keep() -> None:
        nonlocal kept, written, pause
        start = time.monotonic()
        tensors = {str(i): tensor.cpu() for i, tensor in enumerate(state)}
        result_files.write(progress, tensors, {"progress": progress.name, "done": done, "budget": budget})
        kept, written = done, time.monotonic()
        pause = max(WRITE_EVERY, (written - start) / WRITE_SHARE)

    with bar:
        try:
            while done < len(order):
                # The rest of this batch, or as much of it as the memory holds by now.
                end = min(ends[bisect_right(ends, done)], done + max(1, budget // lengths[done]))
                batch = torch.tensor(order[done:end])
                reduced = None
                try:
                    reduced = _trace(model, rows, batch, layers, site, reduce, special)
                except Exception as error:
                    if end - done == 1 or not out_of_memory(error):
                        raise
                if reduced is None:  # behind the except clause, whose error holds on to the batch
                    budget = (end - done) * lengths[done] // 2
                    gc.collect()
                    torch.cuda.empty_cache()
                    continue
                whole = False
                add(state, batch, reduced)
                start, done = done, end
                whole = True
                bar.update(round(every * sum(lengths[start:end])))
                if progress is not None and time.monotonic() - written >= pause:
                    keep()
        except BaseException:
            if progress is not None and whole and done > kept:
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
        raise InputError(f"{progress}: the progress of something else")
    return [tensors[str(i)] for i in range(len(tensors))], (note["done"], note["budget"])


def _trace(model, rows, batch, layers, site, reduce, special) -> list[torch.Tensor]:
    """One reduced tensor a layer for one batch of rows."""
    inputs = model.pad([rows[i] for i in batch])
    mask = inputs["attention_mask"].bool() & ~torch.isin(inputs["input_ids"], special.to(inputs["input_ids"].device))
    # Only these, tensors and functions are named inside the trace: a remote machine has no bridgex_nb.
    steps = _steps(model, layers, site)
    with model.turn, torch.inference_mode(), model.nnsight.trace(inputs, remote=model.remote) as tracer:
        reduced = nnsight.save([])
        for layer, module, side, changes in steps:
            values = getattr(module, side)
            if changes:
                for change, row, target in changes:
                    target = target.to(values.device) if torch.is_tensor(target) else target
                    values = change(values, row.to(values.device), target)
                setattr(module, side, values)
            else:
                values = values if torch.is_tensor(values) else values[0]  # some layers give a tuple
                values = values.detach().reshape(*mask.shape, -1)  # OPT's neurons are flat, [B * T, N]
                reduced.append(reduce(layer, values, mask.to(values.device), batch))
        tracer.stop()
    return reduced


def _steps(model, layers, site) -> list[tuple]:
    """(layer, module, side, changes) in the order of the forward; without `changes` the place is one to read."""
    steps = []
    for layer in range(max(layers) + 1):
        changes = [
            (change, mask[layer], target[layer] if torch.is_tensor(target) else target)
            for mask, change, target in model.changes
            if mask[layer].any()
        ]
        if changes:
            steps.append((layer, *model.place(layer), changes))
        if layer in layers:
            steps.append((layer, *model.place(layer, site), []))
    return steps
