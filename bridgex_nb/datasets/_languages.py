"""The 15 languages of the study, the bridges and the study pairs.

Languages, autonyms and bridges are those of BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) and its released code. The autonym
is the name of a language in the prompts.
"""

from dataclasses import dataclass

from ..exceptions import InputError


@dataclass(frozen=True)
class Language:
    """A language.

    Attributes
    ----------
    code : str
        ISO 639-1 code.
    name, autonym : str
        English name, and its own name, which is used in prompts.
    family, script : str
    flores : str
        FLORES-200 code.

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
    flores: str

    @property
    def right_to_left(self) -> bool:
        """Whether the script is written from right to left."""
        return self.script in {"Arabic", "Hebrew"}


#: Code -> `Language`.
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


def language(code: str) -> Language:
    """The `Language` with a given code.

    Parameters
    ----------
    code : str
        ISO 639-1 code.

    Raises
    ------
    InputError
        If it is not one of the 15 languages; the message lists them.

    Examples
    --------
    >>> language("sw").autonym
    'kiswahili'
    """
    try:
        return LANGUAGES[code]
    except (KeyError, TypeError):
        typed = str(code).casefold()
        meant = [known for known in LANGUAGES.values() if typed in (known.code, known.name.lower(), known.autonym.lower())]
        hint = f"; did you mean {meant[0].code!r} ({meant[0].name})?" if meant else ""
        names = ", ".join(f"{known.code} {known.name}" for known in LANGUAGES.values())
        raise InputError(f"unknown language {code!r}{hint}; choose from {names}") from None
