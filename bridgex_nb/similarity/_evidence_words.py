"""What a model answers to the words of a pair, as far as an evidence needs it: from its items, or by asking."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import pandas as pd

from ..datasets._lexicon import Lexicon, word_prompt
from ..evaluation._known_words import known_words
from ..evaluation._reading import read_word
from ..evaluation._word_examples import prompts_behind_examples
from ..evaluation._xicl import ZERO_SHOT
from ..inference._generation import complete_scored
from ._costs import keep_readings, note

if TYPE_CHECKING:
    from ._evidence import Evidence


def known_of(evidence: "Evidence", lexicon: Lexicon) -> Lexicon:
    """`known_words`, from the items if they cover the whole lexicon."""
    src, tgt = lexicon.src, lexicon.tgt
    if evidence.items is not None:
        zero_shot = _rows(evidence.items, src, tgt)
        zero_shot = zero_shot[zero_shot.bridge == ZERO_SHOT]
        # Behind examples, words that they give away are not among the items.
        if set(zero_shot.item) == set(lexicon.entries) or (evidence.shots and len(zero_shot)):
            right = [word for word in zero_shot.item[zero_shot.correct.astype(bool)] if word in lexicon.entries]
            if len(right) > 1:
                answers = zip(zero_shot.item, zero_shot.answer, strict=True)
                evidence._parts["zero-shot", src, tgt] = {(src, tgt, word): (None, answer) for word, answer in answers}
                return lexicon.keep(right)
    return known_words(evidence.model, lexicon, shots=evidence.shots)


def confidence(evidence: "Evidence", src: str, tgt: str, words: Sequence[str]) -> tuple[float, list[str]]:
    """`Evidence.confidence`."""
    known = evidence._once(("translations",), lambda: _first_hops(evidence.items))
    new = [word for word in dict.fromkeys(words) if (src, tgt, word) not in known]
    if new:
        prompts = asking(evidence, src, tgt, new)
        with evidence._as_counted():
            done = complete_scored(evidence.model, prompts)
        for word, completion in zip(new, done, strict=True):
            known[src, tgt, word] = completion.confidence, read_word(completion.text, tgt)
        parts = [("translation", src, tgt, word) for word in new]
        keep_readings(evidence, parts, prompts, (completion.tokens for completion in done))
    note(*(("translation", src, tgt, word) for word in words))
    return fmean(known[src, tgt, word][0] for word in words), [known[src, tgt, word][1] for word in words]


def asked_words(evidence: "Evidence", src: str, tgt: str) -> list[str]:
    """`Evidence.asked_words`."""
    words = list(evidence.lexicon(src, tgt).entries)
    if evidence.items is None:
        return words
    asked = set(_rows(evidence.items, src, tgt)["item"])
    return [word for word in words if word in asked] or words


def asking(evidence: "Evidence", src: str, tgt: str, words: Sequence[str]) -> list[str]:
    """`Evidence.prompts`."""
    if evidence.shots:
        return prompts_behind_examples(evidence.lexicon(src, tgt), words, evidence.shots, evidence.seed)
    return [word_prompt(src, tgt, word) for word in words]


def _rows(items: pd.DataFrame, src: str, tgt: str) -> pd.DataFrame:
    return items[(items.src == src) & (items.tgt == tgt)]


def _first_hops(items: pd.DataFrame | None) -> dict[tuple[str, str, str], tuple[float, str]]:
    """(src, tgt, word) -> confidence and answer, from the first hops of the items."""
    if items is None:
        return {}
    rows = items[items.bridge != ZERO_SHOT]
    hops = zip(rows.src, rows.bridge, rows.item, strict=True)
    return dict(zip(hops, zip(rows.bridge_confidence, rows.bridge_text, strict=True), strict=True))
