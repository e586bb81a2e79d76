"""Alignment by spelling, counted by hand and on real words."""

import numpy as np
import pytest

import bridgex_nb as bx

WORDS = {code: texts[:100] for code, texts in bx.core_words().items()}


def test_score_by_hand():
    texts = {"en": ["hand", "water", "sun"], "de": ["Hand", "Wasser", "Sonne"]}

    def grams(text):
        padded = f" {text.lower()} "
        return [padded[i : i + 3] for i in range(len(padded) - 2)]

    def cosine(a, b):
        keys = sorted({*a, *b})
        x, y = (np.array([grams.count(key) for key in keys]) for grams in (a, b))
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    c = np.array([[cosine(grams(a), grams(b)) for b in texts["de"]] for a in texts["en"]])
    marks = [c[i, i] > max(np.delete(c[i], i).max(), np.delete(c[:, i], i).max()) for i in range(3)]
    table = bx.spelling_alignment(texts)
    assert table.score.tolist() == [np.mean(marks)]
    assert table.chance.tolist() == [1 / 5]


def test_languages_that_write_alike_align_and_others_do_not():
    table = bx.spelling_alignment(WORDS).set_index("language")
    assert (table.p_holm[["de", "fr", "it", "pt", "es"]] < 0.05).all()
    assert table.score[["zh", "ja", "ar", "he"]].eq(0).all()
    assert (table.p_holm[["zh", "ja", "ar", "he"]] == 1).all()
    card = table.attrs["card"]
    assert (card["function"], card["options"]) == ("spelling_alignment", {"pivot": "en"})
    assert bx.spelling_alignment({"en": WORDS["en"], "same": WORDS["en"]}).score[0] == 1


@pytest.mark.parametrize("texts", [{"en": ["a", "b"]}, {"de": ["a"], "sw": ["b"]}, {"en": ["a", "b"], "de": ["a"]}, {}])
def test_texts_that_cannot_be_paired_are_refused(texts):
    with pytest.raises(bx.InputError, match="alignment needs the pivot 'en'"):
        bx.spelling_alignment(texts)
