"""What the widgets measure on a model, each thing once: counts, and the probe of each pair."""

import threading
from pathlib import Path

import pandas as pd
import torch

from .activations import ActivationCounts, ProbeActivations, count_active, probe
from .corpora import core_sentences
from .lexicon import Lexicon, core_lexicon
from .model import NeuronModel
from .neurons import top_neurons
from .xicl import answers, known_words

#: The largest share of neurons that a widget lets a language's set hold; the probes keep what any smaller share needs.
LARGEST_RATE = 0.1


class Measurements:
    """Counts and probes of one model, measured when they are first asked for; threads take turns on the model.

    Attributes
    ----------
    model : NeuronModel
    store : str, Path or None
        A folder of results, as for `count_active`.
    """

    def __init__(self, model: NeuronModel, store: str | Path | None = None):
        self.model, self.store = model, store
        self._turn = threading.RLock()
        self._counts, self._probes = None, {}

    def counts(self) -> ActivationCounts:
        """Counts over the core sentences of the 15 languages."""
        with self._turn:
            if self._counts is None:
                self._counts = count_active(self.model, core_sentences(), store=self.store)
            return self._counts

    def probe(self, src: str, tgt: str) -> ProbeActivations:
        """The probe of the words of the core lexicon that the model translates right."""
        with self._turn:
            if (src, tgt) not in self._probes:
                keep = torch.stack(list(top_neurons(self.counts(), LARGEST_RATE).values())).any(dim=0)
                known = known_words(self.model, core_lexicon(src, tgt))
                self._probes[src, tgt] = probe(self.model, known, keep=keep, store=self.store)
            return self._probes[src, tgt]

    def has_probe(self, src: str, tgt: str) -> bool:
        """Whether `probe` would answer at once."""
        return (src, tgt) in self._probes

    def answers(self, word: str, src: str, tgt: str, bridges: list[str]) -> pd.DataFrame:
        """What the model answers for one word, zero-shot and through bridges: rows of `bridgex_nb.answers`.

        `correct` is missing where the core lexicon does not hold the word.
        """
        golds = core_lexicon(src, tgt).entries.get(word, [])
        with self._turn:
            items = answers(self.model, "bli", Lexicon(src, tgt, {word: golds}), [None, *bridges])
        return items if golds else items.assign(correct=pd.NA)


def measurements(model: NeuronModel, store: str | Path | None = None) -> Measurements:
    """The measurements of a model: one object for all widgets on it. It is kept on the model, and freed with it."""
    found = vars(model).get("_measurements")
    if found is None or found.store != store:
        found = vars(model)["_measurements"] = Measurements(model, store)
    return found
