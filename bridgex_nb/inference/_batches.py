"""Which rows go through a model in one batch."""

from collections.abc import Iterator, Sequence

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel

#: Tokens of one padded batch: where a CPU only reads, and elsewhere.
READING_ON_A_CPU, OTHERWISE = 512, 8192


def default_token_budget(model: NeuronModel, *, writing: bool = False) -> int:
    """Tokens of one padded batch that are fastest.

    On a CPU large new tensors cost more than they save: docs/batch_sizes.csv has what was measured. Where the model writes or
    scores answers, most tokens of a batch are common to its rows and read once, and each step reads all weights for one token a
    row, so that more rows are faster there too.

    Parameters
    ----------
    model : NeuronModel
    writing : bool
        Whether the model continues the rows, or scores how they continue.

    Examples
    --------
    >>> from bridgex_nb import load_model
    >>> default_token_budget(load_model())
    512
    """
    on_a_cpu = model.hf_model.get_input_embeddings().weight.device.type == "cpu"  # not "cuda", or "meta" for a remote model
    return READING_ON_A_CPU if on_a_cpu and not writing else OTHERWISE


def budget_of(model: NeuronModel, token_budget: int | None, *, writing: bool = False) -> int:
    """The budget that is given, or the default one.

    Raises
    ------
    InputError
        If it is less than 1.
    """
    if token_budget is None:
        return default_token_budget(model, writing=writing)
    if token_budget < 1:
        raise InputError(f"token_budget is {token_budget}; it must be 1 or more")
    return token_budget


def batches_by_length(lengths: Sequence[int], token_budget: int) -> Iterator[list[int]]:
    """Yield lists of row numbers such that rows x longest row stays within `token_budget`, or single rows that exceed it.

    Longest first, so that a batch that does not fit into memory fails at the start and not at the end.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > token_budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
