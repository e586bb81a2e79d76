"""What a window changes, against rankings computed window by window."""

import numpy as np
import pytest

import bridgex_nb as bx

BRIDGES = ["en", "fr", "es", "sw"]
PAIRS = [("sw", "tl"), ("zh", "ja"), ("fi", "he")]
WINDOW = (0, 0.5)


def words(src, tgt):
    return bx.core_lexicon(src, tgt).sample(40)


@pytest.fixture(scope="module")
def evidence(mini):
    sentences = {code: texts[:40] for code, texts in bx.core_sentences().items()}
    return bx.Evidence(mini, bx.count_active(mini, sentences), 0.05, sentences, words, words="all")


@pytest.fixture(scope="module")
def table(evidence):
    return bx.window_effect(evidence, WINDOW, PAIRS, BRIDGES, resamples=40, seed=2)


def test_every_row_is_two_rankings(evidence, table):
    assert list(zip(table.src, table.tgt, strict=True)) == PAIRS
    for row in table[table.best.notna()].itertuples():
        probe = evidence.probe(row.src, row.tgt)
        before = bx.rank_bridges(probe, evidence.sets, BRIDGES, redraws=evidence.redraws, resamples=40, seed=2)
        after = bx.rank_bridges(probe, evidence.sets, BRIDGES, window=WINDOW, resamples=0)
        assert (row.best, row.best_chosen) == (before.best, after.best)
        assert row.changed == (before.best != after.best)
        tied = before.table.bridge[before.table.tied].tolist()
        assert row.separated == (row.changed and row.best_chosen not in tied)
        scores = [ranking.table.set_index("bridge").score for ranking in (before, after)]
        assert row.rho == pytest.approx(scores[0].rank().corr(scores[1].rank()))
        firsts = []
        for start in range(4):  # of six layers, as many as the window has
            options = {"window": (start / 6, (start + 3) / 6), "resamples": 0}
            firsts.append(bx.rank_bridges(probe, evidence.sets, BRIDGES, **options).best)
        assert row.others_changed == np.mean([first != before.best for first in firsts])


def test_pairs_with_too_few_neurons_are_not_ranked(evidence, table):
    assert 0 < table.best.isna().sum() < len(table)
    few = (table.shared < 10) | (table.shared_chosen < 10)
    assert table.best.isna().tolist() == few.tolist()
    assert table[few][["best_chosen", "changed", "separated", "rho", "others_changed"]].isna().all(axis=None)
    for row in table.itertuples():
        shared = bx.shared_neurons(evidence.sets, row.src, row.tgt, probe=evidence.probe(row.src, row.tgt)).sum(dim=1)
        assert (row.shared, row.shared_chosen) == (int(shared[2:5].sum()), int(shared[:3].sum()))


def test_the_card(table):
    card = table.attrs["card"]
    assert card["function"] == "window_effect"
    assert card["options"]["window"] == list(WINDOW)
    assert card["data"]["texts"] == {"sw-tl": 40, "zh-ja": 40, "fi-he": 40}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": (0.1, 0.11)}, "no layer of 6 lies between"),
        ({"resamples": 0}, "resamples=0"),
        ({"pairs": [("sw", "sw")]}, "both 'sw'"),
        ({"bridges": ["tl", "sw"]}, "name at least one other"),
        ({"bridges": ["hi"]}, "no counts of hi"),
    ],
)
def test_what_cannot_be_ranked_is_refused(evidence, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.window_effect(evidence, **{"window": WINDOW, "pairs": PAIRS, "bridges": BRIDGES} | options)
