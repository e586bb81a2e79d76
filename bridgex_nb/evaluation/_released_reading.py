"""Reading answers as the released code of BridgeX-ICL does (Xu et al. 2025, arXiv 2508.17078), letter for letter.

Its scripts put what the model wrote into a line, ``{Src}:"{w}"→{Bridge}:"{written}"``, and cut that line; here the same cuts
are made on what was written. They differ from `_reading` where a model writes more than one word, goes on after an arrow, or
writes a colon.
"""

import re

from ..datasets._languages import language

_QUOTES = str.maketrans("", "", "'\"「」")
_NIQQUD = str.maketrans("", "", "ְֱֲֳִֵֶַָׇֹֻּֽֿׁׂׅׄ")


def _piece(text: str, code: str) -> str:
    """The first line up to the next arrow, without full stops, from behind its first colon and space, else its first colon."""
    line = f'{language(code).autonym}:"{text.strip()}"'.split("\n", 1)[0].replace(".", "").split("→", 1)[0]
    return line.split(": " if ": " in line else ":")[1]


def read_released_bridge(text: str, bridge: str) -> str:
    """The bridge word in what the model wrote: up to a comma, without quotes.

    Examples
    --------
    >>> read_released_bridge('"to burn", "fire"', "en")
    'to burn'
    """
    return _piece(text, bridge).split(",", 1)[0].translate(_QUOTES)


def read_released_word(text: str, tgt: str) -> str:
    """The answer in what the model wrote: up to a comma, bracket, space or question mark, without quotes; `fold_released`.

    Examples
    --------
    >>> read_released_word('"San Francisco"', "es")
    'san'
    """
    word = re.split("[,( ?]", _piece(text, tgt), maxsplit=1)[0]
    return fold_released(word.translate(_QUOTES))


def fold_released(word: str) -> str:
    """A word in the form that is compared: without Hebrew niqqud, in lower case.

    The released code does so to the answer only, since its dictionaries are in lower case; here the accepted answers are
    treated alike, so that other dictionaries can be used.
    """
    return word.translate(_NIQQUD).strip().lower()


def read_released_letter(text: str, tgt: str | None = None) -> str:
    """The first of A to D, in either case, that is a word by itself in what the model wrote, or "".

    The English article counts as A, and a letter that touches a Chinese character does not count.

    Examples
    --------
    >>> read_released_letter(" (b) is right"), read_released_letter("It is a trap: B")
    ('B', 'A')
    """
    match = re.search(r"\b[A-D]\b", text.strip().upper())
    return match.group() if match else ""


def read_line(text: str, bridge: str | None = None) -> str:
    """The first line of what the model wrote, as it is."""
    return text.split("\n", 1)[0].strip()
