"""Reading the answer out of what a model wrote: a word, a letter, a number, a text."""

import re
import unicodedata
from collections.abc import Sequence

from ..datasets._languages import language

_QUOTES = '"“”„«»‹›「」『』《》'
_QUOTED = re.compile(rf"\s*[{_QUOTES}]([^{_QUOTES}]+)[{_QUOTES}]")
_CUT = re.compile(r"[,،、;؛(\[?؟!]")


def read_word(text: str, tgt: str | None = None) -> str:
    """The word that a completion answers, in the writing that the model gave it.

    The first line counts, without full stops, cut at a comma, bracket or question mark and taken out of its quotes (released
    code of BridgeX-ICL). Where the text has arrows, what follows the last arrow and its colon is the answer; if `tgt` is given,
    what follows the last arrow *to that language*, or else what stands before the first one: a model that goes on to
    translate into a third language has answered before. (The released code takes the last arrow, whatever it leads to.)

    Examples
    --------
    >>> read_word('"Feuer"→English:"fire"')
    'fire'
    >>> read_word('"Feuer"→English:"fire"', "de")
    'Feuer'
    """
    line = unicodedata.normalize("NFKC", text).split("\n", 1)[0]
    if "→" in line:
        marker = unicodedata.normalize("NFKC", f"→{language(tgt).autonym}:") if tgt else None
        if marker and marker not in line:
            line = line.split("→", 1)[0]
        else:
            line = line.rsplit(marker or "→", 1)[1]
            line = line if marker else line.split(":", 1)[-1]
    quoted = _QUOTED.match(line)
    word = _CUT.split((quoted.group(1) if quoted else line).lstrip(" ¿¡"), maxsplit=1)[0]
    return re.sub(f"[{_QUOTES}.。]", "", word).strip(" '‘’‚")


def fold(word: str) -> str:
    """A word as exact match compares it.

    NFKC and lower case; no quotes or apostrophes, no Hebrew niqqud or Arabic vowel marks, no invisible direction marks; the
    Hebrew hyphen is a space.
    """
    word = unicodedata.normalize("NFKD", word).replace("\u05be", " ")
    word = "".join(c for c in word if unicodedata.category(c) != "Cf" and not _VOWEL_MARKS.match(c))
    return re.sub(f"[{_QUOTES}'‘’‚`]", "", unicodedata.normalize("NFKC", word)).strip().lower()


_VOWEL_MARKS = re.compile("[\u0591-\u05c7\u0640\u064b-\u0652\u0670]")


def read_answer(text: str, tgt: str | None = None) -> str:
    """The answer of a completion as exact match compares it: `fold` of `read_word`.

    Examples
    --------
    >>> read_answer('"Fire"\\nEnglish:"sun"')
    'fire'
    """
    return fold(read_word(text, tgt))


def read_text(text: str, tgt: str | None = None) -> str:
    """The sentence or passage that a completion answers: its first line, out of its quotes.

    What follows an arrow is left off: a model that goes on to translate into a third language has answered before. `tgt` makes
    no difference; every reader takes it.

    Examples
    --------
    >>> read_text('"Der „Kiwi“ ist ein Vogel."→English:"The kiwi')
    'Der „Kiwi“ ist ein Vogel.'
    """
    line = text.split("\n", 1)[0].split("→", 1)[0].strip()
    if line[:1] and line[0] in _QUOTES:
        inner = line[1:]
        if inner[-1:] and inner[-1] in _QUOTES:
            return inner[:-1].strip()
        if not set(inner) & set(_QUOTES):  # cut off before its closing quote
            return inner.strip()
    return line


def read_letter(text: str, tgt: str | None = None) -> str:
    """The first letter A to G that stands alone in the first line; "" where there is none.

    After the released code of BridgeX-ICL, which takes the first of A to D; here a letter inside a word is none.

    Examples
    --------
    >>> read_letter(" By the passage, (B) is right.")
    'B'
    """
    found = _LETTER.search(unicodedata.normalize("NFKC", text).split("\n", 1)[0])
    return found.group() if found else ""


def read_number(text: str, tgt: str | None = None) -> str:
    """The last number of the first line in plain digits; "" where there is none.

    Digits of any script. Groups of three digits may be set off by a comma, a full stop, an apostrophe or a space: 1.234 is more
    than a thousand.

    Examples
    --------
    >>> read_number(" 16 - 3 - 4 = 9; 9 * 2 = $18.00.")
    '18'
    >>> read_number("٧٠٬٠٠٠ دولار")
    '70000'
    """
    line = unicodedata.normalize("NFKC", text).split("\n", 1)[0].translate({ord("٬"): ",", ord("٫"): "."})
    numbers = _NUMBER.findall("".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in line))
    if not numbers:
        return ""
    whole, decimals = numbers[-1]
    whole, decimals = int(re.sub(r"\D", "", whole)), decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


_LETTER = re.compile("(?<![A-Za-z])[A-G](?![A-Za-z])")
_NUMBER = re.compile(r"(?<!\d)(\d{1,3}(?:[,.'’ ]\d{3})+|\d+)(?:[.,](\d+))?(?!\d)")


def read_option(completions: Sequence[str], options: Sequence[str] = ("A", "B")) -> list[str | None]:
    """The option that each completion names first, as a word of its own; None where it names none.

    Examples
    --------
    >>> read_option(["(B) because A is wrong", "Also neither"])
    ['B', None]
    """
    named = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, options))})(?!\w)")
    return [found.group(1) if (found := named.search(text)) else None for text in completions]
