"""Does a selector beat always-English? Against direct computations, and over studies in which the answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bridgex_nb as bx

PAIRS = bx.PAIRS[1:13]


def board(**scores):
    """A board of selectors with these scores on each pair of `PAIRS`."""
    table = pd.DataFrame({"selector": [*scores, "oracle"]})
    columns = scores | {"oracle": np.max(list(scores.values()), axis=0)}
    rows = pd.DataFrame(columns, index=["-".join(pair) for pair in PAIRS[: len(next(iter(scores.values())))]])
    table.attrs = {"by_pair": rows.T.to_dict(), "card": {"function": "leaderboard", "model": "made"}}
    return table


def rows(board, *args, **options):
    return bx.beats_baseline(board, *args, **options).set_index("selector")


def test_difference_interval_and_test_of_each_selector():
    rng = np.random.default_rng(0)
    english = rng.uniform(0.3, 0.6, 12)
    better, even = english + rng.normal(0.08, 0.03, 12), english + rng.normal(0, 0.03, 12)
    table = rows(board(better=better, english=english, even=even, random=english - 0.01))
    assert list(table.index) == ["better", "even", "best on the other pairs"]
    for name, scores in (("better", better), ("even", even)):
        difference = english - scores
        assert table.difference[name] == pytest.approx(difference.mean())
        by_scipy = stats.bootstrap((difference,), np.mean, method="percentile", n_resamples=20_000, random_state=0)
        assert (table.low[name], table.high[name]) == pytest.approx(tuple(by_scipy.confidence_interval), abs=0.002)
    p = [
        stats.permutation_test((english, s), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf).pvalue
        for s in (better, even)
    ]
    assert table.p_holm["better"] == pytest.approx(2 * min(p))
    assert table.beats[["better", "even"]].tolist() == ["yes", "no"]
    # The better one is first on any eleven of the pairs, so the rule takes it everywhere.
    assert table.difference["best on the other pairs"] == pytest.approx(table.difference["better"])
    assert table.p_holm["best on the other pairs"] == pytest.approx(min(p))
    assert table.beats["best on the other pairs"] == "yes"


def test_what_is_best_on_the_other_pairs_by_hand():
    """A selector that owes its lead to one pair is not taken on that pair."""
    english, lucky, steady = np.full(4, 0.5), np.array([1.0, 0.45, 0.45, 0.45]), np.full(4, 0.55)
    table = rows(board(english=english, lucky=lucky, steady=steady))
    # On the first pair, the others favour `steady`; on each of the others, `lucky` leads by its first pair.
    expected = np.mean([0.5 - 0.55, 0.5 - 0.45, 0.5 - 0.45, 0.5 - 0.45])
    assert table.difference["best on the other pairs"] == pytest.approx(expected)
    assert table.difference["lucky"] == pytest.approx(0.5 - lucky.mean())


def test_the_baseline_may_be_best_and_ties_are_shared():
    table = rows(board(english=np.full(4, 0.6), worse=np.full(4, 0.5)))
    assert table.difference["best on the other pairs"] == 0
    assert table.p_holm["best on the other pairs"] == 1
    tied = rows(board(english=[0.1, 0.1], a=[0.5, 0.3], b=[0.3, 0.5]))
    # On the first pair `b` is better by the second, and the other way round.
    assert tied.difference["best on the other pairs"] == pytest.approx(0.1 - 0.3)
    twins = rows(board(english=[0.1, 0.1, 0.1], a=[0.4, 0.4, 0.2], b=[0.2, 0.4, 0.4]))
    # On the second pair both have 0.3 elsewhere, and 0.4 here.
    assert twins.difference["best on the other pairs"] == pytest.approx(0.1 - np.mean([0.2, 0.4, 0.2]))


def test_pairs_that_a_selector_was_tuned_on_do_not_count_for_it():
    english, found = np.full(8, 0.5), np.array([0.9] * 4 + [0.45] * 4)
    made = board(english=english, found=found, other=np.full(8, 0.48))
    table = rows(made, {"found": PAIRS[:4]})
    assert table.pairs["found"] == 4
    assert table.difference["found"] == pytest.approx(0.05)
    assert table.pairs["other"] == 8
    # On pairs 5 to 8 `found` has 0.45 on the others, less than English has.
    assert table.difference["best on the other pairs"] == 0
    assert rows(made).difference["found"] < 0
    nothing_left = rows(made, {"found": PAIRS})
    assert nothing_left.loc["found", ["difference", "low", "high", "p_holm"]].isna().all()
    assert nothing_left.beats["found"] == "no"
    card = bx.beats_baseline(made, {"found": PAIRS[:1]}).attrs["card"]
    assert card["options"]["tuned"] == {"found": [list(PAIRS[0])]}
    assert card["model"] == "made"


def test_five_pairs_cannot_say_yes_and_one_has_no_interval():
    assert rows(board(english=np.zeros(5), a=np.full(5, 0.4))).beats["a"] == "no"
    alone = rows(board(english=[0.2], a=[0.5]))
    assert alone.loc["a", ["low", "high", "p_holm"]].isna().all()
    assert alone.pairs["best on the other pairs"] == 0


def test_twenty_selectors_that_choose_at_random_seldom_beat_the_baseline():
    """Each pair has six bridges of different accuracy; nobody knows anything. A board's best always looks better."""
    rng = np.random.default_rng(0)
    yes, looks = {"some": 0, "best on the other pairs": 0}, []
    for _ in range(200):
        accuracy = rng.uniform(0.2, 0.8, size=(12, 6))
        scores = {f"s{k}": accuracy[np.arange(12), rng.integers(6, size=12)] for k in range(20)}
        table = rows(board(english=accuracy[:, 0], **scores), resamples=400)
        elsewhere = table.loc["best on the other pairs"]
        yes["some"] += (table.beats[:-1] == "yes").any()
        yes["best on the other pairs"] += elsewhere.beats == "yes"
        looks.append((table.difference[:-1].min(), elsewhere.difference))
    best, fair = np.mean(looks, axis=0)
    print(f"\n{yes} of 200 studies; difference of the board's best {best:.3f}, of the rule {fair:.3f}")
    assert yes["some"] <= 20
    assert yes["best on the other pairs"] <= 20
    assert best < -0.05
    assert abs(fair) < 0.02


def test_a_selector_that_knows_is_found():
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(50):
        accuracy = rng.uniform(0.2, 0.8, size=(12, 6))
        scores = {f"s{k}": accuracy[np.arange(12), rng.integers(6, size=12)] for k in range(10)}
        scores["knows"] = accuracy.max(axis=1)
        table = rows(board(english=accuracy[:, 0], **scores), resamples=400)
        found += table.beats["best on the other pairs"] == "yes"
    assert found >= 45


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"board": pd.DataFrame({"selector": ["a"]})}, "the board has no scores by pair"),
        ({"baseline": "french"}, "'french' is not a selector on the board: english, a"),
        ({"tuned": {"b": []}}, "'b' is not a selector on the board"),
        ({"tuned": {"oracle": []}}, "'oracle' is not a selector on the board"),
        ({"tuned": {"a": [("sw", "xx")]}}, "unknown language 'xx'"),
        ({"resamples": 0}, "resamples"),
    ],
)
def test_bad_choices_are_refused(change, message):
    with pytest.raises(bx.InputError, match=message):
        bx.beats_baseline(**{"board": board(english=[0.1, 0.2], a=[0.2, 0.3])} | change)
