"""The 15 languages of the study, the candidate bridges and the study pairs.

Languages, autonyms and candidate bridges are those of BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) and its released
code. The autonym is the name a language goes by inside the prompts.
"""

from dataclasses import dataclass

from ..exceptions import InputError


@dataclass(frozen=True)
class Language:
    """One language: code (ISO 639-1), English name, autonym used in prompts, family, script, FLORES-200 code."""

    code: str
    name: str
    autonym: str
    family: str
    script: str
    flores: str

    @property
    def right_to_left(self) -> bool:
        """Whether the script runs from right to left."""
        return self.script in {"Arabic", "Hebrew"}


LANGUAGES = {
    one.code: one
    for one in (
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

#: Candidate bridge languages (released code of BridgeX-ICL).
BRIDGES = ("en", "de", "fr", "it", "pt", "es")

#: Fifteen study pairs (source, target). Seven of them are seen in the released code (zh-ja zh-he id-he en-sw ar-he id-tl
#: id-sw); the paper's full list was not found, so the other eight are this project's choice: high-low and moderate-low
#: pairs, so that all seven families take part.
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


def language(code: str) -> Language:
    """The `Language` of a code.

    Raises
    ------
    InputError
        If the code is not one of the 15; the message lists them.

    Examples
    --------
    >>> language("sw").autonym
    'kiswahili'
    """
    try:
        return LANGUAGES[code]
    except (KeyError, TypeError):
        meant = [one for one in LANGUAGES.values() if str(code).casefold() in (one.code, one.name.lower(), one.autonym.lower())]
        hint = f"; did you mean {meant[0].code!r} ({meant[0].name})?" if meant else ""
        names = ", ".join(f"{one.code} {one.name}" for one in LANGUAGES.values())
        raise InputError(f"unknown language {code!r}{hint}; the languages are {names}") from None
