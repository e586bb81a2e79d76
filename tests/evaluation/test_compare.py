"""Bridges against zero-shot, each number against an independent computation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_answers import rows, three_pairs, translations, values
from scipy import stats

import bridgex_nb as bx

TABLES = {"right or wrong": three_pairs, "translation": translations}


@pytest.fixture(scope="module")
def items():
    return three_pairs()


def test_one_row_per_pair_and_bridge_with_its_scores(items):
    table = bx.compare(items)
    assert table.columns.tolist() == (
        ["src", "tgt", "bridge", "n", "zero_shot", "score", "gain", "low", "high", "helped", "harmed", "p", "p_holm"]
    )
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
        assert (row.n, row.zero_shot, row.score) == (300, pytest.approx(zero.mean()), pytest.approx(bridged.mean()))
        assert row.gain == pytest.approx(row.score - row.zero_shot)
        assert (row.helped, row.harmed) == (((bridged == 1) & (zero == 0)).sum(), ((bridged == 0) & (zero == 1)).sum())


def test_right_and_wrong_are_tested_by_mcnemar(items):
    for row in bx.compare(items).itertuples():
        # A coin is thrown helped + harmed times; both tails that are at least as far out.
        expected = min(1.0, 2 * stats.binom.cdf(min(row.helped, row.harmed), row.helped + row.harmed, 0.5))
        assert row.p == pytest.approx(expected)


def test_translations_are_tested_by_sign_flips():
    items = translations()
    for row in bx.compare(items).itertuples():
        zero, bridged = values(items, row.src, row.tgt, "zero-shot"), values(items, row.src, row.tgt, row.bridge)
        scipys = stats.permutation_test(
            (bridged, zero),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            n_resamples=100_000,
            vectorized=True,
            batch=2_000,
            rng=0,
        )
        assert row.p == pytest.approx(scipys.pvalue, abs=1e-12 if row.n == 8 else 0.015)
        assert (row.zero_shot, row.score) == (pytest.approx(zero.mean()), pytest.approx(bridged.mean()))
        assert (row.helped, row.harmed) == ((bridged > zero).sum(), (bridged < zero).sum())
    assert bx.compare(items).p[0] < 0.01 < bx.compare(items).p[1]


def test_translations_that_all_score_zero_are_not_right_or_wrong():
    items = rows("sw", "tl", zero=[0, 0, 0], en=[0, 0, 0]).assign(correct=pd.array([pd.NA] * 6, dtype="boolean"))
    assert bx.compare(items).attrs["card"]["options"]["test"] == "sign-flip permutation"


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


@pytest.mark.parametrize("kind", TABLES)
def test_intervals_are_those_of_scipy(kind):
    items = TABLES[kind]()
    for row in bx.compare(items[items.src != "id"], resamples=10_000).itertuples():
        difference = values(items, row.src, row.tgt, row.bridge) - values(items, row.src, row.tgt, "zero-shot")
        scipys = stats.bootstrap((difference,), np.mean, n_resamples=10_000, method="percentile", rng=0).confidence_interval
        assert (row.low, row.high) == (pytest.approx(scipys.low, abs=0.005), pytest.approx(scipys.high, abs=0.005))


@settings(max_examples=25, deadline=None)
@given(answers=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), seed=st.integers(0, 100))
def test_gain_is_what_helped_less_what_harmed(answers, seed):
    zero, english = zip(*answers, strict=True)
    row = bx.compare(rows("sw", "tl", zero=zero, en=english), resamples=200, seed=seed).iloc[0]
    assert row.gain == pytest.approx((row.helped - row.harmed) / row.n)
    assert -1 <= row.low <= row.gain + 1e-9
    assert row.gain - 1e-9 <= row.high <= 1
    assert 0 < row.p <= row.p_holm <= 1


@pytest.mark.parametrize("kind", TABLES)
def test_the_order_of_the_rows_does_not_matter(kind):
    items = TABLES[kind]()
    columns = ["src", "tgt", "bridge", "gain", "p", "p_holm"]
    tables = [bx.compare(table)[columns].sort_values(columns[:3]) for table in (items, items.sample(frac=1, random_state=0))]
    pd.testing.assert_frame_equal(*[table.reset_index(drop=True) for table in tables])


def test_a_comparison_needs_both_sides(items):
    with pytest.raises(bx.InputError, match="sw-tl: there are no zero-shot answers"):
        bx.compare(items[items.bridge != "zero-shot"])
    with pytest.raises(bx.InputError, match="sw-tl: there are only zero-shot answers"):
        bx.compare(items[items.bridge == "zero-shot"])


@pytest.mark.parametrize("measure", [bx.compare, lambda items: bx.regret(items, {})], ids=["compare", "regret"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(index=t.index[t.bridge == "fr"][:2]), "sw-tl: fr lacks 2 of the pair's 300 items"),
        (lambda t: pd.concat([t, t.iloc[[3]]]), "sw-tl: 'word 3' through zero-shot appears twice"),
        (lambda t: t.drop(columns="score"), "not rows of `answers`: no column score"),
        (lambda t: t.iloc[:0], "has no rows"),
    ],
)
def test_incomplete_answers_are_refused(items, measure, change, message):
    with pytest.raises(bx.InputError, match=message):
        measure(change(items))


def test_the_card_names_the_test_and_the_answers(items):
    items.attrs["card"] = {"function": "answers", "model": "bridgex-mini", "options": {"task": "bli"}}
    card = bx.compare(items, resamples=50, seed=3).attrs["card"]
    assert (card["function"], card["model"]) == ("compare", "bridgex-mini")
    assert card["options"] == {"resamples": 50, "seed": 3, "test": "McNemar, exact"}
    assert card["inputs"]["items"]["options"] == {"task": "bli"}
    assert bx.compare(translations()).attrs["card"]["options"]["test"] == "sign-flip permutation"


def test_rows_against_the_same_rows_of_another_table(items):
    """Fewer items, as behind examples; bridge by bridge, and zero-shot with zero-shot."""
    rng = np.random.default_rng(3)
    baseline = items.sample(frac=1, random_state=0)
    fewer = items[items["item"] != "word 7"]
    changed = fewer.assign(score=np.where(rng.random(len(fewer)) < 0.2, 1.0, fewer.score))
    table = bx.compare(changed, baseline)
    assert "zero_shot" not in table
    assert list(zip(table.src, table.bridge, strict=True))[:4] == [("sw", code) for code in ("zero-shot", "en", "fr", "es")]
    for row in table.itertuples():
        mine, other = (
            one[(one.src == row.src) & (one.bridge == row.bridge)].set_index("item").score for one in (changed, baseline)
        )
        difference = mine - other[mine.index]
        helped, harmed = int((difference > 0).sum()), int((difference < 0).sum())
        assert (row.n, row.helped, row.harmed) == (299, helped, harmed)
        assert row.gain == pytest.approx(difference.mean())
        assert row.baseline == pytest.approx(other[mine.index].mean())
        assert row.p == pytest.approx(min(1.0, 2 * stats.binom.cdf(min(helped, harmed), helped + harmed, 0.5)))
        scipys = stats.bootstrap((difference,), np.mean, n_resamples=4000, method="percentile", rng=0).confidence_interval
        assert (row.low, row.high) == (pytest.approx(scipys.low, abs=0.008), pytest.approx(scipys.high, abs=0.008))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t.src != "id"], "the baseline has no answers of id-sw"),
        (lambda t: t[t.bridge != "fr"], "sw-tl: the baseline has no answers through fr"),
        (lambda t: t[t["item"] != "word 7"], "sw-tl: the baseline lacks 1 of the 300 items, such as 'word 7'"),
        (lambda t: t.drop(columns="score"), "not rows of `answers`: no column score"),
    ],
)
def test_a_baseline_that_lacks_something_is_refused(items, change, message):
    with pytest.raises(bx.InputError, match=message):
        bx.compare(items, change(items))


def test_with_examples_against_without(mini):
    """bridgex-mini has never seen examples; what is compared are the same words."""
    pool = [bx.core_lexicon("sw", code) for code in ("tl", "en")]
    few = pool[0].sample(25)
    plain = bx.answers(mini, "bli", few, [None, "en"])
    shot = bx.answers(mini, "bli", few, [None, "en"], shots=1, shots_for="hops", examples=pool)
    table = bx.compare(shot, plain)
    assert table.bridge.tolist() == ["zero-shot", "en"]
    assert (table.n == shot["item"].nunique()).all()
    assert table.attrs["card"]["inputs"]["items"]["options"]["shots_for"] == "hops"
    assert table.attrs["card"]["inputs"]["baseline"]["options"]["shots"] == 0
    assert bx.compare(shot).bridge.tolist() == ["en"]  # and the bridge against zero-shot, both with the examples
