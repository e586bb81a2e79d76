"""Reading the answer from what a model wrote: a word, a letter, an option, a number, a text."""

import re
import unicodedata
from collections.abc import Sequence

from ..datasets._languages import language

_QUOTES = '"“”„«»‹›「」『』《》'
_QUOTED = re.compile(rf"\s*[{_QUOTES}]([^{_QUOTES}]+)[{_QUOTES}]")
_CUT = re.compile(r"[,،、;؛(\[?؟!]")


def read_word(text: str, tgt: str | None = None) -> str:
    """The word that a completion answers, as the model spelled it.

    Of the first line, without full stops, up to a comma, bracket or question mark and without its quotes (released code of
    BridgeX-ICL). In a line with arrows, what follows the last arrow and its colon is the answer; if `tgt` is given, what
    follows the last arrow *to that language*, or, without such an arrow, what comes before the first one: a model that goes on
    to translate into a third language has answered already. (The released code takes what comes before the first arrow of what
    was written; `reading="released"`.)

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
    """A word in the form that is compared for exact match.

    NFKC and lower case, without quotes and apostrophes, Hebrew niqqud, Arabic vowel marks and invisible direction marks; the
    Hebrew hyphen becomes a space.

    Examples
    --------
    >>> fold("S’asseoir")
    'sasseoir'
    """
    word = unicodedata.normalize("NFKD", word).replace("\u05be", " ")
    word = "".join(c for c in word if unicodedata.category(c) != "Cf" and not _VOWEL_MARKS.match(c))
    return re.sub(f"[{_QUOTES}'‘’‚`]", "", unicodedata.normalize("NFKC", word)).strip().lower()


_VOWEL_MARKS = re.compile("[\u0591-\u05c7\u0640\u064b-\u0652\u0670]")


def read_answer(text: str, tgt: str | None = None) -> str:
    """The answer of a completion in the form that is compared for exact match: `fold` of `read_word`.

    Examples
    --------
    >>> read_answer('"Fire"\\nEnglish:"sun"')
    'fire'
    """
    return fold(read_word(text, tgt))


def read_text(text: str, tgt: str | None = None) -> str:
    """The sentence or passage that a completion answers: its first line, without its quotes.

    What follows an arrow is left out: a model that goes on to translate into a third language has answered already. `tgt` makes
    no difference; every reader of a task takes it.

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
    """The letter of the choice that a completion answers: the first of A to G that stands alone in its first line, or "".

    The reader of the tasks with lettered choices. Only the first line counts, because a model that goes on may list the choices
    again. After the released code of BridgeX-ICL, which takes the first of A to D; here a letter inside a word does not count.
    `read_option` reads many completions, for options of any spelling, on any line.

    Examples
    --------
    >>> read_letter(" By the passage, (B) is right.")
    'B'
    """
    match = _LETTER.search(unicodedata.normalize("NFKC", text).split("\n", 1)[0])
    return match.group() if match else ""


def read_number(text: str, tgt: str | None = None) -> str:
    """The last number of the first line in plain digits; "" if there is none.

    Digits may be of any script. Groups of three digits may be separated by a comma, a full stop, an apostrophe or a space:
    1.234 is more than a thousand.

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
    """The option that each completion names first, as a word by itself; None if it names none.

    A measure of behaviour over many completions (`contrast_shift`): options are any words, and the whole completion counts.
    `read_letter` reads the answer of a single completion to lettered choices.

    Parameters
    ----------
    completions : sequence of str
    options : sequence of str
        Upper and lower case differ. Where one option begins with another, name the longer one first.

    Examples
    --------
    >>> read_option(["(B) because A is wrong", "Also neither"])
    ['B', None]
    """
    named = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, options))})(?!\w)")
    return [match.group(1) if (match := named.search(text)) else None for text in completions]
