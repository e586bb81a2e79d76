"""Language identification by script and bundled vocabulary, or by the package lingua."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from ..exceptions import InputError
from ._corpora import core_sentences
from ._languages import LANGUAGES, language
from ._lexicon import core_table

METHODS = ("lexicon", "lingua")

#: First word of a letter's Unicode name -> the scripts (`Language.script`) that it belongs to.
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
    """The language of each text.

    Parameters
    ----------
    texts : sequence of str
    languages : sequence of str
        Codes of the languages to choose from.
    method : {"lexicon", "lingua"}
        `lexicon`: among the languages written in the text's script, the one whose bundled lexicon and sentences contain most of
        its words (in Chinese and Japanese, of its characters). Suited to single words and to bridgex-mini, which knows no
        other words. `lingua`: the package lingua-language-detector (this project's extra ``identify``), suited to texts of real
        models.

    Returns
    -------
    list of (str or None)
        One code per text; None if no language is more likely than the others: no letters, only unknown words, or a word that
        two languages share.

    Raises
    ------
    InputError
        If a language is not one of the 15, there are fewer than two, the method is unknown, or its package is not installed.

    Examples
    --------
    >>> output_language(["apoy", "火が", "123"])
    ['tl', 'ja', None]
    """
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}; choose from {', '.join(METHODS)}")
    if isinstance(texts, str) or len(set(languages)) < 2:
        raise InputError("output_language needs a list of texts, and at least two languages to choose from")
    for code in languages:
        language(code)
    if method == "lingua":
        return _by_lingua(texts, languages)
    return [_by_lexicon(text, languages) for text in texts]


def _by_lexicon(text: str, languages: Sequence[str]) -> str | None:
    text = unicodedata.normalize("NFC", text).lower()
    scripts_of_letters = [_SCRIPTS.get(unicodedata.name(char, "").split(" ")[0], set()) for char in text if char.isalpha()]
    # The script of most letters; "Han" and "Japanese" share some letters, and a single kana decides between them.
    letters = {script: sum(script in scripts for scripts in scripts_of_letters) for script in set().union(*scripts_of_letters)}
    written = {script for script, count in letters.items() if count == max(letters.values())}
    possible = [code for code in languages if LANGUAGES[code].script in written]
    if len(possible) < 2:
        return possible[0] if possible else None
    known = {code: sum(piece in _vocabulary(code) for piece in _pieces(text)) for code in possible}
    best = [code for code, count in known.items() if count == max(known.values())]
    return best[0] if len(best) == 1 else None


def _pieces(text: str) -> list[str]:
    """Words; in Chinese and Japanese, which put nothing between words, characters."""
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
    return [known.get(detected) for detected in detector.detect_languages_in_parallel_of(list(texts))]
