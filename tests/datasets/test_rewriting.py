"""Romanised and shuffled texts, over the sentences of the 15 languages."""

import unicodedata
from collections import Counter

import pytest

import bridgex_nb as bx

SENTENCES = bx.core_sentences()


def test_known_romanisations():
    # Pinyin and Cyrillic as the standards have them (without tones); cased scripts keep their case.
    assert bx.romanised(["北京", "Москва", "Ünnepély", "カタカナ"]) == ["beijing", "Moskva", "Unnepely", "katakana"]


@pytest.mark.parametrize("code", list(SENTENCES))
def test_every_sentence_becomes_latin_letters(code):
    texts = SENTENCES[code]
    done = bx.romanised(texts)
    assert all(text.isascii() and any(char.isalpha() for char in text) for text in done)
    assert len(set(done)) == len(set(texts))
    assert bx.romanised(done) == done
    if bx.language(code).script == "Latin":
        plain = ["".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)) for text in texts]
        assert [a for a, b in zip(plain, done, strict=True) if a.isascii() and a != b] == []
        assert sum(a.isascii() for a in plain) > len(plain) / 2
    else:
        assert all(text == text.lower() for text in done)


@pytest.mark.parametrize("code", list(SENTENCES))
def test_shuffling_keeps_what_is_there_and_moves_it(code):
    texts = SENTENCES[code]
    done = bx.shuffled(texts, seed=3)
    for before, after in zip(texts, done, strict=True):
        assert Counter(before) == Counter(after)
        assert [c.isspace() for c in before].count(True) == [c.isspace() for c in after].count(True)
        assert not before[-1].isalnum()
        assert before[-1] == after[-1]
        if bx.language(code).script not in ("Han", "Japanese"):
            assert Counter(before[:-1].split()) == Counter(after[:-1].split())
    assert sum(a != b for a, b in zip(texts, done, strict=True)) > 0.8 * len(texts)
    assert bx.shuffled(texts[5:], seed=3) == done[5:]
    assert bx.shuffled(texts, seed=4) != done


def test_parallel_sentences_get_orders_of_their_own():
    texts = [" ".join(word + str(i) for i in range(8)) for word in "abcdefgh"]
    orders = {tuple(word[1:] for word in text.split()) for text in bx.shuffled(texts)}
    assert len(orders) == len(texts)


def test_every_order_is_as_likely():
    counts = Counter(bx.shuffled(["a b c"], seed=seed)[0] for seed in range(1200))
    assert len(counts) == 6
    assert min(counts.values()) > 140  # 200 are expected; this few are less likely than one in a million


def test_scripts_without_spaces_are_cut_into_characters_with_their_marks():
    (thai,) = bx.shuffled(["ที่นี่"], seed=1)
    assert set(thai.replace("ที่", "|").replace("นี่", "|")) == {"|"}
    (mixed,) = bx.shuffled([" GPT 手机很好"], seed=1)
    assert mixed[0] == " "
    assert "GPT" in mixed
    assert mixed.count(" ") == 2


def test_bad_texts_are_refused():
    for rewrite in (bx.romanised, bx.shuffled):
        with pytest.raises(bx.InputError, match="not one string"):
            rewrite("Jua ni kali.")
    with pytest.raises(bx.InputError, match="nothing of"):
        bx.romanised(["fine", "\ue000"])


def test_same_script():
    matrix = bx.same_script(["zh", "ja", "sw", "fi", "hi", "ru", "uk"])
    assert matrix.loc["ru"].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert matrix.loc["zh"].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert matrix.loc["sw", "fi"] == 1
    assert matrix.equals(matrix.T)
    with pytest.raises(bx.InputError, match="unknown language"):
        bx.same_script(["xx_none"])
