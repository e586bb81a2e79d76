"""The words that a model translates right without a bridge: those that BridgeX-ICL probes with."""

from pathlib import Path

from ..datasets._lexicon import Lexicon
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ._options import Data
from ._xicl import answers


def known_words(
    model: NeuronModel,
    lexicon: Lexicon,
    *,
    shots: int = 0,
    examples: Data | None = None,
    seed: int = 0,
    chat: bool = False,
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> Lexicon:
    """The part of a lexicon that the model itself translates right, zero-shot: the words BridgeX-ICL probes with.

    Parameters
    ----------
    model : NeuronModel
    lexicon : Lexicon
    shots, examples, seed, chat, max_new_tokens, token_budget, store
        As in `answers`; words that the examples give away are not known.

    Raises
    ------
    InputError
        If the model knows fewer than two of the words, and as `answers`.

    Examples
    --------
    >>> known_words(load_model(), core_lexicon("sw", "en").keep(["moto", "maji"]))
    Lexicon('sw', 'en', 2 words)
    """
    items = answers(
        model,
        "bli",
        lexicon,
        shots=shots,
        examples=examples,
        seed=seed,
        chat=chat,
        max_new_tokens=max_new_tokens,
        token_budget=token_budget,
        store=store,
    )
    known = lexicon.keep(items["item"][items.correct])
    if len(known) < 2:
        raise InputError(
            f"{lexicon.src}-{lexicon.tgt}: the model translates {len(known)} of {len(lexicon)} words right; a probe needs two. "
            f"(Are the words of the lexicon in this order, {lexicon.src} first?)"
        )
    return known
