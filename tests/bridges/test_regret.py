"""Bridges against zero-shot, and selectors by their regret, each against an independent computation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import bridgex_nb as bx


def rows(src, tgt, **right):
    """Rows as `answers` gives them; right: bridge -> what is right, one truth value an item ("zero" is zero-shot)."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "src": src,
                    "tgt": tgt,
                    "bridge": {"zero": "zero-shot"}.get(bridge, bridge),
                    "word": [f"word {i}" for i in range(len(values))],
                    "correct": np.array(values, dtype=bool),
                }
            )
            for bridge, values in right.items()
        ],
        ignore_index=True,
    )


def drawn(rng, accuracies, n):
    """Answers with given accuracies, where what is hard through one bridge is hard through all."""
    hard = rng.normal(size=(n, 1)) * 0.6**0.5 + rng.normal(size=(n, len(accuracies))) * 0.4**0.5
    return hard < stats.norm.ppf(accuracies)


@pytest.fixture(scope="module")
def items():
    """Three pairs of 300 items: three bridges, two, and one that changes nothing."""
    rng = np.random.default_rng(1)
    one, two = drawn(rng, [0.5, 0.6, 0.52, 0.45], 300), drawn(rng, [0.8, 0.78, 0.9], 300)
    same = rng.random(300) < 0.3
    return pd.concat(
        [
            rows("sw", "tl", zero=one[:, 0], en=one[:, 1], fr=one[:, 2], es=one[:, 3]),
            rows("ar", "he", zero=two[:, 0], en=two[:, 1], fr=two[:, 2]),
            rows("id", "sw", zero=same, en=same),
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def small_study(mini):
    """Evidence and answers for two pairs, twenty words each, three bridges."""

    def few_words(src, tgt):
        lexicon = bx.core_lexicon(src, tgt)
        return lexicon.keep(list(lexicon.entries)[:20])

    items = bx.answers(mini, "bli", [few_words("zh", "he"), few_words("en", "sw")], [None, "en", "fr", "es"])
    return bx.Evidence(mini, bx.count_active(mini, bx.core_sentences()), lexicon=few_words), items


def values(items, src, tgt, bridge):
    return items[(items.src == src) & (items.tgt == tgt) & (items.bridge == bridge)].correct.to_numpy(dtype=float)


# Bridges against zero-shot


def test_a_row_a_pair_and_bridge_with_its_accuracies(items):
    table = bx.compare(items)
    assert list(zip(table.src, table.tgt, table.bridge, strict=True)) == [
        ("sw", "tl", "en"),
        ("sw", "tl", "fr"),
        ("sw", "tl", "es"),
        ("ar", "he", "en"),
        ("ar", "he", "fr"),
        ("id", "sw", "en"),
    ]
    for row in table.itertuples():
        zero, bridged = values(items, row.src, row.tgt, "zero-shot"), values(items, row.src, row.tgt, row.bridge)
        assert (row.n, row.zero_shot, row.accuracy) == (300, pytest.approx(zero.mean()), pytest.approx(bridged.mean()))
        assert row.gain == pytest.approx(row.accuracy - row.zero_shot)
        assert (row.helped, row.harmed) == (((bridged == 1) & (zero == 0)).sum(), ((bridged == 0) & (zero == 1)).sum())


def test_mcnemar_is_the_exact_one(items):
    for row in bx.compare(items).itertuples():
        # A coin is thrown helped + harmed times; both tails that are at least as far out.
        expected = min(1.0, 2 * stats.binom.cdf(min(row.helped, row.harmed), row.helped + row.harmed, 0.5))
        assert row.p == pytest.approx(expected)


def test_holm_by_hand(items):
    table = bx.compare(items)
    corrected, highest = {}, 0.0
    for rank, index in enumerate(table.p.sort_values().index):
        highest = max(highest, min(1.0, (len(table) - rank) * table.p[index]))
        corrected[index] = highest
    assert table.p_holm.to_dict() == pytest.approx(corrected)


def test_a_bridge_that_changes_nothing(items):
    row = bx.compare(items).iloc[-1]
    assert (row.gain, row.low, row.high, row.helped, row.harmed, row.p, row.p_holm) == (0, 0, 0, 0, 0, 1, 1)


def test_intervals_are_those_of_scipy(items):
    for row in bx.compare(items[items.src != "id"], resamples=10_000).itertuples():
        difference = values(items, row.src, row.tgt, row.bridge) - values(items, row.src, row.tgt, "zero-shot")
        scipys = stats.bootstrap((difference,), np.mean, n_resamples=10_000, method="percentile", rng=0).confidence_interval
        assert (row.low, row.high) == (pytest.approx(scipys.low, abs=0.005), pytest.approx(scipys.high, abs=0.005))


@settings(max_examples=25, deadline=None)
@given(answers=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), seed=st.integers(0, 100))
def test_gain_counts_what_helped_less_what_harmed(answers, seed):
    zero, english = zip(*answers, strict=True)
    row = bx.compare(rows("sw", "tl", zero=zero, en=english), resamples=200, seed=seed).iloc[0]
    assert row.gain == pytest.approx((row.helped - row.harmed) / row.n)
    assert -1 <= row.low <= row.gain + 1e-9
    assert row.gain - 1e-9 <= row.high <= 1
    assert 0 < row.p <= row.p_holm <= 1


def test_the_order_of_the_rows_does_not_matter(items):
    columns = ["src", "tgt", "bridge", "gain", "p", "p_holm"]
    tables = [bx.compare(one)[columns].sort_values(columns[:3]) for one in (items, items.sample(frac=1, random_state=0))]
    pd.testing.assert_frame_equal(*[one.reset_index(drop=True) for one in tables])


def test_a_comparison_needs_both_sides(items):
    with pytest.raises(bx.InputError, match="sw-tl: there are no zero-shot answers"):
        bx.compare(items[items.bridge != "zero-shot"])
    with pytest.raises(bx.InputError, match="sw-tl: there is nothing but zero-shot"):
        bx.compare(items[items.bridge == "zero-shot"])


@pytest.mark.parametrize("measure", [bx.compare, lambda items: bx.regret(items, {})], ids=["compare", "regret"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(index=t.index[t.bridge == "fr"][:2]), "sw-tl: fr lacks 2 of the pair's 300 items"),
        (lambda t: pd.concat([t, t.iloc[[3]]]), "sw-tl: 'word 3' through zero-shot stands twice"),
        (lambda t: t.drop(columns="correct"), "correct missing"),
        (lambda t: t.iloc[:0], "every row missing"),
    ],
)
def test_incomplete_answers_are_refused(items, measure, change, message):
    with pytest.raises(bx.InputError, match=message):
        measure(change(items))


def test_items_that_are_no_words(items, small_study):
    """Tasks other than word translation call them item and bridge_text."""
    other = {"word": "item", "bridge_word": "bridge_text"}
    pd.testing.assert_frame_equal(bx.compare(items.rename(columns=other)), bx.compare(items))
    renamed = bx.side_by_side(small_study[1].rename(columns=other))
    pd.testing.assert_frame_equal(
        renamed.rename(columns={there: here for here, there in other.items()}), bx.side_by_side(small_study[1])
    )


def test_answers_side_by_side(small_study):
    _, items = small_study
    table = bx.side_by_side(items)
    assert len(table) == 40
    assert table["word"].tolist() == items.drop_duplicates(["src", "tgt", "word"]).word.tolist()
    for row in items.itertuples():
        there = table[(table["src"] == row.src) & (table["tgt"] == row.tgt) & (table["word"] == row.word)].iloc[0]
        assert there["gold", ""] == row.gold
        assert there[row.bridge, "answer"] == ("✓ " if row.correct else "✗ ") + row.answer
        if row.bridge != "zero-shot":
            assert there[row.bridge, "bridge_word"] == row.bridge_word
    assert ("zero-shot", "bridge_word") not in table
    # English cannot stand between English and Swahili.
    assert table.loc[table["src"] == "en", "en"].isna().all(axis=None)


# Selectors


@pytest.fixture(scope="module")
def scores():
    return {
        ("sw", "tl"): pd.DataFrame(
            {"english": [1, 0, 0], "wrong": [0.1, 0.2, 0.9], "undecided": [2, 2, 1]}, index=["en", "fr", "es"]
        ),
        ("ar", "he"): pd.DataFrame({"english": [1, 0], "wrong": [0.5, 0.4], "undecided": [7, 7]}, index=["en", "fr"]),
        ("id", "sw"): pd.DataFrame({"english": [1], "wrong": [0], "undecided": [3]}, index=["en"]),
    }


def test_accuracy_lead_and_hits_of_the_chosen_bridges(items, scores):
    a = items.groupby(["src", "tgt", "bridge"]).correct.mean()
    table = bx.regret(items, scores).set_index("selector")
    assert list(table.index) == ["english", "wrong", "undecided", "oracle"]
    english = [a["sw", "tl", "en"], a["ar", "he", "en"], a["id", "sw", "en"]]
    wrong = [a["sw", "tl", "es"], a["ar", "he", "en"], a["id", "sw", "en"]]
    undecided = [a["sw", "tl"][["en", "fr"]].mean(), a["ar", "he"].drop("zero-shot").mean(), a["id", "sw", "en"]]
    expected = {"english": np.mean(english), "wrong": np.mean(wrong), "undecided": np.mean(undecided)}
    assert table.accuracy.drop("oracle").to_dict() == pytest.approx(expected)
    assert table.lead.to_dict() == pytest.approx((table.accuracy - expected["english"]).to_dict())
    assert table.regret.to_dict() == pytest.approx((table.accuracy["oracle"] - table.accuracy).clip(lower=0).to_dict())
    # The best: English for Swahili-Tagalog, French for Arabic-Hebrew; the only one for Indonesian-Swahili. A tie is half a hit.
    assert table.hits.to_dict() == {"english": 2, "wrong": 1, "undecided": 2, "oracle": 3}


def test_rank_correlations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    accuracies = {pair: rng.uniform(0.3, 0.9, 6) for pair in bx.PAIRS[1:5]}
    some = pd.concat(
        [rows(*pair, **dict(zip(bx.BRIDGES, drawn(rng, a, 200).T, strict=True))) for pair, a in accuracies.items()]
    )
    scored = {
        pair: pd.DataFrame({"english": a + rng.normal(0, 0.2, 6), "flat": 0.0}, index=bx.BRIDGES)
        for pair, a in accuracies.items()
    }
    measured = {pair: [values(some, *pair, bridge).mean() for bridge in bx.BRIDGES] for pair in accuracies}
    within = [stats.spearmanr(scored[pair].english, measured[pair]).statistic for pair in accuracies]
    pooled = stats.spearmanr(
        np.concatenate([scored[pair].english for pair in accuracies]), np.concatenate(list(measured.values()))
    )
    table = bx.regret(some, scored, resamples=10).set_index("selector")
    assert table.spearman["english"] == pytest.approx(np.mean(within))
    assert table.spearman_pooled["english"] == pytest.approx(pooled.statistic)
    assert table.loc["flat", ["spearman", "spearman_pooled"]].isna().all()
    assert tuple(table.loc["oracle", ["spearman", "spearman_pooled"]]) == (1, 1)


def test_without_noise_regret_is_the_plain_difference():
    """All items of a pair are answered alike: drawing them again changes nothing, only pairs are drawn."""
    pairs = bx.PAIRS[1:9]
    some = pd.concat([rows(*pair, en=[i < 4] * 20, fr=[True] * 20) for i, pair in enumerate(pairs)])
    scored = {pair: pd.DataFrame({"english": [1, 0], "even": [0, 0], "other": [0, 1]}, index=["en", "fr"]) for pair in pairs}
    table = bx.regret(some, scored, resamples=20_000).set_index("selector")
    assert table.regret.to_dict() == {"english": 0.5, "even": 0.25, "other": 0, "oracle": 0}
    assert (table.lead["other"], table.low["other"], table.high["other"]) == (0.5, 0, 0)
    # How many of eight drawn pairs are among the four where English is always wrong is binomial.
    low, high = stats.binom.ppf([0.025, 0.975], 8, 0.5) / 8
    assert tuple(table.loc["english", ["low", "high"]]) == (low, high)
    assert tuple(table.loc["other", ["lead_low", "lead_high"]]) == (low, high)


def test_regret_and_lead_over_many_studies():
    """With known accuracies: most of the bias of the highest of several is taken off, and intervals hold the truth."""
    rng = np.random.default_rng(0)
    pairs, bridges, studies = bx.PAIRS[1:11], ["de", "en", "fr", "it"], 60
    scored = pd.DataFrame({"english": [0, 1, 0, 0], "french": [0, 0, 1, 0]}, index=bridges)
    naive, corrected, held = [], [], {"regret": 0, "lead": 0}
    # The population of pairs: accuracies scatter by 0.04, English lies 0.03 higher on average.
    population = rng.normal([0.5, 0.53, 0.5, 0.5], 0.04, size=(100_000, 4))
    regret = (population.max(axis=1) - population[:, 1]).mean()
    for seed in range(studies):
        truth = population[rng.integers(len(population), size=len(pairs))]
        answers = [drawn(rng, one, 200) for one in truth]
        some = pd.concat([rows(*pair, **dict(zip(bridges, a.T, strict=True))) for pair, a in zip(pairs, answers, strict=True)])
        english, french, _ = bx.regret(some, dict.fromkeys(pairs, scored), resamples=200, seed=seed).itertuples()
        plain = np.array([a.mean(axis=0) for a in answers])
        of_these = (truth.max(axis=1) - truth[:, 1]).mean()
        naive.append((plain.max(axis=1) - plain[:, 1]).mean() - of_these)
        corrected.append(english.regret - of_these)
        held["regret"] += english.low <= regret <= english.high
        held["lead"] += french.lead_low <= -0.03 <= french.lead_high
    assert np.mean(naive) > 0.003
    assert abs(np.mean(corrected)) < 0.5 * np.mean(naive)
    assert held["regret"] >= 0.85 * studies
    assert held["lead"] >= 0.85 * studies


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {pair: one for pair, one in s.items() if pair != ("ar", "he")}, "no scores for ar-he"),
        (lambda s: s | {("ar", "he"): s["sw", "tl"]}, "ar-he has scores of en, fr, es, and answers through en, fr"),
        (lambda s: s | {("ar", "he"): s["ar", "he"].assign(english=np.nan)}, "ar-he: english has no score"),
        (
            lambda s: s | {("ar", "he"): s["ar", "he"][["english"]]},
            "ar-he has scores of english, the first pair of english, wrong",
        ),
        (lambda s: {pair: one.drop(columns="english") for pair, one in s.items()}, "baseline 'english' is not among .*wrong"),
    ],
)
def test_scores_that_do_not_fit_the_answers_are_refused(items, scores, change, message):
    with pytest.raises(bx.InputError, match=message):
        bx.regret(items, change(scores))


# The leaderboard


def test_leaderboard_of_the_bundled_model(small_study):
    evidence, items = small_study
    table = bx.leaderboard(evidence, items, ["hsic", "confidence_sum"], resamples=200)
    assert table.selector[0] == "oracle"
    assert set(table.selector) == {"oracle", "hsic", "confidence_sum", "english", "random"}
    assert table.regret.is_monotonic_increasing
    a = items[items.bridge != "zero-shot"].groupby(["src", "tgt", "bridge"]).correct.mean()
    accuracy = table.set_index("selector").accuracy
    for name in ("hsic", "confidence_sum"):
        zh_he, en_sw = (
            bx.select_bridges(evidence, *pair, ["en", "fr", "es"], [name])[name].idxmax()
            for pair in (("zh", "he"), ("en", "sw"))
        )
        assert accuracy[name] == pytest.approx((a["zh", "he", zh_he] + a["en", "sw", en_sw]) / 2)
    # English cannot stand between English and Swahili: there, always-English is choosing at random.
    assert accuracy["english"] == pytest.approx((a["zh", "he", "en"] + a["en", "sw"].mean()) / 2)
    assert accuracy["random"] == pytest.approx((a["zh", "he"].mean() + a["en", "sw"].mean()) / 2)


def test_a_model_stands_for_its_evidence(mini, small_study):
    evidence, items = small_study
    names = ["overlap_jaccard", "typology"]
    pd.testing.assert_frame_equal(bx.leaderboard(mini, items, names), bx.leaderboard(evidence, items, names))
