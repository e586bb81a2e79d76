"""What the parts of an evidence cost: the texts and tokens that the model reads for them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ..inference._tokens import token_rows
from ..models._counting import Reading, counting
from ..models._neuron_model import NeuronModel

if TYPE_CHECKING:
    from ._evidence import Evidence

#: Name of a part of an evidence.
Part = tuple[Any, ...]

#: The parts that were asked for in each of the blocks of `parts_asked` that this thread is in.
_asked: ContextVar[tuple[set[Part], ...]] = ContextVar("_asked", default=())


@contextmanager
def parts_asked() -> Iterator[set[Part]]:
    """The parts of evidences that are asked for in a block, whether they are computed in it or were there before."""
    parts: set[Part] = set()
    token = _asked.set((*_asked.get(), parts))
    try:
        yield parts
    finally:
        _asked.reset(token)


def note(*parts: Part) -> None:
    """Say that parts are asked for."""
    for asked in _asked.get():
        asked.update(parts)


def measured(model: NeuronModel) -> AbstractContextManager[Reading | None]:
    """`counting`, or nothing where the weights are on another machine."""
    return counting(model) if model.weights_here else nullcontext()


def keep_readings(evidence: "Evidence", parts: Iterable[Part], prompts: Sequence[str], written: Iterable[int]) -> None:
    """Say what prompts cost that the model answers with so many tokens, of which it reads all but the last."""
    for part, row, tokens in zip(parts, token_rows(evidence.model, prompts), written, strict=True):
        evidence._parts["reading", part] = Reading(1, len(row) + tokens - 1)


def cost(evidence: "Evidence", parts: Iterable[Part]) -> Reading | None:
    """What the model reads for some parts; None where that is not known.

    Counts, and answers that the evidence was given, cost what they would if they were not there: the texts of the counts, and
    the prompts with the answers' words.
    """
    parts = set(parts)
    _price_given_answers(evidence, [part for part in parts if part[0] in ("translation", "zero-shot")])
    total = Reading()
    for part in parts:
        reading = _of_counts(evidence, part[1]) if part[0] == "counts" else evidence._parts.get(("reading", part))
        if reading is None:
            return None
        total.texts += reading.texts
        total.tokens += reading.tokens
    return total


def _of_counts(evidence: "Evidence", code: str) -> Reading | None:
    card = evidence.counts.card
    texts = card.get("data", {}).get("texts", {}).get(code)
    if texts is None:  # counts that others have released
        return None
    added = 0 if card.get("options", {}).get("special_tokens") else len(token_rows(evidence.model, [""])[0])
    return Reading(texts, int(evidence.counts.tokens[evidence.counts.languages.index(code)]) + added * texts)


def _price_given_answers(evidence: "Evidence", parts: Iterable[Part]) -> None:
    """Say what answers cost that the evidence was given."""
    by_hop: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
    for part in parts:
        if ("reading", part) not in evidence._parts:
            by_hop[part[:3]].append(part)
    for (kind, src, tgt), asked in by_hop.items():
        answers = evidence._parts["translations",] if kind == "translation" else evidence._parts["zero-shot", src, tgt]
        words = [part[3] for part in asked]
        written = [answers[src, tgt, word][1] for word in words]
        # In quotes, as the prompts want it, and the newline behind them; without special tokens, as in a chat.
        tokens = (len(row) + 1 for row in token_rows(evidence.model, [f'"{text}"' for text in written], chat=True))
        keep_readings(evidence, asked, evidence.prompts(src, tgt, words), tokens)
