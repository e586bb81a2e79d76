"""How much a model reads: the texts and tokens of every forward in a block, whatever runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from ..exceptions import InputError
from ._neuron_model import NeuronModel


@dataclass
class Reading:
    """What a model has read.

    Attributes
    ----------
    texts : int
        Rows of input, such as sentences and prompts.
    tokens : int
        Their tokens, padding left out, and the tokens that the model wrote behind them and read again.
    """

    texts: int = 0
    tokens: int = 0
    # Of the rows that the next forward may continue.
    _rows: int = field(default=0, repr=False)
    _length: int = field(default=0, repr=False)


@contextmanager
def counting(model: NeuronModel) -> Iterator[Reading]:
    """Count what a model reads in a block.

    A beginning that several rows have in common counts for each of them, also where it is read once for all: the numbers
    depend on the texts alone, not on how they are put into batches. The last token that is written is not read. In each of
    several processes under torchrun, the numbers are those of its own share. Blocks may be nested.

    Parameters
    ----------
    model : NeuronModel

    Yields
    ------
    Reading
        Its numbers grow with every forward.

    Raises
    ------
    InputError
        If the weights are on another machine, where nothing counts.

    Examples
    --------
    >>> from bridgex_nb.models import counting
    >>> model = load_model()
    >>> with counting(model) as reading:
    ...     words = complete(model, ['kiswahili:"moto"→English:', 'kiswahili:"maji"→English:'])
    >>> reading.texts
    2
    """
    if not model.weights_here:
        raise InputError("what a model reads is counted where its weights are: load it without remote=")
    reading = Reading()

    def count(module: torch.nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        if model.checking:
            return
        ids = options["input_ids"] if "input_ids" in options else inputs[0]
        mask = options.get("attention_mask")
        rows, new = ids.shape[:2]
        if model.generating:
            reading.tokens += rows * new
            return
        length = rows * new if mask is None else int(mask.sum())
        if mask is not None and mask.shape[1] > new:  # the rows of the last forward go on, some of them in several ways
            reading.texts += rows - reading._rows
            reading.tokens += length - reading._length
        else:
            reading.texts += rows
            reading.tokens += length
        reading._rows, reading._length = rows, length

    hook = model.hf_model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield reading
    finally:
        hook.remove()


@contextmanager
def checking(model: NeuronModel) -> Iterator[None]:
    """A block of forwards that check something about the model once; `counting` leaves them out."""
    before, model.checking = model.checking, True
    try:
        yield
    finally:
        model.checking = before
