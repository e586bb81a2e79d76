"""The language of a text: on sentences that none of us wrote, and on single words."""

import sys

import pytest

import bridgex_nb as bx

CODES = list(bx.LANGUAGES)


def flores(shared_data, number):
    folder = shared_data / "flores200" / "devtest"
    texts = {c: (folder / f"{bx.language(c).flores}.devtest").read_text("utf-8").splitlines()[:number] for c in CODES}
    return [text for some in texts.values() for text in some], [code for code in CODES for _ in range(number)]


def right(found, gold):
    """Language -> the share of its texts that are told right."""
    return {code: sum(a == b for a, b in zip(found, gold, strict=True) if b == code) / gold.count(code) for code in CODES}


def test_sentences_of_a_corpus(shared_data):
    texts, gold = flores(shared_data, 100)
    shares = right(bx.output_language(texts), gold)
    assert min(shares.values()) > 0.8
    assert sum(shares.values()) / len(shares) > 0.95


def test_sentences_of_a_corpus_by_lingua(shared_data):
    pytest.importorskip("lingua")
    texts, gold = flores(shared_data, 10)
    assert min(right(bx.output_language(texts, method="lingua"), gold).values()) > 0.85
    assert bx.output_language(["123", ""], method="lingua") == [None, None]


def test_words_are_never_told_wrong():
    # Every word of the lexicon is in the vocabulary of its own language: a wrong answer could only be another one's alone.
    words = {code: [text.split('"')[1] for text in some] for code, some in bx.core_words().items()}
    for code, some in words.items():
        found = bx.output_language(some)
        assert set(found) <= {code, None}
        assert found.count(code) / len(found) > 0.55


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


def test_fewer_candidates_make_a_choice():
    assert bx.output_language(["no"]) == [None]
    assert bx.output_language(["火", "fire"], ["ja", "en"]) == ["ja", "en"]


def test_refusals(monkeypatch):
    for call, said in [
        (lambda: bx.output_language("fire"), "list of texts"),
        (lambda: bx.output_language(["fire"], ["en"]), "two languages"),
        (lambda: bx.output_language(["fire"], ["en", "xx"]), "unknown language 'xx'"),
        (lambda: bx.output_language(["fire"], method="guess"), "unknown method 'guess'; there are lexicon, lingua"),
    ]:
        with pytest.raises(bx.InputError, match=said):
            call()
    monkeypatch.setitem(sys.modules, "lingua", None)  # as where it is not installed
    with pytest.raises(bx.InputError, match="pip install lingua-language-detector"):
        bx.output_language(["fire"], method="lingua")
