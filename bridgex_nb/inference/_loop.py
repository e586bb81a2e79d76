"""The one loop over batches: this process's share of them, in parts that the memory holds, under one progress bar."""

import gc
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TypeVar

import torch
from tqdm.auto import tqdm

from ._batches import batches_by_length
from ._processes import out_of_memory, processes

Result = TypeVar("Result")


def own_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """The batches of this process, as row numbers.

    Processes share batches rather than rows: the last bit of a row's result depends on the batch that it is in.
    """
    rank, world = processes()
    return list(batches_by_length(lengths, token_budget))[rank::world]


def batch_results(
    lengths: Sequence[int],
    compute: Callable[[list[int]], Result],
    token_budget: int,
    *,
    done: Container[int] = (),
    memory: int | None = None,
    progress: tqdm | None = None,
    distance: int = 0,
) -> Iterator[tuple[list[int], Result, int]]:
    """What `compute` makes of the rows of this process, batch by batch.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of every row, of all processes.
    compute : callable
        ``compute([row number, …])`` -> the result of these rows. Called again with fewer rows after it ran out of memory.
    token_budget : int
        Tokens of one padded batch.
    done : container of int
        Rows to leave out. The batches are those of a run from the start, so that its results are too, to the last bit.
    memory : int, optional
        Tokens that the memory holds, at most `token_budget`, which is the default. Halved, for all batches that follow, when
        `compute` runs out of memory.
    progress : tqdm, optional
        Moved on by `distance` in all, in proportion to the tokens that are done: one bar stands for all processes.
    distance : int

    Yields
    ------
    rows : list of int
    result : object
        What `compute` returned for them.
    memory : int
        As the parameter, as known by now.
    """
    todo = [[row for row in batch if row not in done] for batch in own_batches(lengths, token_budget)]
    memory = token_budget if memory is None else memory
    total, finished, moved = sum(lengths[row] for batch in todo for row in batch), 0, 0
    for rows in todo:
        while rows:
            part, held = rows[: max(1, memory // lengths[rows[0]])], True
            try:
                result = compute(part)
            except Exception as error:
                if len(part) == 1 or not out_of_memory(error):
                    raise
                held = False
            if not held:  # outside the except clause, whose error holds on to the batch
                memory = len(part) * lengths[rows[0]] // 2
                gc.collect()
                torch.cuda.empty_cache()
                continue
            yield part, result, memory
            del result
            rows = rows[len(part) :]
            finished += sum(lengths[row] for row in part)
            if progress is not None:
                position = round(distance * finished / total)
                progress.update(position - moved)
                moved = position
    if progress is not None:  # a process without rows of its own
        progress.update(distance - moved)
