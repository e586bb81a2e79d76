"""Languages outside the study: the table of FLORES-200, autonyms, and languages that are added."""

import csv
import unicodedata
from importlib.resources import files

import pytest
from matplotlib import font_manager

import bridgex_nb as bx
from bridgex_nb.datasets import _languages
from bridgex_nb.plots._style import FAMILY_COLOURS, STYLE, family, language_name

with (files("bridgex_nb.datasets") / "data" / "languages.tsv").open(encoding="utf-8", newline="") as handle:
    TABLE = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
CODES = [row["code"] for row in TABLE]
#: Families that Glottolog 5.1 calls by another name, or, as languages without relatives, by none.
IN_GLOTTOLOG = {
    "Niger-Congo": "Atlantic-Congo",
    "Mongolic": "Mongolic-Khitan",
    "Constructed": "Artificial Language",
    "Basque": "",
}
#: FLORES-200 names some languages by their group's ISO 639-3 code, which is no language in Glottolog -> a member of it.
MEMBERS = {"est": "ekk", "grn": "gug", "kon": "ktu", "srd": "sro", "zho": "cmn"}
#: ISO 15924 code -> script, checked against the letters of the autonyms below.
SCRIPTS = {"Latn": "Latin", "Arab": "Arabic", "Cyrl": "Cyrillic", "Deva": "Devanagari", "Hans": "Han", "Hant": "Han"}


@pytest.fixture(autouse=True)
def nothing_added(monkeypatch):
    monkeypatch.setattr(_languages, "_added", {})


def test_all_of_flores_200_is_there():
    assert len(TABLE) == len(set(CODES)) == len({row["flores"] for row in TABLE}) == 204
    assert sorted(CODES) == CODES


def test_the_files_of_flores_are_found(shared_data):
    names = [path.stem for path in (shared_data / "flores200" / "devtest").glob("*.devtest")]
    assert len(names) > 15
    assert [bx.language(name).flores for name in names] == names


def test_families_are_those_of_glottolog(shared_data):
    with (shared_data / "glottolog" / "languages.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = {row["ID"]: row["Name"] for row in rows}
    families = {row["ISO639P3code"]: names.get(row["Family_ID"], "") for row in rows if row["ISO639P3code"]}
    for row in TABLE:
        iso = row["flores"][:3]
        assert families[MEMBERS.get(iso, iso)] == IN_GLOTTOLOG.get(row["family"], row["family"]), row["name"]


@pytest.mark.parametrize("code", CODES)
def test_a_language_has_an_autonym_in_its_script(code):
    known = bx.language(code)
    assert known.code == code
    assert known.script == SCRIPTS.get(known.flores[4:8], known.script)
    first = {"Han": "CJK", "Japanese": "CJK", "Burmese": "MYANMAR", "Odia": "ORIYA", "Ol Chiki": "OL"}
    letters = [char for char in known.autonym if unicodedata.category(char) in ("Lu", "Ll", "Lo")]
    assert letters
    for letter in letters:
        assert unicodedata.name(letter).split()[0] == first.get(known.script, known.script.upper())


def test_the_table_says_of_the_study_what_the_study_says():
    rows = {row["code"]: row for row in TABLE}
    for code, known in bx.LANGUAGES.items():
        row = rows[code]
        assert (row["name"], row["family"], row["script"], row["flores"]) == (
            known.name,
            known.family,
            known.script,
            known.flores,
        )


def test_autonyms_of_cldr():
    expected = {"hi": "हिन्दी", "ur": "اردو", "nl": "Nederlands", "vi": "Tiếng Việt", "zh_Hant": "繁體中文", "ko": "한국어"}
    assert {code: bx.language(code).autonym for code in expected} == expected
    assert bx.word_prompt("hi", "ur", "आग") == 'हिन्दी:"आग"→اردو:'


def test_flores_codes_are_aliases():
    assert bx.language("hin_Deva") is bx.language("hi")
    assert bx.language("eng_Latn") is bx.LANGUAGES["en"]
    assert bx.language("kas_Deva").code == "ks_Deva"
    lexicon = bx.Lexicon("hin_Deva", "urd_Arab", {"आग": ["آگ"]})
    assert (lexicon.src, lexicon.tgt) == ("hi", "ur")
    bx.add_language("hi_Latn", "Hindi (Latin script)", "Hindi", "Indo-European", "Latin", "hin_Deva")
    with pytest.raises(bx.InputError, match=r"'hin_Deva' is the FLORES-200 code of 'hi' and 'hi_Latn'"):
        bx.language("hin_Deva")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("hin", "'hi'"), ("Hindi", "'hi'"), ("HI", "'hi'"), ("zho", "'zh' .* or 'zh_Hant'"), ("swahilli", "'sw'")],
)
def test_what_was_meant(typed, meant):
    with pytest.raises(bx.InputError, match=f"did you mean {meant}"):
        bx.language(typed)


def test_a_language_is_added():
    ladino = bx.add_language("lad", "Ladino", "Djudezmo", "Indo-European", "Hebrew", "lad_Hebr")
    assert bx.language("lad") is bx.language("lad_Hebr") is ladino
    assert ladino.right_to_left
    assert bx.same_family(["lad", "hi", "fi"]).loc["lad"].tolist() == [1, 1, 0]
    assert bx.add_language("lad", "Ladino", "ladino", "Indo-European", "Latin").flores is None
    assert bx.word_prompt("lad", "en", "sol") == 'ladino:"sol"→English:'
    assert "lad" not in bx.LANGUAGES


def test_what_cannot_be_added():
    for given, message in [
        (("hi", "Hindi", "Hindi", "Indo-European", "Latin"), "'hi' is Hindi already.*'hi_x'"),
        (("eng_Latn", "x", "x", "x", "Latin"), "'eng_Latn' is English already"),
        (("a-b", "x", "x", "x", "Latin"), "letters, digits and underscores"),
        (("q", "x", "", "x", "Latin"), "text as autonym, not ''"),
        ((None, "x", "x", "x", "Latin"), "text as code, not None"),
    ]:
        with pytest.raises(bx.InputError, match=message):
            bx.add_language(*given)


def test_the_bundled_texts_say_what_they_have():
    for call in (
        lambda: bx.core_lexicon("hi", "ur"),
        lambda: bx.core_lexicon("en", "hi"),
        lambda: bx.core_words(["sw", "hi"]),
        lambda: bx.core_sentences(["hi"]),
    ):
        with pytest.raises(bx.InputError, match="no Hindi, only en de fr it pt es zh ja ar he id tl fi hu sw: give"):
            call()
    assert list(bx.core_sentences(["tl", "swh_Latn"])) == list(bx.core_words(["tl", "sw"])) == ["tl", "sw"]
    assert bx.core_lexicon("swh_Latn", "tl").src == "sw"


def test_flores_in_a_second_script(shared_data):
    frame = bx.flores(["zh_Hant", "zho_Hans"], shared_data)
    assert frame.groupby("lang", sort=False).size().to_dict() == {"zh_Hant": 1012, "zh": 1012}


def test_data_sets_by_flores_code(tmp_path):
    (tmp_path / "devtest").mkdir()
    (tmp_path / "devtest" / "ekk_Latn.jsonl").write_text('{"text": "Vesi on külm."}\n', encoding="utf-8")
    assert bx.flores(["et"], tmp_path).text.tolist() == ["Vesi on külm."]  # as FLORES+ calls it
    bx.add_language("lad", "Ladino", "Djudezmo", "Indo-European", "Latin")
    with pytest.raises(bx.InputError, match=r"FLORES goes by FLORES-200 codes: add_language\('lad'"):
        bx.flores(["lad"], tmp_path)
    with pytest.raises(bx.InputError, match=r"no FLORES .* in Hindi: put devtest/hin_Deva.devtest"):
        bx.flores(["hi"], tmp_path)


def test_languages_are_identified_by_their_scripts():
    texts = ["आग और पानी", "огонь", "불", "moto", "မီး", "ଜଳ"]
    assert bx.output_language(texts, ["hi", "ru", "ko", "sw", "my", "or"]) == ["hi", "ru", "ko", "sw", "my", "or"]
    with pytest.raises(bx.InputError, match=r"no words of Dutch to tell it from English.*lingua"):
        bx.output_language(["zon"], ["en", "nl"])
    with pytest.raises(bx.InputError, match="no words of Urdu to tell it from Arabic"):
        bx.output_language(["آگ"], ["ar", "ur"])


def test_languages_are_identified_by_lingua():
    pytest.importorskip("lingua")
    texts = ["De zon schijnt vandaag en het water is koud.", "The sun is hot today and the water is cold."]
    assert bx.output_language(texts, ["en", "nl"], method="lingua") == ["nl", "en"]
    with pytest.raises(bx.InputError, match="lingua does not know Acehnese"):
        bx.output_language(texts, ["en", "ace"], method="lingua")


def test_figures_have_letters_and_a_colour_for_every_language():
    has = font_manager.get_font(font_manager.findfont(STYLE["font.family"])).get_charmap()
    for code in CODES:
        assert all(ord(char) in has for char in language_name(code))
        assert family(code) == bx.language(code).family
    assert len({*FAMILY_COLOURS.values()}) == len(FAMILY_COLOURS)
