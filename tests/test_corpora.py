"""The core sentences."""

import re
import unicodedata

import pytest

import bridgex_nb as bx
from bridgex_nb.lexicon import core_table

CODES = list(bx.LANGUAGES)

# Words of grammar, which a lexicon of concepts does not hold.
FUNCTION_WORDS = """
    a all an and are as at be because before but by can cannot did do does every for from had has have he her his how i in is
    it its me my near never next no nobody not of on or our out over please she so than that the their there these they this
    to too under very was we were what when where which who why will with without you your
"""


def stems(token):
    """The token and what is left of it without an English ending."""
    yield token
    for ending in ("'s", "s", "es", "d", "ed", "ing", "er", "est"):
        if token.endswith(ending):
            yield token.removesuffix(ending)


def test_every_language_has_the_same_number_of_sentences():
    texts = bx.core_sentences()
    assert list(texts) == CODES
    assert len({len(sentences) for sentences in texts.values()}) == 1
    assert len(texts["en"]) >= 100


@pytest.mark.parametrize("code", CODES)
class TestLanguage:
    def test_no_sentence_is_empty_or_padded(self, code):
        assert [text for text in bx.core_sentences()[code] if not text or text != " ".join(text.split())] == []

    def test_no_sentence_stands_twice(self, code):
        assert len(set(bx.core_sentences()[code])) == len(bx.core_sentences()[code])

    def test_sentences_are_composed(self, code):
        assert [text for text in bx.core_sentences()[code] if not unicodedata.is_normalized("NFC", text)] == []

    def test_sentences_are_written_in_the_language_s_own_script(self, code, in_script):
        assert [text for text in bx.core_sentences()[code] if not in_script(text, code)] == []

    def test_questions_stand_where_english_has_them(self, code):
        # A row that slipped would pair a statement with a question sooner or later.
        texts = bx.core_sentences()
        # Japanese may ask with か and a full stop.
        asks = [[text.endswith(("?", "？", "؟", "か。")) for text in texts[one]] for one in ("en", code)]
        assert asks[0] == asks[1]


def test_sentences_use_mostly_words_of_the_lexicon():
    # Measured: 75 %. Irregular forms (bought, feet, children) are among the rest, so the bound leaves room for a few more.
    known = {form for row in core_table() for form in row["en"].split("|")}
    tokens = [token for text in bx.core_sentences()["en"] for token in re.findall("[a-z']+", text.lower())]
    content = [token for token in tokens if token not in FUNCTION_WORDS.split()]
    covered = sum(any(stem in known for stem in stems(token)) for token in content) / len(content)
    assert len(content) > 400
    assert covered >= 0.70
    print(f"{covered:.1%} of {len(content)} content words are in the lexicon")
