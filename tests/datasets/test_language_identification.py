"""Language identification of sentences from a public corpus and of single words."""

import sys

import pytest

import bridgex_nb as bx

CODES = list(bx.LANGUAGES)


def flores(shared_data, number):
    folder = shared_data / "flores200" / "devtest"
    texts = [
        text
        for code in CODES
        for text in (folder / f"{bx.language(code).flores}.devtest").read_text("utf-8").splitlines()[:number]
    ]
    return texts, [code for code in CODES for _ in range(number)]


def accuracy(predicted, gold):
    """Language -> the share of its texts that are identified correctly."""
    return {code: sum(p == g for p, g in zip(predicted, gold, strict=True) if g == code) / gold.count(code) for code in CODES}


def test_sentences_of_a_corpus(shared_data):
    texts, gold = flores(shared_data, 100)
    shares = accuracy(bx.output_language(texts), gold)
    assert min(shares.values()) > 0.8
    assert sum(shares.values()) / len(shares) > 0.95


def test_sentences_of_a_corpus_by_lingua(shared_data):
    pytest.importorskip("lingua")
    texts, gold = flores(shared_data, 10)
    assert min(accuracy(bx.output_language(texts, method="lingua"), gold).values()) > 0.85
    assert bx.output_language(["123", ""], method="lingua") == [None, None]


def test_words_are_never_assigned_to_a_wrong_language():
    # Every word of the lexicon is in the vocabulary of its own language, so no other language can have more of it.
    for code, texts in bx.core_words().items():
        predicted = bx.output_language([text.split('"')[1] for text in texts])
        assert set(predicted) <= {code, None}
        assert predicted.count(code) / len(predicted) > 0.55


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("火が", "ja"),  # a kana decides
        ("カタカナ", "ja"),
        ("אֵשׁ", "he"),
        ("نار", "ar"),
        ('"apoy"', "tl"),
        ("FIRE AND WATER", "en"),
        ("the fire и", "en"),
        ("", None),
        ("123 !?", None),
        ("огонь", None),
        ("xqzv", None),
    ],
)
def test_single_texts(text, code):
    assert bx.output_language([text]) == [code]


def test_fewer_languages_can_decide():
    assert bx.output_language(["no"]) == [None]
    assert bx.output_language(["火", "fire"], ["ja", "en"]) == ["ja", "en"]


def test_refusals(monkeypatch):
    for call, message in [
        (lambda: bx.output_language("fire"), "list of texts"),
        (lambda: bx.output_language(["fire"], ["en"]), "two languages"),
        (lambda: bx.output_language(["fire"], ["en", "xx"]), "unknown language 'xx'"),
        (lambda: bx.output_language(["fire"], method="guess"), "unknown method 'guess'; choose from lexicon, lingua"),
    ]:
        with pytest.raises(bx.InputError, match=message):
            call()
    monkeypatch.setitem(sys.modules, "lingua", None)  # as if it were not installed
    with pytest.raises(bx.InputError, match="pip install lingua-language-detector"):
        bx.output_language(["fire"], method="lingua")
