"""`Evidence`: what a model's activations and answers say about languages, each part computed once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch

from ..activations._probe import probe
from ..activations._results import ActivationCounts, ProbeActivations
from ..datasets._corpora import core_sentences
from ..datasets._lexicon import Lexicon, core_lexicon
from ..evaluation._answer_table import refuse_controls
from ..evaluation._xicl import answers
from ..exceptions import InputError
from ..lens._language_lens import language_lens
from ..lens._lens_result import LanguageLens
from ..models._neuron_model import NeuronModel
from ..neurons._always_on import check_exclude
from ..neurons._redraw_sets import half_sets, redraw_sets
from ..neurons._sets import RATE, check_share, sets_without_warnings
from ..utils._run_card import check_same_model
from ._alignment import mutual_alignment
from ._costs import measured, note
from ._evidence_words import asked_words, asking, confidence, known_of
from ._linguistic_spectrum import spectrum_without_warnings
from ._subnetworks import subnetwork_importance

#: What `Evidence.words` may be.
PROBED = ("known", "all")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What selectors, language matrices and explorers look at. Each part is computed when it is first needed, and kept.

    The thread that computes a part holds `model.lock`. Frozen: ``dataclasses.replace(evidence, rate=0.01)`` is another
    evidence, with parts of its own.

    Attributes
    ----------
    model : NeuronModel
    counts : ActivationCounts
        Of source, target and bridges (`count_active`).
    rate : float
        Share of all neurons in a language's set (`top_neurons`).
    exclude : {"always_on"}, optional
        Which neurons the sets leave out (`top_neurons`).
    sentences : dict of str to list of str
        Parallel sentences, aligned by position; the core sentences by default.
    lexicon : callable
        (src, tgt) -> Lexicon, whose source words the model is asked about; the core lexicon by default.
    items : pandas.DataFrame, optional
        Rows of `answers` for bli by the same model: what they already contain is not asked again.
    seed : int
        Seed of the selector `random`, and of the draw of worked examples.
    words : {"known", "all"}
        The words of a lexicon that a pair is probed with: those that the model translates right, as in BridgeX-ICL, or all, for
        pairs of which a model knows too few.
    shots : int
        Worked examples before every word whose translation, or confidence in it, a part needs; as many as `items` had. They are
        words of `lexicon` that give nothing away of the word that is asked.

    Raises
    ------
    InputError
        If `rate` is not between 0 and 1, `words` or `exclude` is unknown, counts or items are of another model, `items` lack a
        column or were asked with another number of examples. When a part is asked for: if it needs a language that the counts
        or sentences lack, or within a block of `bridgex_nb.interventions` in which the counts were not taken (and outside the
        one in which they were).

    Examples
    --------
    >>> model = load_model()
    >>> evidence = Evidence(model, count_active(model, core_sentences()), rate=0.05)
    >>> language_matrix(evidence, "lift").shape
    (15, 15)
    """

    model: NeuronModel
    counts: ActivationCounts
    rate: float = RATE
    sentences: dict[str, list[str]] = field(default_factory=core_sentences, repr=False)
    lexicon: Callable[[str, str], Lexicon] = field(default=core_lexicon, repr=False)
    items: pd.DataFrame | None = field(default=None, repr=False)
    seed: int = 0
    exclude: str | None = field(default=None, kw_only=True)
    words: str = field(default="known", kw_only=True)
    shots: int = field(default=0, kw_only=True)
    # The parts, where several evidences have them in common.
    _shared: InitVar[dict[tuple[Any, ...], Any] | None] = field(default=None, kw_only=True)
    _parts: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self, _shared: dict[tuple[Any, ...], Any] | None) -> None:
        if _shared is not None:
            object.__setattr__(self, "_parts", _shared)
        check_share("rate", self.rate)
        if self.words not in PROBED:
            raise InputError(f"words={self.words!r}: a pair is probed with {' or '.join(PROBED)} words")
        check_exclude(self.exclude)
        self._check_model()
        if self.items is not None:
            needed = ("src", "tgt", "bridge", "item", "bridge_text", "bridge_confidence", "correct")
            missing = [column for column in needed if column not in self.items]
            if missing:
                raise InputError(f"items must be rows of `answers`; columns missing: {', '.join(missing)}")
            refuse_controls(self.items)
            if (asked := self.items.attrs.get("card", {}).get("options", {}).get("shots", self.shots)) != self.shots:
                raise InputError(f"the items were asked with {asked} examples; say so: shots={asked}")

    def _check_model(self) -> None:
        """Refuse counts and items of another model."""
        model, here = self.model, self.model.card
        facts = ("model", "weights_sha256", "revision")
        check_same_model("the counts are", self.counts.card, here, (*facts, "site"))
        shape = [model.num_layers, model.num_neurons]
        if list(self.counts.active.shape[1:]) != shape:
            counted = [*self.counts.active.shape[1:]]
            raise InputError(f"the counts are of another model: [L, N] is {counted}, but {here['model']} has {shape}")
        if self.items is not None:  # answers do not depend on the site
            check_same_model("the items are", self.items.attrs.get("card", {}), here, facts)

    def _once(self, key: tuple, compute: Callable[[], Any]) -> Any:
        with held(self.model, wait=key not in self._parts) as is_held:
            if is_held:
                self._check_interventions()
            if key not in self._parts:  # another thread may have computed it meanwhile
                with measured(self.model) as reading:
                    value = compute()
                self._parts["reading", key], self._parts[key] = reading, value
        note(key)
        return self._parts[key]

    @contextmanager
    def _as_counted(self) -> Iterator[None]:
        """Hold the model, which must be under the interventions that it was counted under."""
        with self.model.lock:
            self._check_interventions()
            yield

    def _check_interventions(self) -> None:
        if self.model.card.get("interventions") != self.counts.card.get("interventions"):
            raise InputError(
                "the model is under other interventions than when its counts were taken; use the evidence outside that block, "
                "or count again inside it"
            )

    @property
    def _chosen(self) -> tuple[float, str | None]:
        """What the neuron sets depend on, besides the counts."""
        return self.rate, self.exclude

    @property
    def sets(self) -> Mapping[str, torch.Tensor]:
        """Language neurons, language -> bool [L, N]; read-only."""
        return self._sets_and_notes()[0]

    @property
    def set_notes(self) -> list[str]:
        """What `top_neurons` warns of; not warned of here, because threads ask for the sets, too."""
        return self._sets_and_notes()[1]

    def _sets_and_notes(self) -> tuple[Mapping[str, torch.Tensor], list[str]]:
        key = ("sets", *self._chosen)
        note(("counts",))
        if key not in self._parts:  # needs only the counts, so there is no need to wait for the model
            sets, notes = sets_without_warnings(self.counts, *self._chosen)
            self._parts[key] = MappingProxyType(sets), notes
        return self._parts[key]

    @property
    def redraws(self) -> list[dict[str, torch.Tensor]] | None:
        """The same from other sentences (`redraw_sets`); None if the counts were not taken by parts."""
        if self.counts.by_part is None:
            return None
        key = ("redraws", *self._chosen)
        if key not in self._parts:
            self._parts[key] = redraw_sets(self.counts, self.rate, exclude=self.exclude)
        return self._parts[key]

    def probability(self, code: str) -> torch.Tensor:
        """Activation probabilities of a language, float64 [L, N]."""
        check_languages(self, "counts", [code])
        note(("counts",))
        k = self.counts.languages.index(code)
        return self.counts.active[k].double() / self.counts.tokens[k]

    def probe(self, src: str, tgt: str) -> ProbeActivations:
        """The probe of the words of a pair, `words` of them. Only neurons in some language's set are kept."""

        def compute():
            lexicon = self.lexicon(src, tgt)
            return probe(self.model, lexicon if self.words == "all" else known_of(self, lexicon), keep=self._keep())

        found = self._once(("probe", *self._chosen, self.words, src, tgt), compute)
        note(*(("zero-shot", *answered) for answered in self._parts.get(("zero-shot", src, tgt), ())))
        return found

    @property
    def shared_probe(self) -> ProbeActivations:
        """The probe of the sentences of all languages together. Only neurons in some language's set are kept."""
        check_languages(self, "sentences", self.counts.languages)
        texts = (text for code in self.counts.languages for text in self.sentences[code])
        return self._once(("shared_probe", *self._chosen), lambda: probe(self.model, list(texts), keep=self._keep()))

    def _keep(self) -> torch.Tensor:
        """Neurons in some language's set, from all sentences, from a draw of them or from half of them."""
        drawn = [self.sets]
        if self.counts.by_part is not None:
            drawn += [*self.redraws, *half_sets(self.counts, *self._chosen)]
        return torch.stack([neurons for sets in drawn for neurons in sets.values()]).any(dim=0)

    def answers(self, word: str, src: str, tgt: str, bridges: Sequence[str]) -> pd.DataFrame:
        """Rows of `bridgex_nb.answers` for one word, zero-shot and through bridges, without worked examples.

        `correct` and `score` are missing if the lexicon does not contain the word.
        """
        golds = self.lexicon(src, tgt).entries.get(word, [])
        with self._as_counted():
            items = answers(self.model, "bli", Lexicon(src, tgt, {word: golds}), [None, *bridges])
        return items if golds else items.assign(correct=pd.NA, score=float("nan"))

    def spectrum(self, layer: int) -> pd.DataFrame:
        """Normalized `spectrum` of a layer over the shared probe, within languages.

        What `spectrum` warns of is in ``.attrs["notes"]`` instead, because threads ask for this too.
        """
        window = layer / self.model.num_layers, (layer + 1) / self.model.num_layers

        def compute():
            check_languages(self, "sentences", self.counts.languages)
            languages = [code for code in self.counts.languages for _ in self.sentences[code]]
            options = {"languages": languages, "window": window, "sigma": "profile-median", "estimator": "normalized"}
            matrix, notes = spectrum_without_warnings(self.shared_probe, self.sets, **options, device=None)
            matrix.attrs["notes"] = notes
            return matrix

        return self._once(("spectrum", *self._chosen, layer), compute)

    @property
    def alignment(self) -> torch.Tensor:
        """NeuronXA's score between every two languages of the counts at each layer, float64 [L, K, K]."""
        check_languages(self, "sentences", self.counts.languages)
        sentences = {code: self.sentences[code] for code in self.counts.languages}
        return self._once(("alignment",), lambda: mutual_alignment(self.model, sentences))

    @property
    def hidden_alignment(self) -> torch.Tensor:
        """The same by MEXA's score, from the hidden states."""
        check_languages(self, "sentences", self.counts.languages)
        sentences = {code: self.sentences[code] for code in self.counts.languages}
        return self._once(("hidden_alignment",), lambda: mutual_alignment(self.model, sentences, state="hidden"))

    def importance(self, code: str) -> torch.Tensor:
        """`subnetwork_importance` of the neurons on a language's sentences, float32 [L, N]."""
        check_languages(self, "sentences", [code])
        return self._once(("importance", code), lambda: subnetwork_importance(self.model, self.sentences[code]))

    def lens(self, src: str, tgt: str, bridges: Sequence[str]) -> LanguageLens:
        """`language_lens` of the words of a pair's lexicon, in source, target and bridges."""
        lexicon, looked_for = self.lexicon(src, tgt), sorted(set(bridges) - {src, tgt})
        forms = {code: self.lexicon(src, code) for code in looked_for}
        options = {"forms": forms, "shots": self.shots, "seed": self.seed}
        key = ("lens", self.shots, self.seed, src, tgt, *looked_for)
        return self._once(key, lambda: language_lens(self.model, lexicon, looked_for, **options))

    def gram(self, code: str) -> torch.Tensor:
        """Centred Gram matrices of a language's sentences at each layer, float64 [L, S, S], each of Frobenius norm 1.

        A sentence's state at a layer is the mean of the N neurons' values over its tokens.
        """
        check_languages(self, "sentences", [code])

        def compute():
            states = probe(self.model, self.sentences[code]).values
            states = (states - states.mean(dim=2, keepdim=True)).double()
            gram = states.mT @ states
            return gram / torch.linalg.matrix_norm(gram)[:, None, None].clamp(min=1e-300)

        return self._once(("gram", code), compute)

    def confidence(self, src: str, tgt: str, words: Sequence[str]) -> tuple[float, list[str]]:
        """How sure the model is of its translations of some words: mean log-probability per token, and its answers.

        Pairs have languages and words in common: a word that was asked before is not asked again.
        """
        return confidence(self, src, tgt, words)

    def prompts(self, src: str, tgt: str, words: Sequence[str]) -> list[str]:
        """The prompts for the translations of some words, behind `shots` worked examples."""
        return asking(self, src, tgt, words)

    def asked_words(self, src: str, tgt: str) -> list[str]:
        """The words that are asked of a pair: those of the items, if there are any, or of the whole lexicon."""
        return asked_words(self, src, tgt)


@contextmanager
def held(model: NeuronModel, *, wait: bool) -> Iterator[bool]:
    """Whether this thread holds the model in the block; without `wait`, it does not if another thread has it.

    That thread's interventions are then no concern of this one, which may read what was computed before.
    """
    is_held = model.lock.acquire(blocking=wait)
    try:
        yield is_held
    finally:
        if is_held:
            model.lock.release()


def check_languages(evidence: Evidence, part: str, codes: Iterable[str]) -> None:
    """Refuse languages that the "counts" or the "sentences" of an evidence lack."""
    known = evidence.counts.languages if part == "counts" else evidence.sentences
    missing = [code for code in codes if code not in known]
    if missing:
        raise InputError(f"the evidence has no {part} of {', '.join(missing)}")
