"""The texts and words that the explorers show a model with: the bundled ones, or some of your own in any language."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..activations._count_active import count_active
from ..datasets._corpora import core_sentences
from ..datasets._languages import language
from ..datasets._lexicon import Lexicon, core_languages, core_lexicon
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..neurons._sets import RATE
from ..similarity._core_evidence import core_evidence
from ..similarity._evidence import Evidence


class Texts:
    """Parallel texts and lexicons, and the `Evidence` of a model over them.

    Over the bundled ones it is `core_evidence`; that over texts of your own is kept here, and counted when it is first needed.

    Parameters
    ----------
    texts : mapping of str to sequence of str, optional
        Language code -> texts, which say the same in every language; the core sentences by default.
    lexicon : Lexicon or sequence of Lexicon, optional
        Words and their translations, used in both directions; for other pairs, and by default, it is the core lexicon.

    Raises
    ------
    InputError
        If a language is unknown or given twice, there are fewer than three, or they have no texts or different numbers of them.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]] | None = None, lexicon: Lexicon | Sequence[Lexicon] | None = None):
        self.given = texts is not None
        self.sentences: dict[str, list[str]] = {}
        for name, given in (core_sentences() if texts is None else texts).items():
            code = language(name).code
            if code in self.sentences:
                raise InputError(f"texts: {name!r} is {code!r}, {language(code).name}, which is there already")
            self.sentences[code] = list(given)
            if not self.sentences[code]:
                raise InputError(f"texts: {language(code).name} has none")
        if len(self.sentences) < 3:
            raise InputError("texts needs three languages or more: source, target and a bridge")
        if len(numbers := {len(given) for given in self.sentences.values()}) > 1:
            raise InputError(f"texts must be parallel, but languages have {min(numbers)} to {max(numbers)} of them")
        given = [lexicon] if isinstance(lexicon, Lexicon) else list(lexicon or ())
        self.lexicons = {(each.src, each.tgt): each for each in given}
        self._parts: dict[tuple[Any, ...], Any] = {}

    @property
    def languages(self) -> list[str]:
        """Codes of the languages that there are texts in."""
        return list(self.sentences)

    def check(self, code: str) -> None:
        """Refuse a language that there are no texts in."""
        if language(code).code not in self.sentences:
            raise InputError(
                f"there are no texts in {language(code).name}, only in {' '.join(self.sentences)}: give texts= in all languages"
            )

    def lexicon(self, src: str, tgt: str) -> Lexicon:
        """The words of a pair."""
        if (src, tgt) in self.lexicons:
            return self.lexicons[src, tgt]
        if (tgt, src) in self.lexicons:
            return self.lexicons[tgt, src].reverse()
        if lacking := [code for code in (src, tgt) if code not in core_languages()]:
            raise InputError(
                f"there are no {src}-{tgt} words: {language(lacking[0]).name} is not in the core lexicon; give lexicon="
            )
        return core_lexicon(src, tgt)

    def evidence(self, model: NeuronModel, rate: float = RATE) -> Evidence:
        """What is measured of a model, once for all rates.

        Raises
        ------
        InputError
            If interventions change the model.
        """
        if not self.given and not self.lexicons:
            return core_evidence(model, rate)
        if not self.given:
            counts = core_evidence(model, rate).counts
        else:
            with model.lock:
                if model.card.get("interventions"):
                    raise InputError("interventions change the model; its evidence is that of the unchanged model")
                if ("counts",) not in self._parts:
                    self._parts["counts",] = count_active(model, self.sentences)
                counts = self._parts["counts",]
        return Evidence(model, counts, rate, self.sentences, self.lexicon, _shared=self._parts)
