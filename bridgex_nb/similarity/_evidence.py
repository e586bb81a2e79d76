"""`Evidence`: what a model's activations and answers say about languages, each part computed once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field
from statistics import fmean
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd
import torch

from ..activations._count_active import count_active
from ..activations._probe import probe
from ..activations._results import ActivationCounts, ProbeActivations
from ..datasets._corpora import core_sentences
from ..datasets._lexicon import Lexicon, core_lexicon, word_prompt
from ..evaluation._answer_table import refuse_controls
from ..evaluation._known_words import known_words
from ..evaluation._reading import read_word
from ..evaluation._word_examples import prompts_behind_examples
from ..evaluation._xicl import ZERO_SHOT, answers
from ..exceptions import InputError
from ..inference._generation import complete_scored
from ..models._neuron_model import NeuronModel
from ..neurons._always_on import check_exclude
from ..neurons._redraw_sets import half_sets, redraw_sets
from ..neurons._sets import RATE, check_share, sets_without_warnings
from ..utils._run_card import check_same_model
from ._alignment import mutual_alignment
from ._linguistic_spectrum import spectrum_without_warnings

#: What `Evidence.words` may be.
PROBED = ("known", "all")

#: Model -> the parts that `core_evidence` has computed on it. They do not refer to the model, so both are freed together.
_core_parts: WeakKeyDictionary[NeuronModel, dict] = WeakKeyDictionary()


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
        with _held(self.model, wait=key not in self._parts) as held:
            if held:
                self._check_interventions()
            if key not in self._parts:  # another thread may have computed it meanwhile
                self._parts[key] = compute()
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
        k = self.counts.languages.index(code)
        return self.counts.active[k].double() / self.counts.tokens[k]

    def probe(self, src: str, tgt: str) -> ProbeActivations:
        """The probe of the words of a pair, `words` of them. Only neurons in some language's set are kept."""

        def compute():
            lexicon = self.lexicon(src, tgt)
            return probe(self.model, lexicon if self.words == "all" else self._known(lexicon), keep=self._keep())

        return self._once(("probe", *self._chosen, self.words, src, tgt), compute)

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

    def _known(self, lexicon: Lexicon) -> Lexicon:
        """`known_words`, from the items if they cover the whole lexicon."""
        if self.items is not None:
            of_pair = (self.items.src == lexicon.src) & (self.items.tgt == lexicon.tgt)
            zero_shot = self.items[of_pair & (self.items.bridge == ZERO_SHOT)]
            # Behind examples, words that they give away are not among the items.
            if set(zero_shot.item) == set(lexicon.entries) or (self.shots and len(zero_shot)):
                right = [word for word in zero_shot.item[zero_shot.correct.astype(bool)] if word in lexicon.entries]
                if len(right) > 1:
                    return lexicon.keep(right)
        return known_words(self.model, lexicon, shots=self.shots)

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
        known = self._once(("translations",), self._from_items)
        new = [word for word in dict.fromkeys(words) if (src, tgt, word) not in known]
        if new:
            prompts = [word_prompt(src, tgt, word) for word in new]
            if self.shots:
                prompts = prompts_behind_examples(self.lexicon(src, tgt), new, self.shots, self.seed)
            with self._as_counted():
                done = complete_scored(self.model, prompts)
            for word, completion in zip(new, done, strict=True):
                known[src, tgt, word] = completion.confidence, read_word(completion.text, tgt)
        return fmean(known[src, tgt, word][0] for word in words), [known[src, tgt, word][1] for word in words]

    def asked_words(self, src: str, tgt: str) -> list[str]:
        """The words that are asked of a pair: those of the items, if there are any, or of the whole lexicon."""
        words = list(self.lexicon(src, tgt).entries)
        if self.items is None:
            return words
        asked = set(self.items["item"][(self.items.src == src) & (self.items.tgt == tgt)])
        return [word for word in words if word in asked] or words

    def _from_items(self) -> dict[tuple[str, str, str], tuple[float, str]]:
        """(src, tgt, word) -> confidence and answer, from the first hops of the items."""
        if self.items is None:
            return {}
        rows = self.items[self.items.bridge != ZERO_SHOT]
        hops = zip(rows.src, rows.bridge, rows.item, strict=True)
        return dict(zip(hops, zip(rows.bridge_confidence, rows.bridge_text, strict=True), strict=True))


@contextmanager
def _held(model: NeuronModel, *, wait: bool) -> Iterator[bool]:
    """Whether this thread holds the model in the block; without `wait`, it does not if another thread has it.

    That thread's interventions are then no concern of this one, which may read what was computed before.
    """
    held = model.lock.acquire(blocking=wait)
    try:
        yield held
    finally:
        if held:
            model.lock.release()


def check_languages(evidence: Evidence, part: str, codes: Iterable[str]) -> None:
    """Refuse languages that the "counts" or the "sentences" of an evidence lack."""
    known = evidence.counts.languages if part == "counts" else evidence.sentences
    missing = [code for code in codes if code not in known]
    if missing:
        raise InputError(f"the evidence has no {part} of {', '.join(missing)}")


def core_evidence(model: NeuronModel, rate: float = RATE) -> Evidence:
    """The evidence of a model over the core sentences and the core lexicon, computed once for all that ask for it.

    Every rate has its own `Evidence`; they share the counts and whatever else does not depend on the rate.

    Raises
    ------
    InputError
        If interventions change the model: its parts are those of the unchanged model.
    """
    check_share("rate", rate)
    parts = _core_parts.setdefault(model, {})
    with _held(model, wait=("counts",) not in parts) as held:
        if held and model.card.get("interventions"):
            raise InputError("interventions change the model; its evidence is that of the unchanged model")
        if ("counts",) not in parts:
            parts["counts",] = count_active(model, core_sentences())
    return Evidence(model, parts["counts",], rate, _shared=parts)
