"""The core lexicon against published dictionaries.

References: MUSE (both directions with English), PanLex Swadesh lists, and for Swahili, which MUSE lacks, Wiktionary and
FreeDict. A concept is compared if a reference translates its English word, and agrees if one of its forms is among the
translations, including accents and spaces. MUSE contains loanwords and untranslated English words, so 100 % is out of reach.
"""

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections import defaultdict
from itertools import pairwise, product

import pytest
from opencc import OpenCC

import bridgex_nb as bx
from bridgex_nb.datasets._lexicon import core_table

LANGUAGES = [code for code in bx.LANGUAGES if code != "en"]
TEI = "{http://www.tei-c.org/ns/1.0}"
SWADESH = {
    "en": "eng",
    "de": "deu",
    "fr": "fra",
    "it": "ita",
    "pt": "por",
    "es": "spa",
    "zh": "cmn",
    "ja": "jpn",
    "ar": "arb",
    "he": "heb",
    "id": "ind",
    "tl": "tgl",
    "fi": "fin",
    "hu": "hun",
    "sw": "swh",
}

to_simplified = OpenCC("t2s").convert


def lines(path):
    return path.read_text(encoding="utf-8").split("\n")


def word_pairs(path):
    """Pairs of a file with two words per line, separated by white space; a few lines of Wiktionary have only one word."""
    return [tuple(line.split(None, 1)) for line in lines(path) if len(line.split()) > 1]


def swadesh_pairs(folder, code):
    """English words and translations of Swadesh lists: one concept per line, synonyms separated by tabs."""
    for size in ("swadesh110", "swadesh207"):
        english, translated = (lines(folder / size / f"{SWADESH[name]}-000.txt") for name in ("en", code))
        for words, translations in zip(english, translated, strict=True):
            yield from product(words.split("\t"), translations.split("\t"))


def freedict_pairs(path):
    """Head words and definitions of a FreeDict dictionary; a definition may list several words."""
    for entry in ET.parse(path).iter(TEI + "entry"):
        heads = [head.text for head in entry.iter(TEI + "orth")]
        definitions = ["".join(definition.itertext()) for definition in entry.iter(TEI + "def")]
        yield from product(heads, (word for definition in definitions for word in re.split("[,;]", definition)))


def swapped(pairs):
    return ((b, a) for a, b in pairs)


def reference_pairs(data, code):
    """All (English word, translation) pairs of all references."""
    for path in sorted((data / "muse").glob(f"en-{code}.*")):
        yield from word_pairs(path)
    for path in sorted((data / "muse").glob(f"{code}-en.*")):
        yield from swapped(word_pairs(path))
    yield from swadesh_pairs(data / "panlex_swadesh", code)
    if code == "sw":
        yield from swapped(word_pairs(data / "wiktionary_bli" / "sw-en.all"))
        yield from swapped(freedict_pairs(data / "freedict_swh" / "swh-eng" / "swh-eng.tei"))
        yield from freedict_pairs(data / "freedict_swh" / "eng-swh" / "eng-swh.tei")


def plain(word):
    return unicodedata.normalize("NFC", word.strip().casefold())


def comparable(word, code):
    word = plain(word)
    if code == "zh":
        # Some references use traditional characters.
        return to_simplified(word)
    if code == "ar":
        # MUSE omits hamza and madda on an alif (أ إ آ are all ا); Swadesh lists add vowel marks.
        return re.sub("[أإآ]", "ا", re.sub("[\u064b-\u0652]", "", word))
    return word


def our_forms(row, code):
    forms = {comparable(form, code) for form in row[code].split("|")}
    if code == "sw" and row["domain"] == "verbs":
        # Our verbs are infinitives (kuimba); the references list most of them by their stems (imba).
        forms |= {form.removeprefix("ku") for form in forms}
    return forms


def only_loanwords(known, ours, code):
    """Whether a Japanese reference has nothing but the English word or its katakana transcription (夏: summer, サマー)."""
    if code != "ja" or any(re.fullmatch("[ァ-ヿ]+", form) for form in ours):
        return False
    return not any(re.search("[ぁ-ゟ一-鿿]", word) for word in known)


def reference(data, code):
    """English word -> all its translations."""
    table = defaultdict(set)
    for english, translation in reference_pairs(data, code):
        if english and translation:
            table[plain(english).removeprefix("to ")].add(comparable(translation, code))
    return table


def compare(table, code, rows):
    """Number of concepts that the reference knows, and descriptions of those where it disagrees."""
    compared, differing = 0, []
    for english, row in rows:
        known = set().union(*(table.get(plain(word), ()) for word in english.split("|")))
        ours = our_forms(row, code)
        if known and not only_loanwords(known, ours, code):
            compared += 1
            if not ours & known:
                differing.append(f"{row['concept']}: {row[code]} / {', '.join(sorted(known)[:6])}")
    return compared, differing


@pytest.fixture(scope="module")
def table(code, shared_data):
    return reference(shared_data, code)


@pytest.mark.parametrize("code", LANGUAGES, scope="module")
def test_at_least_nine_in_ten_entries_agree_with_the_references(code, table, record_property):
    compared, differing = compare(table, code, [(row["en"], row) for row in core_table()])
    share = 1 - len(differing) / compared
    record_property("agreement", f"{share:.3f}")
    print(
        f"{code}: {compared - len(differing)} of {compared} entries agree ({share:.1%}); differing:", *differing, sep="\n    "
    )
    assert compared >= 300
    assert share >= 0.90


@pytest.mark.parametrize("code", LANGUAGES, scope="module")
def test_entries_shifted_by_one_concept_do_not_agree(code, table):
    # If they did, the references would accept any word.
    rows = core_table()
    compared, differing = compare(table, code, [(following["en"], row) for row, following in pairwise(rows)])
    assert len(differing) / compared >= 0.90
