"""The same texts in Latin letters, or with their words in another order."""

import random
import re
import unicodedata
from collections.abc import Sequence

from ..exceptions import InputError

#: First words of the Unicode names of letters that are written without spaces between words.
_UNSPACED = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def romanised(texts: Sequence[str]) -> list[str]:
    """The same texts in plain Latin letters: a control for what is the script's doing and not the language's.

    Every character is rewritten by itself, by the package anyascii, without regard to its language: kanji get their Chinese
    sounds, and Arabic and Hebrew keep the vowels that are written, but for the Arabic alif, which is left out. Latin letters
    lose their diacritics. What comes from letters without case is in lower case.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    list of str
        ASCII only.

    Raises
    ------
    InputError
        If the texts are one string, or nothing is left of one of them.

    Notes
    -----
    As a control for language neurons: arXiv 2604.05090. A model has seen little romanised Chinese: what it does with it is no
    longer what it does with Chinese, so look at whether translations are still found (`language_matrix`, kind `alignment`).

    The package was chosen among three, on the words and sentences of the 15 languages (anyascii 0.3.3, Unidecode 1.4.0, uroman
    1.3.1.1). They keep about as many words apart: of 609 Chinese ones 532, 529 and 538, of 582 Japanese ones 509, 514 and 516,
    of 511 Arabic ones 500, 500 and all. uroman knows languages and restores vowels in Indic scripts, but turns ö into oe in
    every language, leaves other characters than ASCII in two of 2,250 sentences and takes 100 times as long; Unidecode is under
    the GPL.

    Examples
    --------
    >>> romanised(["太阳升起。", "Jua huchomoza.", "Ásványvíz"])
    ['taiyangshengqi.', 'Jua huchomoza.', 'Asvanyviz']
    """
    from anyascii import anyascii  # only this function needs it

    if isinstance(texts, str):
        raise InputError("romanised needs a list of texts, not one string")
    done = ["".join(anyascii(char) if _has_case(char) else anyascii(char).lower() for char in text) for text in texts]
    for text, latin in zip(texts, done, strict=True):
        if text.strip() and not latin.strip():
            raise InputError(f"nothing of {text!r} can be written in Latin letters; leave this text out")
    return done


def _has_case(char: str) -> bool:
    return char.lower() != char.upper()


def shuffled(texts: Sequence[str], seed: int = 0) -> list[str]:
    """The same texts with their words in a random order: a control for what is syntax and not vocabulary.

    Spaces, and the punctuation at the end of a text, stay in their places. In scripts without spaces between words (Chinese,
    Japanese, Thai, Lao, Khmer, Burmese), the characters change places, which takes words apart, too.

    Parameters
    ----------
    texts : sequence of str
    seed : int
        Of the order, which is another one for every text.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If the texts are one string.

    Examples
    --------
    >>> shuffled(["Jua huchomoza nyuma ya mlima.", "太阳升起。"], seed=1)
    ['huchomoza mlima ya nyuma Jua.', '阳升起太。']
    """
    if isinstance(texts, str):
        raise InputError("shuffled needs a list of texts, not one string")
    return [_shuffle(text, seed) for text in texts]


def _shuffle(text, seed):
    body = text
    while body and (body[-1].isspace() or unicodedata.category(body[-1])[0] == "P"):
        body = body[:-1]
    pieces = [piece for word in re.split(r"(\s+)", body) if word for piece in _units(word)]
    units = [piece for piece in pieces if not piece.isspace()]
    # Drawn from the text, because sentences of several languages that have as many words would all get the same new order.
    random.Random(f"{seed} {text}").shuffle(units)
    left = iter(units)
    return "".join(piece if piece.isspace() else next(left) for piece in pieces) + text[len(body) :]


def _units(word):
    """The units of what stands between two spaces: the whole, or characters with their marks in scripts without spaces."""
    units = [""]
    for char in word:
        if units[-1] and unicodedata.category(char)[0] != "M" and (_unspaced(char) or _unspaced(units[-1][0])):
            units.append("")
        units[-1] += char
    return units


def _unspaced(char):
    return unicodedata.name(char, "").replace("-", " ").split(" ")[0] in _UNSPACED
