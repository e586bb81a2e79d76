"""Many prompts put to a model: batches that the memory holds, on the disk as they come, shared among processes."""

import gc
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.distributed as dist

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils import _result_files as result_files
from ._batches import batches_by_length
from ._processes import out_of_memory, processes


def ask(
    lengths: Sequence[int], step: Callable[[list[int]], list], *, token_budget: int, bar=None, file: Path | None = None
) -> list:
    """What `step` makes of every row, batch by batch.

    Parameters
    ----------
    lengths : sequence of int
        Tokens that each row takes, the new ones included.
    step : callable
        ``step([row number, …])`` -> a JSON-able result a row.
    token_budget : int
        Tokens of one padded batch; halved for the rest when the memory does not hold a batch.
    bar : tqdm, optional
        Moved on by one a row.
    file : Path, optional
        Of `answer_file`. Every batch is written to it at once; what it holds already is not asked again. Batches stay what they
        are in a run without interrupt, so that its results do too, to the last bit.

    Returns
    -------
    list
        One result a row, in their order; under torchrun in every process.
    """
    rank, world = processes()
    done = {} if file is None else _read(file)
    mine = list(batches_by_length(lengths, token_budget))[rank::world]
    count, asked, moved, budget = sum(map(len, mine)), 0, 0, token_budget
    own = None if file is None else file.with_suffix(f".{rank}of{world}.jsonl")
    for batch in mine:
        rows = [i for i in batch if i not in done]
        while rows:
            part, results = rows[: max(1, budget // lengths[rows[0]])], None
            try:
                results = step(part)
            except Exception as error:
                if len(part) == 1 or not out_of_memory(error):
                    raise
            if results is None:  # behind the except clause, whose error holds on to the batch
                budget = len(part) * lengths[rows[0]] // 2
                gc.collect()
                torch.cuda.empty_cache()
                continue
            done.update(zip(part, results, strict=True))
            if own is not None:
                _append(own, {"rows": part, "results": results})
            rows = rows[len(part) :]
        asked += len(batch)
        if bar is not None:  # one bar stands for all processes
            bar.update(round(len(lengths) * asked / count) - moved)
            moved = round(len(lengths) * asked / count)
    if world > 1:
        everyone = [None] * world
        dist.all_gather_object(everyone, {i: done[i] for batch in mine for i in batch})
        done = {i: result for one in everyone for i, result in one.items()}
    return [done[i] for i in range(len(lengths))]


def answer_file(store: str | Path, kind: str, card: dict) -> Path:
    """Where the answers of one call are kept in a folder of results, by `result_files.result_path`.

    Raises
    ------
    InputError
        If it cannot be a folder.
    """
    try:
        Path(store).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{store}: not a folder to store results in ({error})") from error
    return result_files.result_path(store, kind, card).with_suffix(".jsonl")


def forward(
    model: NeuronModel, ids: torch.Tensor, mask: torch.Tensor, *, last: bool = False, generating: bool = False, **options
):
    """A plain forward of left-padded rows, or of what follows on a cache.

    Parameters
    ----------
    model : NeuronModel
    ids : torch.Tensor
        [B, T].
    mask : torch.Tensor
        [B, cached + T], 0 at padding.
    last : bool
        Whether the scores [B, T, vocabulary] are needed for the last token alone.
    generating : bool
        Whether the tokens are the model's own and not those of a prompt, which may come in several pieces.
    **options
        For the model: use_cache, past_key_values.
    """
    takes = inspect.signature(model.hf_model.forward).parameters
    if "position_ids" in takes:  # left padding shifts the positions of models that learn a vector for each
        options["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    hooks = []
    if last and "logits_to_keep" in takes:
        options["logits_to_keep"] = 1
        # The last token's states lie apart in memory, and torch would multiply each row by the vocabulary on its own.
        if (head := model.hf_model.get_output_embeddings()) is not None:
            hooks.append(head.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:])))
    model.generating = generating
    try:
        return model.hf_model(input_ids=ids, attention_mask=mask, **options)
    finally:
        model.generating = None
        for hook in hooks:
            hook.remove()


def _append(file: Path, record: dict) -> None:
    # A record begins with a newline, so that it is whole also behind one that a kill has torn.
    with file.open("a", encoding="utf-8") as handle:
        handle.write("\n" + json.dumps(record, ensure_ascii=False))


def _read(file: Path) -> dict[int, object]:
    """Row number -> result, of the files of all processes, however many there were."""
    done = {}
    for part in sorted(file.parent.glob(f"{file.stem}.*of*.jsonl")):
        for line in part.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                record = json.loads(line)
                done.update(zip(record["rows"], record["results"], strict=True))
            except (ValueError, TypeError, KeyError):  # an empty line, or half of one
                continue
    return done
