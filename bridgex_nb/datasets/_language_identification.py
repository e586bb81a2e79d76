"""Which language a text is in: by its script and the bundled vocabulary, or by a language identifier."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from ..exceptions import InputError
from ._corpora import core_sentences
from ._languages import LANGUAGES, language
from ._lexicon import core_table

METHODS = ("lexicon", "lingua")

#: First word of a letter's Unicode name -> the scripts, as `Language.script`, that have it.
_SCRIPTS = {
    "LATIN": {"Latin"},
    "ARABIC": {"Arabic"},
    "HEBREW": {"Hebrew"},
    "CJK": {"Han", "Japanese"},
    "IDEOGRAPHIC": {"Han", "Japanese"},
    "HIRAGANA": {"Japanese"},
    "KATAKANA": {"Japanese"},
    "KATAKANA-HIRAGANA": {"Japanese"},
}


def output_language(
    texts: Sequence[str], languages: Sequence[str] = tuple(LANGUAGES), *, method: str = "lexicon"
) -> list[str | None]:
    """The language that each text is in.

    Parameters
    ----------
    texts : sequence of str
    languages : sequence of str
        Codes of the languages that come into question.
    method : {"lexicon", "lingua"}
        `lexicon`: of the languages written in the text's script, the one whose bundled lexicon and sentences have most of its
        words (of Chinese characters, most of these). Good for single words and for bridgex-mini, which knows no others.
        `lingua`: the identifier of the package lingua-language-detector (the extra ``identify`` of this project), for texts of
        real models.

    Returns
    -------
    list of (str or None)
        Codes; None where nothing speaks for one language more than for another: no letters, unknown words, a word of two of
        the languages.

    Raises
    ------
    InputError
        If a language is not one of the 15, there are fewer than two, there is no such method, or its package is not installed.

    Examples
    --------
    >>> output_language(["apoy", "火が", "123"])
    ['tl', 'ja', None]
    """
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    if isinstance(texts, str) or len(set(languages)) < 2:
        raise InputError("output_language needs a list of texts, and two languages or more to choose from")
    for code in languages:
        language(code)
    if method == "lingua":
        return _by_lingua(texts, languages)
    return [_by_lexicon(text, languages) for text in texts]


def _by_lexicon(text: str, languages: Sequence[str]) -> str | None:
    text = unicodedata.normalize("NFC", text).lower()
    scripts = [_SCRIPTS.get(unicodedata.name(char, "").split(" ")[0], set()) for char in text if char.isalpha()]
    # The script that most of the letters have; "Han" and "Japanese" share some, and one kana decides.
    counts = {one: sum(one in some for some in scripts) for one in set().union(*scripts)}
    written = {one for one, count in counts.items() if count == max(counts.values())}
    candidates = [code for code in languages if LANGUAGES[code].script in written]
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    found = {code: sum(piece in _vocabulary(code) for piece in _pieces(text)) for code in candidates}
    best = [code for code, count in found.items() if count == max(found.values())]
    return best[0] if len(best) == 1 else None


def _pieces(text: str) -> list[str]:
    """Words; of Chinese and Japanese, characters, since nothing stands between the words."""
    return re.findall(r"[㐀-鿿々]|[^\W\d_㐀-鿿々]+", text)


@cache
def _vocabulary(code: str) -> frozenset[str]:
    texts = [*core_sentences()[code], *(row[code] for row in core_table())]
    return frozenset(_pieces(unicodedata.normalize("NFC", " ".join(texts)).lower()))


def _by_lingua(texts: Sequence[str], languages: Sequence[str]) -> list[str | None]:
    try:
        from lingua import IsoCode639_1, Language, LanguageDetectorBuilder
    except ImportError as error:
        raise InputError('method="lingua" needs a package: pip install lingua-language-detector') from error
    known = {Language.from_iso_code_639_1(getattr(IsoCode639_1, code.upper())): code for code in languages}
    detector = LanguageDetectorBuilder.from_languages(*known).build()
    return [known.get(found) for found in detector.detect_languages_in_parallel_of(list(texts))]
