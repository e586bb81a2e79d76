"""What the widgets measure on a model, each thing once: counts, and the probe of each pair."""

from collections.abc import Sequence

import pandas as pd

from ..activations._count_active import count_active
from ..activations._results import ActivationCounts, ProbeActivations
from ..datasets._corpora import core_sentences
from ..datasets._lexicon import Lexicon, core_lexicon
from ..evaluation._xicl import answers
from ..exceptions import InputError
from ..models._load_model import load_model
from ..models._neuron_model import NeuronModel
from ..similarity._evidence import Evidence

#: The largest share of neurons that a widget lets a language's set hold.
LARGEST_RATE = 0.1


class Measurements:
    """Counts and probes of one model, measured when they are first asked for; threads take turns on the model.

    Raises
    ------
    InputError
        Within a block that changes the model: what is measured once is measured on the model as it is.
    """

    def __init__(self, model: NeuronModel):
        if model.card.get("interventions"):
            raise InputError("the explorers show a model as it is: open them outside the block that changes it")
        self.model, self.turn = model, model.lock
        self._counts, self._evidence = None, {}

    def counts(self) -> ActivationCounts:
        """Counts over the core sentences of the 15 languages."""
        with self.turn:
            if self._counts is None:
                self._counts = count_active(self.model, core_sentences())
            return self._counts

    def evidence(self, rate: float) -> Evidence:
        """What the counts say where a language's set holds that share of all neurons."""
        with self.turn:
            if rate not in self._evidence:
                self._evidence[rate] = Evidence(self.model, self.counts(), rate)
            return self._evidence[rate]

    def probe(self, src: str, tgt: str) -> ProbeActivations:
        """The probe of the words of the core lexicon that the model translates right, for sets of any rate."""
        with self.turn:
            return self.evidence(LARGEST_RATE).probe(src, tgt)

    def answers(self, word: str, src: str, tgt: str, bridges: Sequence[str]) -> pd.DataFrame:
        """Rows of `bridgex_nb.answers` for one word, zero-shot and through bridges.

        `correct` is missing where the core lexicon does not hold the word.
        """
        golds = core_lexicon(src, tgt).entries.get(word, [])
        with self.turn:
            items = answers(self.model, "bli", Lexicon(src, tgt, {word: golds}), [None, *bridges])
        return items if golds else items.assign(correct=pd.NA)


def measurements(model: NeuronModel | str | None) -> Measurements:
    """The measurements of a model: one object for all widgets on it. It is kept on the model, and freed with it.

    What is no model yet is loaded: a folder or hub id, or None for bridgex-mini.
    """
    if not isinstance(model, NeuronModel):
        model = load_model(model)
    if "_measurements" not in vars(model):
        model._measurements = Measurements(model)
    return model._measurements
