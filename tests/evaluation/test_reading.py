"""Reading the answer from what a model wrote."""

import re

import pytest

import bridgex_nb as bx
from bridgex_nb.datasets._lexicon import core_table
from bridgex_nb.evaluation import fold, read_answer, read_letter, read_number, read_option, read_text, read_word


@pytest.mark.parametrize(
    ("code", "text", "answer"),
    [
        ("en", '"fire"', "fire"),
        ("de", "„Feuer“", "feuer"),
        ("fr", "« cœur »", "cœur"),
        ("it", '"Città".', "città"),
        ("pt", "“Coração”", "coração"),
        ("es", "«Mañana»", "mañana"),
        ("zh", "“太阳”。", "太阳"),
        ("ja", "「パン」", "パン"),
        ("ar", '"أذن"', "أذن"),
        ("he", '"שֶׁמֶשׁ"', "שמש"),
        ("id", '"kupu-kupu"', "kupu-kupu"),
        ("tl", "'Apoy'", "apoy"),
        ("fi", '"Pöytä"', "pöytä"),
        ("hu", "„Kő”", "kő"),
        ("sw", '"moto"', "moto"),
    ],
)
def test_a_quoted_answer_in_the_quotes_of_each_language(code, text, answer):
    assert code in bx.LANGUAGES
    assert read_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("fire", "fire"),
        ("  fire  ", "fire"),
        ("FIRE", "fire"),
        ("ÉTOILE", "étoile"),
        ("Ｆｉｒｅ", "fire"),
        ("s'asseoir", fold("S’asseoir")),
        ("walang laman", "walang laman"),
        ('"fire', "fire"),
        ("『火』", "火"),
        ("»Feuer«", "feuer"),
        ("‚Feuer‘", "feuer"),
        ("‹feu›", "feu"),
        ("《火》", "火"),
        ('\u200f"נר"', "נר"),
        ("\u2067נר\u2069", "נר"),
    ],
)
def test_case_space_and_quotes_do_not_matter(text, answer):
    assert read_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('"fire"\nEnglish:"sun"', "fire"),
        ('"fire"\r\nEnglish:"sun"', "fire"),
        ("fire, flame", "fire"),
        ("نار، لهب", "نار"),
        ("أذن؛ سمع", "أذن"),
        ("火、炎", "火"),
        ("火，火焰", "火"),
        ("fire; flame", "fire"),
        ("火；炎", "火"),
        ("fire (noun)", "fire"),
        ("火（ひ）", "火"),
        ("feu [fø]", "feu"),
        ("fire?", "fire"),
        ("火？", "火"),
        ("نار؟", "نار"),
        ("אש?", "אש"),
        ("fire.", "fire"),
        ('"fire".', "fire"),
        ("火。", "火"),
        ("火．", "火"),
        ("火｡", "火"),
        ("fire…", "fire"),
        ("fire!", "fire"),
        ("¿fuego?", "fuego"),
        ('"fire" means hot', "fire"),
        ('"fire, flame"', "fire"),
    ],
)
def test_only_the_first_answer_counts(text, answer):
    assert read_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('"fire"→English:"fire"', "fire"),
        ('"feu"→English:"fire"', "fire"),
        ('"feu"→English:"fire", "flame"', "fire"),
        ('→日本語："火"', "火"),
        ('"fuego"→Français:"feu"→العربية:"نار"', "نار"),
    ],
)
def test_a_chain_of_languages_answers_with_its_last_word(text, answer):
    assert read_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "tgt", "answer"),
    [
        ('"feu"→English:"fire"', "fr", "feu"),
        ('"feu"→English:"fire"', "en", "fire"),
        ('"fire"→Deutsch:"Feuer"→English:"fire"→', "de", "feuer"),
        ('kiswahili:"moto"→עִברִית:"אש"', "he", "אש"),
        ('"אש"→English:"fire"', "he", "אש"),
    ],
)
def test_a_chain_is_read_at_the_language_that_was_asked_for(text, tgt, answer):
    assert read_answer(text, tgt) == answer


@pytest.mark.parametrize("text", ["", "   ", '""', "「」", "...", "?", "\n", '"fire"→English:', "→"])
def test_no_answer_is_empty(text):
    assert read_answer(text) == ""


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("עִברִית", "עברית"),
        ("שָׁלוֹם", "שלום"),
        ("בית־ספר", "בית ספר"),
        ("نَارٌ", "نار"),
        ("\ufb2a", "ש"),
        ("cafe\u0301", "café"),
        ("か\u3099", "が"),
        ("ﾊﾟﾝ", "パン"),
        ("ا\u0654", "أ"),
        ("\ufefb", "لا"),
    ],
    ids=[
        "niqqud",
        "niqqud and dagesh",
        "maqaf",
        "harakat",
        "shin in one sign",
        "accent",
        "voicing",
        "half width",
        "hamza",
        "ligature",
    ],
)
def test_one_word_in_two_encodings_is_one_word(word, same):
    assert fold(word) == same


@pytest.mark.parametrize(
    ("word", "different"),
    [("ano", "año"), ("はは", "ばば"), ("ハン", "パン"), ("اذن", "أذن"), ("סם", "שם"), ("hat", "hát"), ("tuli", "tüli")],
)
def test_marks_that_make_another_word_are_kept(word, different):
    assert fold(word) != fold(different)


@pytest.mark.parametrize("code", bx.LANGUAGES)
def test_a_quoted_word_of_the_lexicon_reads_as_itself(code):
    forms = [form for row in core_table() for form in row[code].split("|")]
    # An apostrophe looks like a quote and goes: ng'ombe, aujourd'hui.
    assert [read_answer(f'"{form}"') for form in forms] == [re.sub("'", "", form.lower()) for form in forms]


@pytest.mark.parametrize(
    ("text", "middle"),
    [
        ('"Feuer"', "Feuer"),
        ("“太阳”", "太阳"),
        ("「火」", "火"),
        (' "ng\'ombe"', "ng'ombe"),
        ('"אֵשׁ"', "אֵשׁ"),
        ('"fire" and more', "fire"),
        ("fire, flame", "fire"),
        ("fire", "fire"),
        ("Feuer", "Feuer"),
        ("„Feuer“", "Feuer"),
        ("אֵשׁ", "אֵשׁ"),
        ("", ""),
    ],
)
def test_the_bridge_text_keeps_the_spelling_of_the_model(text, middle):
    assert read_word(text) == middle


@pytest.mark.parametrize(
    ("code", "text", "letter"),
    [
        ("en", " B", "B"),
        ("de", " Die richtige Antwort ist (C).", "C"),
        ("fr", " La réponse est : D", "D"),
        ("it", " **A**", "A"),
        ("pt", " a resposta correta é B.", "B"),
        ("es", " Respuesta: «C»", "C"),
        ("zh", "答案是Ｂ。", "B"),
        ("ja", "「Ｃ」です", "C"),
        ("ar", "الإجابة هي D، لأن", "D"),
        ("he", "\u200fהתשובה: A", "A"),
        ("id", " Jawabannya adalah B, bukan C", "B"),
        ("tl", " Ang sagot ay C.", "C"),
        ("fi", " D) kylmä", "D"),
        ("hu", " A. hideg", "A"),
        ("sw", " Jibu ni B", "B"),
        ("none", " Berlin", ""),
        ("none", " Because it is cold", ""),
        ("none", "", ""),
        ("none", "\nB", ""),
    ],
)
def test_the_first_letter_that_stands_alone(code, text, letter):
    assert read_letter(text) == letter


@pytest.mark.parametrize(
    ("code", "text", "number"),
    [
        ("en", " 16 - 3 - 4 = 9, and 9 * 2 = $18.", "18"),
        ("de", " Das sind 70.000 Euro.", "70000"),
        ("fr", " Il gagne 70\u202f000 dollars.", "70000"),
        ("it", " Sono 1.234.567,50 euro", "1234567.5"),
        ("pt", " 3,5 horas", "3.5"),
        ("es", " La respuesta es 2,125", "2125"),
        ("zh", "答案是１８元。", "18"),
        ("ja", "答えは18です。", "18"),
        ("ar", "الجواب ٧٠٬٠٠٠ دولار", "70000"),
        ("ar", "٣٫٥", "3.5"),
        ("he", "התשובה היא 18.", "18"),
        ("id", " Rp18.000", "18000"),
        ("tl", " 18.00", "18"),
        ("fi", " 5 600 kaloria", "5600"),
        ("hu", " 70'000", "70000"),
        ("sw", " Ni 007", "7"),
        ("none", " twelve", ""),
        ("none", "", ""),
        ("none", "\n18", ""),
    ],
)
def test_the_last_number_in_plain_digits(code, text, number):
    assert read_number(text) == number


def test_the_answers_of_mgsm_read_as_themselves(shared_data):
    for answer in bx.mgsm(["en"], shared_data).answer:
        assert int(read_number(answer)) == int(answer.replace(",", ""))


@pytest.mark.parametrize(
    ("code", "text", "sentence"),
    [
        ("en", '"The sun is hot."', "The sun is hot."),
        ("de", "„Die Sonne ist heiß.“", "Die Sonne ist heiß."),
        ("fr", "« Le soleil est chaud. »", "Le soleil est chaud."),
        ("it", '"Il sole è caldo', "Il sole è caldo"),
        ("pt", "“O sol está quente.”", "O sol está quente."),
        ("es", "«El sol, dijo, quema».", "«El sol, dijo, quema»."),
        ("zh", "“太阳，很热。”", "太阳，很热。"),
        ("ja", "「太陽は熱い。」", "太陽は熱い。"),
        ("ar", '"الشمس حارة، جداً"', "الشمس حارة، جداً"),
        ("he", '"השמש חמה"→English:"The sun', "השמש חמה"),
        ("id", "Matahari panas.", "Matahari panas."),
        ("tl", '"Mainit ang araw."\nEnglish:"x"', "Mainit ang araw."),
        ("fi", '"Hän sanoi: "aurinko", ja lähti."', 'Hän sanoi: "aurinko", ja lähti.'),
        ("hu", "„Forró” a nap", "„Forró” a nap"),
        ("sw", ' "Jua ni kali (sana)." ', "Jua ni kali (sana)."),
        ("none", "", ""),
        ("none", '"', ""),
        ("none", '"→English:"x"', ""),
    ],
)
def test_a_text_without_its_quotes(code, text, sentence):
    assert read_text(text) == sentence


def test_a_letter_is_one_of_the_first_line_an_option_any_word_of_any_line():
    text = "Let me think.\nyes, (A)"
    assert (read_letter(text), read_option([text])) == ("", ["A"])
    assert read_option([text, "no and yes", "maybe"], ("yes", "no")) == ["yes", "no", None]
