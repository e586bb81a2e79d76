"""The 15 languages of the study, its bridges and pairs, and every other language.

The study's languages, autonyms and bridges are those of BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) and its released code.
The autonym is the name of a language in the prompts.

`data/languages.tsv` has all languages of FLORES-200 (NLLB Team 2022, arXiv 2207.04672) with their families (those of Glottolog,
but for names that are more usual) and scripts. Their autonyms are those of CLDR, which the package babel holds; the table has
them where CLDR has none, or one for a larger group, and where it changed between versions of babel.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from ..exceptions import InputError

#: Scripts that are written from right to left.
RIGHT_TO_LEFT = {"Adlam", "Arabic", "Hanifi Rohingya", "Hebrew", "N'Ko", "Syriac", "Thaana"}


@dataclass(frozen=True)
class Language:
    """A language.

    Attributes
    ----------
    code : str
        ISO 639-1 code, or 639-3 where there is none; with the script where FLORES-200 has the language in a second one
        (zh_Hant).
    name, autonym : str
        English name, and its own name, which is used in prompts.
    family, script : str
    flores : str, optional
        FLORES-200 code, by which the files of many data sets are found.

    Examples
    --------
    >>> language("he").name, language("he").right_to_left
    ('Hebrew', True)
    """

    code: str
    name: str
    autonym: str
    family: str
    script: str
    flores: str | None = None

    @property
    def right_to_left(self) -> bool:
        """Whether the script is written from right to left."""
        return self.script in RIGHT_TO_LEFT


#: Code -> `Language`, for the languages of the study.
LANGUAGES = {
    entry.code: entry
    for entry in (
        Language("en", "English", "English", "Indo-European", "Latin", "eng_Latn"),
        Language("de", "German", "Deutsch", "Indo-European", "Latin", "deu_Latn"),
        Language("fr", "French", "Français", "Indo-European", "Latin", "fra_Latn"),
        Language("it", "Italian", "Italiano", "Indo-European", "Latin", "ita_Latn"),
        Language("pt", "Portuguese", "Português", "Indo-European", "Latin", "por_Latn"),
        Language("es", "Spanish", "Español", "Indo-European", "Latin", "spa_Latn"),
        Language("zh", "Chinese", "中文", "Sino-Tibetan", "Han", "zho_Hans"),
        Language("ja", "Japanese", "日本語", "Japonic", "Japanese", "jpn_Jpan"),
        Language("ar", "Arabic", "عربي", "Afro-Asiatic", "Arabic", "arb_Arab"),
        Language("he", "Hebrew", "עִברִית", "Afro-Asiatic", "Hebrew", "heb_Hebr"),
        Language("id", "Indonesian", "Indonesia", "Austronesian", "Latin", "ind_Latn"),
        Language("tl", "Tagalog", "Tagalog", "Austronesian", "Latin", "tgl_Latn"),
        Language("fi", "Finnish", "suomi", "Uralic", "Latin", "fin_Latn"),
        Language("hu", "Hungarian", "magyar", "Uralic", "Latin", "hun_Latn"),
        Language("sw", "Swahili", "kiswahili", "Niger-Congo", "Latin", "swh_Latn"),
    )
}

#: Bridge languages that are compared by default (released code of BridgeX-ICL).
BRIDGES = ("en", "de", "fr", "it", "pt", "es")

#: Fifteen study pairs (source, target). Seven of them appear in the released code (zh-ja zh-he id-he en-sw ar-he id-tl id-sw).
#: The paper's full list could not be found, so the other eight were chosen for this project: pairs of a high- or moderate- and
#: a low-resource language, such that all seven families are represented.
PAIRS = (
    ("en", "sw"),
    ("zh", "ja"),
    ("zh", "he"),
    ("zh", "sw"),
    ("ja", "he"),
    ("ja", "tl"),
    ("ar", "he"),
    ("ar", "sw"),
    ("id", "he"),
    ("id", "tl"),
    ("id", "sw"),
    ("fi", "he"),
    ("fi", "tl"),
    ("hu", "sw"),
    ("sw", "tl"),
)


#: Code -> `Language`, for those of `add_language`.
_added: dict[str, Language] = {}


def language(code: str) -> Language:
    """The `Language` with a given code: one of the study, of FLORES-200, or of `add_language`.

    Parameters
    ----------
    code : str
        ISO 639-1 code, ISO 639-3 where there is none, or FLORES-200 code.

    Raises
    ------
    InputError
        If the code is unknown; the message says what may have been meant and which languages there are.

    Examples
    --------
    >>> language("sw").autonym
    'kiswahili'
    >>> hindi = language("hin_Deva")
    >>> hindi.code, hindi.autonym, hindi.family, hindi.script
    ('hi', 'हिन्दी', 'Indo-European', 'Devanagari')
    """
    if (found := known_language(code)) is not None:
        return found
    meant = _meant(str(code).casefold())
    hint = f"; did you mean {' or '.join(f'{known!r} ({name})' for known, name in meant)}?" if meant else ""
    names = ", ".join(f"{known.code} {known.name}" for known in LANGUAGES.values())
    raise InputError(
        f"unknown language {code!r}{hint}; choose from {names}, or another of the {len(_table())} languages of FLORES-200 "
        "(hi, vi, zh_Hant …), or add one with add_language"
    )


def known_language(code: str) -> Language | None:
    """As `language`, None where the code is unknown: labels of a table need not be languages."""
    if not isinstance(code, str):
        return None
    if found := LANGUAGES.get(code) or _added.get(code):
        return found
    if code in _table():
        return _from_table(code)
    if "_" not in code:
        return None
    every: dict[str, str | None] = {known: row["flores"] for known, row in _table().items()}
    every |= {known.code: known.flores for known in (*_added.values(), *LANGUAGES.values())}
    named = [known for known, flores in every.items() if flores == code]
    if len(named) > 1:
        raise InputError(f"{code!r} is the FLORES-200 code of {' and '.join(map(repr, named))}: name one of them")
    return language(named[0]) if named else None


def add_language(code: str, name: str, autonym: str, family: str, script: str, flores: str | None = None) -> Language:
    """Make a language known that is not in FLORES-200, or the same language under another name in its prompts.

    Parameters
    ----------
    code : str
        A code of your own choice, ISO 639-3 if possible. Added again, it replaces what was added before.
    name, autonym : str
        English name, and its own name, which is used in prompts.
    family, script : str
        As Glottolog and Unicode call them in English, so that languages of one family or script are recognised.
    flores : str, optional
        FLORES-200 or FLORES+ code, by which the files of many data sets are found.

    Returns
    -------
    Language

    Raises
    ------
    InputError
        If the code is that of another language or has other characters than letters, digits and underscores, or something is
        empty.

    Examples
    --------
    >>> add_language("lad", "Ladino", "Djudezmo", "Indo-European", "Latin").name
    'Ladino'
    >>> language("lad").autonym
    'Djudezmo'
    """
    given = {"code": code, "name": name, "autonym": autonym, "family": family, "script": script}
    for what, value in given.items():
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"add_language needs a text as {what}, not {value!r}")
    if not re.fullmatch(r"\w+", code):  # a dash stands between the codes of a pair
        raise InputError(f"code {code!r}: a code has letters, digits and underscores only")
    if code not in _added and (taken := known_language(code)) is not None:
        raise InputError(f"{code!r} is {taken.name} already: choose another code, such as {taken.code + '_x'!r}")
    _added[code] = Language(code, name, autonym, family, script, flores)
    return _added[code]


def families() -> list[str]:
    """The families of the languages of FLORES-200, those with most languages first."""
    count = Counter(row["family"] for row in _table().values())
    return sorted(count, key=lambda family: (-count[family], family))


@cache
def iso_names() -> dict[str, str | None]:
    """ISO 639-3 code -> the FLORES-200 code that is meant by it alone.

    Of a language in two scripts, it is the one whose own code names no script. None for zho, which is used for both.
    """
    names: dict[str, str | None] = {}
    for code, row in _table().items():
        iso = row["flores"].split("_")[0]
        if iso not in names or "_" not in code:
            names[iso] = row["flores"]
    return names | {"zho": None}


@cache
def _table() -> dict[str, dict[str, str]]:
    """Code -> row of `data/languages.tsv`."""
    with (files(__package__) / "data" / "languages.tsv").open(encoding="utf-8", newline="") as handle:
        return {row["code"]: row for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)}


@cache
def _from_table(code: str) -> Language:
    row = _table()[code]
    return Language(code, row["name"], row["autonym"] or _cldr_name(code), row["family"], row["script"], row["flores"])


def _cldr_name(code: str) -> str:
    """The name of a language in itself and its script."""
    from babel import Locale  # reads a file of its own for each language

    locale = Locale.parse(code)
    return locale.languages.get(code) or locale.languages[locale.language]


def _meant(typed: str) -> list[tuple[str, str]]:
    """Codes and names of the languages that somebody may have meant."""
    known = {code: (row["name"], row["flores"]) for code, row in _table().items()}
    known |= {code: (item.name, item.flores or "") for code, item in (LANGUAGES | _added).items()}
    named = [
        (code, name)
        for code, (name, flores) in known.items()
        if typed in (code.casefold(), name.casefold(), flores.casefold(), flores.casefold()[:3])
        or (code in LANGUAGES and typed == LANGUAGES[code].autonym.casefold())
    ]
    if not named and len(typed) > 3:
        close = get_close_matches(typed, [name.casefold() for name, _ in known.values()], n=2, cutoff=0.8)
        named = [(code, name) for code, (name, _) in known.items() if name.casefold() in close]
    return named[:3]
