"""Selectors side by side on the bundled model."""

import numpy as np
import pandas as pd
import pytest

import bridgex_nb as bx


@pytest.fixture(scope="module")
def small_study(mini):
    """Evidence and answers for two pairs, twenty words each, three bridges."""

    def few_words(src, tgt):
        lexicon = bx.core_lexicon(src, tgt)
        return lexicon.keep(list(lexicon.entries)[:20])

    items = bx.answers(mini, "bli", [few_words("zh", "he"), few_words("en", "sw")], [None, "en", "fr", "es"])
    return bx.Evidence(mini, bx.count_active(mini, bx.core_sentences()), lexicon=few_words), items


def test_leaderboard_of_the_bundled_model(small_study):
    evidence, items = small_study
    table = bx.leaderboard(evidence, items, ["hsic", "confidence_sum"], resamples=200)
    assert table.selector[0] == "oracle"
    assert set(table.selector) == {"oracle", "hsic", "confidence_sum", "english", "random"}
    assert table.regret.is_monotonic_increasing
    a = items[items.bridge != "zero-shot"].groupby(["src", "tgt", "bridge"]).score.mean()
    score = table.set_index("selector").score
    for name in ("hsic", "confidence_sum"):
        through, decided = [], 0
        for pair in (("zh", "he"), ("en", "sw")):
            scores = bx.select_bridges(evidence, *pair, ["en", "fr", "es"], [name])[name]
            first = scores.index[scores == scores.max()]
            through.append(a[pair][first].mean())
            decided += len(first) == 1
        assert score[name] == pytest.approx(np.mean(through))
        assert table.set_index("selector").decided[name] == decided
    # English cannot stand between English and Swahili: there, always-English is choosing at random.
    assert score["english"] == pytest.approx((a["zh", "he", "en"] + a["en", "sw"].mean()) / 2)
    assert score["random"] == pytest.approx((a["zh", "he"].mean() + a["en", "sw"].mean()) / 2)


def test_a_model_stands_for_its_evidence(mini, small_study):
    evidence, items = small_study
    names = ["overlap_jaccard", "typology"]
    pd.testing.assert_frame_equal(bx.leaderboard(mini, items, names), bx.leaderboard(evidence, items, names))


def test_the_card_holds_the_answers_and_the_options_of_the_evidence(mini, small_study):
    evidence, items = small_study
    card = bx.leaderboard(evidence, items, ["typology"], resamples=20, seed=2).attrs["card"]
    assert (card["function"], card["model"]) == ("leaderboard", mini.card["model"])
    assert card["options"] == {"selectors": ["typology", "english"], "resamples": 20, "seed": 2}
    assert card["inputs"]["items"]["data"] == items.attrs["card"]["data"]
    given = {"rate": evidence.rate, "exclude": None, "words": "known", "shots": 0, "seed": evidence.seed}
    assert card["inputs"]["evidence"]["options"] == given


def test_translations_have_a_leaderboard(mini, small_study, shared_data):
    evidence, _ = small_study
    sentences = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=3)
    items = bx.answers(mini, "translation", sentences, ["en", "fr"], max_new_tokens=8)
    table = bx.leaderboard(evidence, items, ["typology"], resamples=20).set_index("selector")
    assert table.score["english"] == pytest.approx(items[items.bridge == "en"].score.mean())


def test_a_model_is_asked_behind_as_many_examples_as_the_items(mini):
    words = bx.core_lexicon("sw", "tl").sample(12)
    items = bx.answers(mini, "bli", words, ["en", "fr"], shots=2, shots_for="hops")
    board = bx.leaderboard(mini, items, ["english"], resamples=20)
    assert board.attrs["card"]["inputs"]["evidence"]["options"]["shots"] == 2
