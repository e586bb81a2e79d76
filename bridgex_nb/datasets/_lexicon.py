"""Bilingual lexicons: the bundled core lexicon, MUSE files, pivoting, and the probe prompt of a word."""

import csv
import random
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..exceptions import InputError
from ._languages import language

#: Share of words that are translations of themselves above which `read_muse` warns.
IDENTICAL_SHARE = 0.05


@dataclass(frozen=True)
class Lexicon:
    """Words of `src` with their accepted translations into `tgt`.

    Attributes
    ----------
    src, tgt : str
        Language codes; FLORES-200 codes become those of `language`.
    entries : dict of str to list of str
        Source word -> translations, the preferred one first. No word is empty and no translation is repeated.

    Examples
    --------
    >>> core_lexicon("sw", "en").entries["moto"]
    ['fire', 'hot']
    """

    src: str
    tgt: str
    entries: dict[str, list[str]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "src", language(self.src).code)
        object.__setattr__(self, "tgt", language(self.tgt).code)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"Lexicon({self.src!r}, {self.tgt!r}, {len(self)} words)"

    def keep(self, words: Iterable[str]) -> "Lexicon":
        """The same lexicon restricted to the given source words, in their order; all of them must be in it."""
        words = list(words)
        unknown = [word for word in words if word not in self.entries]
        if unknown:
            raise InputError(f"{unknown[0]!r} is not in the {self.src}-{self.tgt} lexicon")
        return Lexicon(self.src, self.tgt, {word: self.entries[word] for word in words})

    def sample(self, size: int | None, seed: int = 0) -> "Lexicon":
        """The same lexicon restricted to `size` random words, fixed by the seed; all words if there are no more, or for None.

        Examples
        --------
        >>> core_lexicon("sw", "tl").sample(100)
        Lexicon('sw', 'tl', 100 words)
        """
        if size is not None and size < 1:
            raise InputError(f"size={size}: a sample needs at least one word")
        if size is None or size >= len(self):
            return self
        return self.keep(random.Random(seed).sample(list(self.entries), size))

    def reverse(self) -> "Lexicon":
        """The lexicon from `tgt` to `src`: every accepted translation becomes a source word."""
        pairs = ((translation, word) for word, translations in self.entries.items() for translation in translations)
        return Lexicon(self.tgt, self.src, _collect(pairs))


def _collect(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    entries: dict[str, dict[str, None]] = {}
    for word, translation in pairs:
        entries.setdefault(word, {})[translation] = None
    return {word: list(translations) for word, translations in entries.items()}


def word_prompt(src: str, tgt: str, word: str) -> str:
    """The probe prompt of BridgeX-ICL for a word: ``{Src autonym}:"{word}"→{Tgt autonym}:``.

    Parameters
    ----------
    src, tgt : str
        Language codes.
    word : str
        A word of `src`.

    Raises
    ------
    InputError
        If a language is unknown.

    Notes
    -----
    Xu et al. 2025, arXiv 2508.17078, released code.

    Examples
    --------
    >>> word_prompt("sw", "en", "moto")
    'kiswahili:"moto"→English:'
    """
    return f'{language(src).autonym}:"{word}"→{language(tgt).autonym}:'


@cache
def core_table() -> list[dict[str, str]]:
    """Rows of the bundled core lexicon: `concept`, `domain` and one cell per language, synonyms separated by ``|``."""
    with (files(__package__) / "data" / "core_lexicon.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))


def core_languages() -> tuple[str, ...]:
    """Codes of the languages of the bundled lexicon and sentences."""
    return tuple(column for column in core_table()[0] if column not in ("concept", "domain"))


def require_core(code: str, what: str, instead: str) -> str:
    """The code of a language, which the bundled texts must have.

    Raises
    ------
    InputError
        If they lack it; the message names those that they have and the way out.
    """
    known = language(code)
    if known.code not in core_languages():
        raise InputError(f"{what} no {known.name}, only {' '.join(core_languages())}: {instead}")
    return known.code


def core_codes(languages: Sequence[str] | None, what: str) -> list[str]:
    """Codes of those languages, all of which the bundled texts must have; of all that they have for None."""
    if isinstance(languages, str):
        raise InputError(f"languages={languages!r}: give a list of language codes, such as [{languages!r}]")
    given = core_languages() if languages is None else languages
    return list(dict.fromkeys(require_core(code, what, "give texts of your own, such as of parallel_texts") for code in given))


def core_lexicon(src: str, tgt: str) -> Lexicon:
    """The bundled lexicon of everyday concepts between any two of the 15 languages of the study.

    The source words are the first forms of the source language's cells; every synonym in the target language's cell is an
    accepted translation. Concepts that share a source word form one entry.

    Parameters
    ----------
    src, tgt : str
        Language codes.

    Raises
    ------
    InputError
        If a language is unknown or not one of the 15, or both are the same.

    Examples
    --------
    >>> core_lexicon("sw", "tl").entries["moto"]
    ['apoy', 'mainit']
    """
    instead = "give a lexicon of your own, of read_muse or Lexicon"
    src, tgt = (require_core(code, "the core lexicon has", instead) for code in (src, tgt))
    if src == tgt:
        raise InputError(f"source and target are both {src!r}; a lexicon needs two languages")
    return Lexicon(src, tgt, _collect((row[src].split("|")[0], word) for row in core_table() for word in row[tgt].split("|")))


def core_words(languages: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Every concept of the core lexicon as ``{autonym}:"{word}"``, the beginning of its prompts, in each of its languages.

    These are parallel texts of the kind that bridgex-mini was trained on.

    Parameters
    ----------
    languages : sequence of str, optional
        Language codes; the 15 of the study by default.

    Returns
    -------
    dict of str to list of str
        Language code -> texts; text i means the same in every language.

    Raises
    ------
    InputError
        If a language is unknown or not one of the 15.

    Examples
    --------
    >>> core_words()["sw"][0]
    'kiswahili:"jua"'
    """
    return {
        code: [f'{language(code).autonym}:"{row[code].split("|")[0]}"' for row in core_table()]
        for code in core_codes(languages, "the core lexicon has")
    }


def read_muse(path: str | Path, src: str, tgt: str, *, drop_identical: bool | None = None) -> Lexicon:
    """Read a dictionary in MUSE's format: one ``source translation`` per line, separated by a space or a tab.

    Lines that cannot be read (no separator, not UTF-8) are left out and reported in one warning with their line numbers. MUSE
    contains many identical strings (names, loanwords; a fifth to two thirds of the words between languages of one script),
    which a model gets right by copying the source word. They are kept by default, since they are translations too, and where
    they are more than one word in twenty a warning says how many. The column `copy` of `accuracy` says what copying scores.

    Parameters
    ----------
    path : str or Path
        The dictionary file.
    src, tgt : str
        Language codes of its two columns.
    drop_identical : bool, optional
        Whether to leave out the words that are accepted as translations of themselves, upper and lower case being the same,
        together with their other translations: a model that copies such a word is right, so that leaving out only the line
        would count a right answer as wrong. False keeps them without a warning.

    Raises
    ------
    InputError
        If a language is unknown, the file does not exist, none of its lines can be read, or all of its words are identical
        with a translation and to be left out.

    Notes
    -----
    Conneau et al. 2018, arXiv 1710.04087.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "en-sw.txt"
    >>> _ = path.write_text("fear hofu\\nfear woga\\n")
    >>> read_muse(path, "en", "sw").entries
    {'fear': ['hofu', 'woga']}
    """
    language(src), language(tgt)
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'a folder, not a dictionary file' if path.is_dir() else 'no such dictionary file'}")
    pairs, unreadable = [], []
    for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if not raw.strip():
            continue
        try:
            line = raw.decode("utf-8").strip()
            # If the line has a tab, that is the separator, and words may contain spaces.
            word, translation = (part.strip() for part in line.split("\t" if "\t" in line else None, 1))
        except ValueError:  # no separator, or UnicodeDecodeError
            unreadable.append(number)
        else:
            pairs.append((word, translation))
    if not pairs:
        raise InputError(f"{path}: no line can be read as a word and its translation, separated by a space or a tab")
    if unreadable:
        shown = ", ".join(map(str, unreadable[:5])) + (", …" if len(unreadable) > 5 else "")
        warnings.warn(f"{path}: {len(unreadable)} unreadable line(s) left out: line {shown}", stacklevel=2)
    entries = _collect(pairs)
    different = {word: forms for word, forms in entries.items() if word.casefold() not in map(str.casefold, forms)}
    if drop_identical:
        if not different:
            raise InputError(f"{path}: every word is a translation of itself; leave out drop_identical=True")
        return Lexicon(src, tgt, different)
    identical = len(entries) - len(different)
    if drop_identical is None and identical > IDENTICAL_SHARE * len(entries):
        warnings.warn(
            f"{path}: {identical} of {len(entries)} words are translations of themselves, which a model gets right by copying; "
            "drop_identical=True leaves them out, drop_identical=False keeps them without this warning",
            stacklevel=2,
        )
    return Lexicon(src, tgt, entries)


def pivot(first: Lexicon, second: Lexicon) -> Lexicon:
    """Join two lexicons on their common language: *c* translates *a* if some *b* translates *a* and *c* translates *b*.

    BridgeX-ICL builds the pairs that MUSE lacks in this way, through English (released code).

    Parameters
    ----------
    first : Lexicon
        From a to b.
    second : Lexicon
        From b to c.

    Raises
    ------
    InputError
        If `first.tgt` is not `second.src`, or no word links the two.

    Examples
    --------
    >>> pivot(core_lexicon("sw", "en"), core_lexicon("en", "tl")).entries["maji"]
    ['tubig']
    """
    if first.tgt != second.src:
        raise InputError(
            f"cannot pivot {first.src}-{first.tgt} with {second.src}-{second.tgt}: the first must end in the language "
            "that the second starts from (Lexicon.reverse() swaps the two languages of a lexicon)"
        )
    links = (
        (word, translation)
        for word, middles in first.entries.items()
        for middle in middles
        for translation in second.entries.get(middle, ())
    )
    entries = _collect(links)
    if not entries:
        raise InputError(f"no {first.tgt} word links the {first.src}-{first.tgt} and {second.src}-{second.tgt} lexicons")
    return Lexicon(first.src, second.tgt, entries)
