"""What a model's activations say about languages, each part computed once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import pandas as pd
import torch

from ..activations._probe import probe
from ..activations._results import ActivationCounts, ProbeActivations
from ..datasets._corpora import core_sentences
from ..datasets._lexicon import Lexicon, core_lexicon, word_prompt
from ..evaluation._reading import read_word
from ..evaluation._xicl import ZERO_SHOT, known_words
from ..inference._generation import complete_scored
from ..models._neuron_model import NeuronModel
from ..neurons._sets import top_neurons
from ._alignment import mutual_alignment
from ._linguistic_spectrum import spectrum


@dataclass(eq=False)
class Evidence:
    """What selectors look at. Each part is computed when a selector first asks for it, and once.

    Attributes
    ----------
    model : NeuronModel
    counts : ActivationCounts
        Of source, target and candidates (`count_active`).
    rate : float
        Share of all neurons in a language's set (`top_neurons`).
    sentences : dict of str to list of str
        Parallel sentences, aligned by position; the core sentences by default.
    lexicon : callable
        (src, tgt) -> Lexicon, whose source words are asked for; the core lexicon by default.
    items : pandas.DataFrame, optional
        Rows of `answers` for bli by the same model: what they tell is not asked again.
    seed : int
        Of the selector `random`.
    """

    model: NeuronModel
    counts: ActivationCounts
    rate: float = 0.05
    sentences: dict[str, list[str]] = field(default_factory=core_sentences, repr=False)
    lexicon: Callable[[str, str], Lexicon] = field(default=core_lexicon, repr=False)
    items: pd.DataFrame | None = field(default=None, repr=False)
    seed: int = 0
    _kept: dict = field(default_factory=dict, init=False, repr=False)

    def _once(self, key, compute):
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]

    @cached_property
    def sets(self) -> dict[str, torch.Tensor]:
        """Language neurons, language -> bool [L, N]."""
        return top_neurons(self.counts, self.rate)

    def probability(self, code: str) -> torch.Tensor:
        """Activation probabilities of a language, float64 [L, N]."""
        k = self.counts.languages.index(code)
        return self.counts.active[k].double() / self.counts.tokens[k]

    def probe(self, src: str, tgt: str) -> ProbeActivations:
        """The probe of the words of a pair that the model knows; neurons that are in no language's set are not kept."""
        keep = torch.stack(list(self.sets.values())).any(dim=0)
        return self._once(("probe", src, tgt), lambda: probe(self.model, self._known(self.lexicon(src, tgt)), keep=keep))

    def _known(self, lexicon: Lexicon) -> Lexicon:
        """`known_words`, from the items where they hold the whole lexicon."""
        if self.items is not None:
            of_pair = (self.items.src == lexicon.src) & (self.items.tgt == lexicon.tgt)
            asked = self.items[of_pair & (self.items.bridge == ZERO_SHOT)]
            right = asked["item"][asked.correct]
            if set(asked["item"]) == set(lexicon.entries) and len(right) > 1:
                return lexicon.keep(right)
        return known_words(self.model, lexicon)

    @cached_property
    def _translations(self) -> dict[tuple[str, str, str], tuple[float, str]]:
        """(from, to, word) -> confidence and answer."""
        if self.items is None:
            return {}
        rows = self.items[self.items.bridge != ZERO_SHOT]
        asked = zip(rows.src, rows.bridge, rows["item"], strict=True)
        return dict(zip(asked, zip(rows.bridge_confidence, rows.bridge_text, strict=True), strict=True))

    @cached_property
    def shared_probe(self) -> ProbeActivations:
        """The probe of the sentences of all languages together; neurons that are in no language's set are not kept."""
        keep = torch.stack(list(self.sets.values())).any(dim=0)
        return probe(self.model, [text for code in self.counts.languages for text in self.sentences[code]], keep=keep)

    def spectrum(self, layer: int) -> pd.DataFrame:
        """Normalized `spectrum` of a layer over the shared probe."""
        window = layer / self.model.num_layers, (layer + 1) / self.model.num_layers
        options = {"window": window, "estimator": "normalized"}
        return self._once(("spectrum", layer), lambda: spectrum(self.shared_probe, self.sets, **options))

    @cached_property
    def alignment(self) -> torch.Tensor:
        """NeuronXA's score between every two languages of the counts at each layer, float64 [L, K, K]."""
        return mutual_alignment(self.model, {code: self.sentences[code] for code in self.counts.languages})

    def gram(self, code: str) -> torch.Tensor:
        """Centred Gram matrices of a language's sentences at each layer, float64 [L, S, S], each of Frobenius norm 1.

        A sentence's state at a layer is the mean of the N neurons' values over its tokens.
        """

        def compute():
            states = probe(self.model, self.sentences[code]).values
            states = (states - states.mean(dim=2, keepdim=True)).double()
            gram = states.mT @ states
            return gram / torch.linalg.matrix_norm(gram)[:, None, None].clamp(min=1e-300)

        return self._once(("gram", code), compute)

    def confidence(self, src: str, tgt: str, words: Sequence[str]) -> tuple[float, list[str]]:
        """How sure the model is of its translations of some words: mean log-probability a token, and its answers.

        Pairs share languages and words: what was asked before is not asked again.
        """
        known = self._translations
        new = [word for word in dict.fromkeys(words) if (src, tgt, word) not in known]
        done = complete_scored(self.model, [word_prompt(src, tgt, word) for word in new])
        known.update(
            {(src, tgt, word): (one.confidence, read_word(one.text, tgt)) for word, one in zip(new, done, strict=True)}
        )
        return fmean(known[src, tgt, word][0] for word in words), [known[src, tgt, word][1] for word in words]
