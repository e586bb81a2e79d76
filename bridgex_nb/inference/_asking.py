"""Answers to many prompts: stored batch by batch as they come, shared among processes."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch.distributed as dist
from tqdm.auto import tqdm

from ..utils import _result_files as result_files
from ._loop import batch_results, own_batches
from ._processes import processes


def ask(
    lengths: Sequence[int],
    step: Callable[[list[int]], list],
    *,
    token_budget: int,
    progress: tqdm | None = None,
    file: Path | None = None,
) -> list:
    """What `step` makes of every row, batch by batch.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each row, the new ones included.
    step : callable
        ``step([row number, …])`` -> one result per row, which JSON can hold.
    token_budget : int
        Tokens of one padded batch; halved for the rest when a batch does not fit into memory.
    progress : tqdm, optional
        Moved on by the number of rows.
    file : Path, optional
        Of `answer_file`. Every batch is written to it at once, and rows that it already holds are not computed again.

    Returns
    -------
    list
        One result per row, in the order of `lengths`; under torchrun in every process.
    """
    rank, world = processes()
    done = {} if file is None else _read(file)
    if progress is not None:
        progress.update(len(done))
    part_file = None if file is None else file.with_suffix(f".{rank}of{world}.jsonl")
    results = batch_results(lengths, step, token_budget, done=set(done), progress=progress, distance=len(lengths) - len(done))
    for part, answers, _ in results:
        done.update(zip(part, answers, strict=True))
        if part_file is not None:
            _append(part_file, {"rows": part, "results": answers})
    if world > 1:
        shares = [None] * world
        dist.all_gather_object(shares, {row: done[row] for batch in own_batches(lengths, token_budget) for row in batch})
        done = {row: answer for share in shares for row, answer in share.items()}
    return [done[row] for row in range(len(lengths))]


def answer_file(store: str | Path, kind: str, card: dict) -> Path:
    """Where the answers of one call are kept in a folder of results, by `result_files.result_path`.

    Raises
    ------
    InputError
        If `store` cannot be a folder.
    """
    result_files.make_store(store)
    return result_files.result_path(store, kind, card).with_suffix(".jsonl")


def _append(file: Path, record: dict) -> None:
    # A record begins with a newline, so that it is whole even after one that was cut short when a process was killed.
    with file.open("a", encoding="utf-8") as handle:
        handle.write("\n" + json.dumps(record, ensure_ascii=False))


def _read(file: Path) -> dict[int, object]:
    """Row number -> result, from the files of all processes, however many there were."""
    done = {}
    for part in sorted(file.parent.glob(f"{file.stem}.*of*.jsonl")):
        for line in part.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                record = json.loads(line)
                done.update(zip(record["rows"], record["results"], strict=True))
            except (ValueError, TypeError, KeyError):  # an empty line, or part of one
                continue
    return done
