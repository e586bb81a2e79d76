"""The languages, their names in prompts, and the study pairs."""

import pytest

import bridgex_nb as bx

AUTONYMS = {
    "en": "English",
    "de": "Deutsch",
    "sw": "kiswahili",
    "zh": "中文",
    "ja": "日本語",
    "tl": "Tagalog",
    "he": "עִברִית",
    "ar": "عربي",
    "id": "Indonesia",
    "pt": "Português",
    "fr": "Français",
    "it": "Italiano",
    "es": "Español",
    "fi": "suomi",
    "hu": "magyar",
}
RELEASED_PAIRS = {"zh-ja", "zh-he", "id-he", "en-sw", "ar-he", "id-tl", "id-sw"}


def families(codes):
    return {bx.language(code).family for code in codes}


def test_fifteen_languages_of_seven_families():
    assert len(bx.LANGUAGES) == 15
    assert len(families(bx.LANGUAGES)) == 7


def test_codes_name_their_own_language():
    assert all(language.code == code for code, language in bx.LANGUAGES.items())


def test_autonyms_are_those_of_the_released_prompts():
    # With another spelling, or without the vowel points of the Hebrew name, the prompt would differ.
    assert {code: language.autonym for code, language in bx.LANGUAGES.items()} == AUTONYMS


def test_arabic_and_hebrew_are_written_from_right_to_left():
    assert {code for code, language in bx.LANGUAGES.items() if language.right_to_left} == {"ar", "he"}


def test_six_default_bridges():
    assert set(bx.BRIDGES) == {"en", "de", "fr", "it", "pt", "es"}


def test_fifteen_pairs_none_repeated_in_either_direction():
    assert len(bx.PAIRS) == 15
    assert len({frozenset(pair) for pair in bx.PAIRS}) == 15
    assert all(src != tgt for src, tgt in bx.PAIRS)


def test_pairs_cover_all_seven_families():
    assert families(code for pair in bx.PAIRS for code in pair) == families(bx.LANGUAGES)


def test_pairs_contain_those_of_the_released_code():
    assert {f"{src}-{tgt}" for src, tgt in bx.PAIRS} >= RELEASED_PAIRS


@pytest.mark.parametrize("code", ["xx", "SW", "", None, ["en"]])
def test_an_unknown_language_is_refused_with_a_list_of_the_known_ones(code):
    with pytest.raises(bx.InputError) as error:
        bx.language(code)
    assert repr(code) in str(error.value)
    assert all(known in str(error.value).split() for known in bx.LANGUAGES)


def test_flores_has_every_language_under_its_code(shared_data):
    folder = shared_data / "flores200" / "devtest"
    names = [language.flores for language in bx.LANGUAGES.values()]
    assert [name for name in names if not (folder / f"{name}.devtest").is_file()] == []
