"""Accuracy, and chrF and BLEU of translations, against formulas and sacrebleu."""

import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sacrebleu.metrics import CHRF

import bridgex_nb as bx
from bridgex_nb.evaluation._metrics import chrf_counts, chrf_of_counts, sentence_chrf


def test_accuracy_has_wilson_intervals():
    items = pd.DataFrame({"src": "sw", "tgt": "tl", "bridge": "en", "correct": [True] * 45 + [False] * 5})
    row = bx.accuracy(items).iloc[0]
    # Wilson 1927, written out for z = 1.96.
    n, p, z = 50, 0.9, 1.959963984540054
    centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (row.n, row.correct, row.accuracy) == (50, 45, 0.9)
    assert row.low == pytest.approx((centre - spread) / (1 + z * z / n))
    assert row.high == pytest.approx((centre + spread) / (1 + z * z / n))


def test_each_score_refuses_the_answers_of_the_other(mini, shared_data):
    sentences = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=2)
    translations = bx.answers(mini, "translation", sentences, max_new_tokens=4)
    with pytest.raises(bx.InputError, match="2 answers are neither right nor wrong; translation_scores"):
        bx.accuracy(translations)
    words = bx.answers(mini, "bli", bx.core_lexicon("sw", "tl").keep(["moto"]))
    with pytest.raises(bx.InputError, match=r"right or wrong.*accuracy scores them"):
        bx.translation_scores(words)
    with pytest.raises(bx.InputError, match="not rows of `answers`: no column domain"):
        bx.accuracy(words, by=["domain"])


def chrf_by_formula(output: str, gold: str) -> float:
    """chrF2 as in Popović 2015: F of mean precision and recall over the orders of character n-grams, spaces left out."""
    precisions, recalls = [], []
    for order in range(1, 7):
        grams = [
            Counter(text[i : i + order] for i in range(len(text) - order + 1))
            for text in (output.replace(" ", ""), gold.replace(" ", ""))
        ]
        if all(grams):
            both = (grams[0] & grams[1]).total()
            precisions.append(both / grams[0].total())
            recalls.append(both / grams[1].total())
    precision, recall = math.fsum(precisions) / len(precisions), math.fsum(recalls) / len(recalls)
    return 100 * 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


def test_chrf_is_the_published_formula(shared_data):
    items = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=20)
    for text, gold in zip(items.text, items.translated, strict=True):
        assert sentence_chrf(text, gold) == pytest.approx(chrf_by_formula(text, gold), abs=1e-6)


@pytest.mark.parametrize("tgt", ["tl", "zh", "ja", "ar", "he"])
def test_our_counts_give_sacrebleus_score_to_the_last_digit(tgt, shared_data):
    items = bx.task_items("translation", "sw", tgt, folder=shared_data, limit=60)
    golds = items.translated.tolist()
    # Real sentences against others of their language, half of themselves, nothing, and golds shorter than six characters.
    outputs = [golds[i - 1] if i % 3 else gold[: len(gold) // 2] for i, gold in enumerate(golds)]
    outputs[:4], golds[:5] = ["", "x", golds[2], "a b"], [golds[0], "xy", "x", "a", ""]
    counts = np.array([chrf_counts(output, gold) for output, gold in zip(outputs, golds, strict=True)])
    rng = np.random.default_rng(0)
    for drawn in (np.arange(60), *rng.integers(60, size=(5, 60)), np.array([0]), np.array([4])):
        expected = CHRF().corpus_score([outputs[i] for i in drawn], [[golds[i] for i in drawn]]).score
        assert chrf_of_counts(counts[drawn].sum(axis=0)) == expected
    for output, gold, count in zip(outputs, golds, counts, strict=True):
        assert chrf_of_counts(count) == CHRF().sentence_score(output, [gold]).score


def test_translation_scores_have_intervals_and_signatures(shared_data):
    items = bx.task_items("translation", "en", "de", folder=shared_data, limit=40)
    half = [" ".join(text.split()[: len(text.split()) // 2]) for text in items.translated]
    table = items.assign(answer=half, gold=items.translated, bridge="zero-shot")
    (row,) = bx.translation_scores(table).itertuples()
    assert row.low < row.chrf < row.high
    assert row.chrf == CHRF().corpus_score(half, [table.gold.tolist()]).score
    # sacrebleu's own bootstrap, mean ± half the width, with its own draws.
    score = CHRF().corpus_score(half, [table.gold.tolist()], n_bootstrap=2000)
    half_width = json.loads(score.format(is_json=True, signature="a:b"))["confidence_var"]
    assert (row.high - row.low) / 2 == pytest.approx(half_width, rel=0.15)
    # Some draws without a character right.
    poor = bx.translation_scores(table.assign(answer=["", *["q"] * 38, "die"]))
    assert poor.low[0] == 0 < poor.chrf[0] < poor.high[0]
    perfect = bx.translation_scores(table.assign(answer=table.gold))
    assert perfect.chrf[0] == pytest.approx(100)
    assert perfect.bleu[0] == pytest.approx(100)
    signature = perfect.attrs["card"]["options"]["metrics"]["bleu de"]
    assert "tok:13a" in signature
    assert "version:" in signature


def test_answers_scored_by_how_likely_the_gold_is(mini):
    items = bx.answers(mini, "bli", bx.core_lexicon("sw", "tl").sample(20), [None, "en"], gold_logprobs=True)
    likelier = bx.compare(bx.by_gold_logprob(items))
    wide = items.pivot(index="item", columns="bridge", values="gold_logprob")
    assert likelier.gain[0] == pytest.approx((wide["en"] - wide["zero-shot"]).mean())
    assert likelier.attrs["card"]["options"]["test"] == "sign-flip permutation"
    assert bx.by_gold_logprob(items).attrs["card"]["options"] == items.attrs["card"]["options"] | {"score": "gold_logprob"}
    assert bx.headroom(bx.by_gold_logprob(items)).attrs["card"] != bx.headroom(items).attrs["card"]
    assert items.score.isin([0, 1]).all()  # the rows that were given stay as they are
    with pytest.raises(bx.InputError, match="no gold_logprob"):
        bx.by_gold_logprob(items.drop(columns="gold_logprob"))
