"""Language identification by script and bundled vocabulary, or by the package lingua."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

from ..exceptions import InputError
from ._corpora import core_sentences
from ._languages import LANGUAGES, language
from ._lexicon import core_languages, core_table

METHODS = ("lexicon", "lingua")

#: First word of a letter's Unicode name -> the scripts (`Language.script`) that it belongs to, where that is another word.
_SCRIPTS = {
    "CJK": {"Han", "Japanese"},
    "IDEOGRAPHIC": {"Han", "Japanese"},
    "HIRAGANA": {"Japanese"},
    "KATAKANA": {"Japanese"},
    "KATAKANA-HIRAGANA": {"Japanese"},
    "MYANMAR": {"Burmese"},
    "ORIYA": {"Odia"},
    "OL": {"Ol Chiki"},
    "NKO": {"N'Ko"},
    "HANIFI": {"Hanifi Rohingya"},
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
        If a language is unknown, there are fewer than two, the method is unknown, its package is not installed, or it cannot
        tell these languages apart: `lexicon` has words of the 15 of the study, lingua knows 75 languages.

    Examples
    --------
    >>> output_language(["apoy", "火が", "123"])
    ['tl', 'ja', None]
    """
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}; choose from {', '.join(METHODS)}")
    if isinstance(texts, str) or len(set(languages)) < 2:
        raise InputError("output_language needs a list of texts, and at least two languages to choose from")
    scripts = {code: language(code).script for code in languages}
    if method == "lingua":
        return _by_lingua(texts, languages)
    for code, script in scripts.items():
        others = [other for other, same in scripts.items() if other != code and _share_letters(script, same)]
        if others and language(code).code not in core_languages():
            raise InputError(
                f'method="lexicon" has no words of {language(code).name} to tell it from {language(others[0]).name}, which has '
                'the same script: take method="lingua", or leave one of them out'
            )
    return [_by_lexicon(text, scripts) for text in texts]


def _share_letters(script: str, other: str) -> bool:
    return script == other or {script, other} == {"Han", "Japanese"}


def _scripts_of(char: str) -> set[str]:
    name = unicodedata.name(char, "").split(" ")[0]
    return _SCRIPTS.get(name, {name.capitalize()})


def _by_lexicon(text: str, languages: Mapping[str, str]) -> str | None:
    """One of the languages, whose scripts are given, or None."""
    text = unicodedata.normalize("NFC", text).lower()
    scripts_of_letters = [_scripts_of(char) for char in text if char.isalpha()]
    # The script of most letters; "Han" and "Japanese" share some letters, and a single kana decides between them.
    letters = {script: sum(script in scripts for scripts in scripts_of_letters) for script in set().union(*scripts_of_letters)}
    written = {script for script, count in letters.items() if count == max(letters.values())}
    possible = [code for code, script in languages.items() if script in written]
    if len(possible) < 2:
        return possible[0] if possible else None
    known = {code: sum(piece in _vocabulary(language(code).code) for piece in _pieces(text)) for code in possible}
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
    known = {}
    for code in languages:
        iso = getattr(IsoCode639_1, language(code).code.upper(), None)
        if iso is None:
            raise InputError(f"the package lingua does not know {language(code).name}: leave it out of the languages")
        known[Language.from_iso_code_639_1(iso)] = code
    detector = LanguageDetectorBuilder.from_languages(*known).build()
    return [known.get(detected) for detected in detector.detect_languages_in_parallel_of(list(texts))]
