"""A router of items: what it learns, that it never learns from the pair it routes, and what it gains over knowing nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import lstsq
from scipy.stats import ttest_1samp, ttest_rel

import bridgex_nb as bx

PAIRS = [("sw", "tl"), ("ar", "he"), ("zh", "he"), ("fi", "hu"), ("id", "tl"), ("zh", "ja"), ("ar", "fi"), ("id", "he")]


def planted(informative, pairs=PAIRS, words=60, seed=0):
    """Answers that are right as often as the model says, hop by hop, or whose confidences have nothing to do with them."""
    rng = np.random.default_rng(seed)
    tables = []
    for src, tgt in pairs:
        for bridge in ("zero-shot", "en", "fr", "es"):
            hop1, hop2 = rng.uniform(0.05, 1, (2, words))
            chance = (hop2 if bridge == "zero-shot" else hop1 * hop2) if informative else np.full(words, 0.4)
            right = rng.random(words) < chance
            rows = {"src": src, "tgt": tgt, "bridge": bridge, "item": [f"word {i}" for i in range(words)]}
            rows |= {"bridge_confidence": np.nan if bridge == "zero-shot" else np.log(hop1), "confidence": np.log(hop2)}
            rows |= {"logprobs": None, "score": right.astype(float), "correct": right}
            rows |= {"answer": np.where(right, "right", f"wrong {bridge}")}
            tables.append(pd.DataFrame(rows))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def items(mini):
    lexicons = [bx.core_lexicon(*pair).sample(25) for pair in (("sw", "tl"), ("ar", "he"), ("zh", "he"))]
    return bx.answers(mini, "bli", lexicons, [None, "en", "fr", "es"], gold_logprobs=True)


def weights_by_dummies(items, pair):
    """The same regression with a dummy variable for every item in the place of differences (Frisch-Waugh-Lovell)."""
    others = items[(items.src != pair[0]) | (items.tgt != pair[1])]
    direct = (others.bridge == "zero-shot").to_numpy()
    hop1, hop2 = np.exp(others.bridge_confidence.to_numpy(dtype=float)), np.exp(others.confidence.to_numpy(dtype=float))
    seen = np.column_stack([direct, np.where(direct, 0, hop1), np.where(direct, 0, hop2), np.where(direct, hop2, 0)])
    dummies = pd.get_dummies(others.src + others.tgt + others["item"].astype(str)).to_numpy(dtype=float)
    return lstsq(np.hstack([seen, dummies]), others.score.to_numpy(dtype=float))[0][:4]


def test_the_weights_are_those_of_a_regression_with_item_dummies(items):
    routed = bx.route(items)
    for pair in (("sw", "tl"), ("ar", "he"), ("zh", "he")):
        assert list(routed.attrs["weights"]["-".join(pair)].values()) == pytest.approx(weights_by_dummies(items, pair))


def test_each_item_takes_the_row_that_promises_most(items):
    routed = bx.route(items)
    assert routed[["src", "tgt", "item"]].equals(items[["src", "tgt", "item"]].drop_duplicates().reset_index(drop=True))
    assert set(routed.bridge) == {"router"}
    keyed = items.set_index(["src", "tgt", "item", "bridge"]).sort_index()
    for row in routed.itertuples():
        zero, text, answer, direct = weights_by_dummies(items, (row.src, row.tgt))
        worth = {}
        for bridge, asked in keyed.loc[row.src, row.tgt, row.item].iterrows():
            sure = np.exp(asked.confidence)
            worth[bridge] = (
                zero + direct * sure if bridge == "zero-shot" else text * np.exp(asked.bridge_confidence) + answer * sure
            )
        assert worth[row.route] == pytest.approx(max(worth.values()))
        assert row.promise == pytest.approx(max(worth.values()) - np.mean(list(worth.values())))
        taken = keyed.loc[row.src, row.tgt, row.item, row.route]
        assert (row.answer, row.score, row.gold_logprob) == (taken.answer, taken.score, taken.gold_logprob)


def test_a_pair_has_no_say_in_its_own_routes(items):
    """With the scores of the routed pair turned round, its routes stay; those of the other pairs do not have to."""
    routed = bx.route(items)
    turned = items.assign(score=items.score.where(items.src != "sw", 1 - items.score))
    again = bx.route(turned)
    own = routed.src == "sw"
    assert routed.route[own].tolist() == again.route[own].tolist()
    assert routed.route[~own].tolist() != again.route[~own].tolist()


def test_a_calibration_on_other_pairs(items):
    held_out, rest = items[items.src == "sw"], items[items.src != "sw"]
    by_hand = bx.route(held_out, rest)
    within = bx.route(items)
    assert by_hand.route.tolist() == within.route[within.src == "sw"].tolist()
    assert by_hand.attrs["card"]["options"] == {"calibration": "given"}


def test_how_hard_pairs_and_items_are_does_not_count():
    """Scores that are higher by 3 in one pair, and lower by 2 in another, teach the same."""
    plain = bx.route(planted(informative=True, words=400)).attrs["weights"]["sw-tl"]
    shifted = planted(informative=True, words=400)
    shifted["score"] += shifted.src.map({"sw": 3.0, "ar": -2.0}).fillna(0.0)
    assert bx.route(shifted).attrs["weights"]["sw-tl"] == pytest.approx(plain)
    assert plain["bridge_text"] == pytest.approx(0.525, abs=0.1)  # score = text x answer; the mean of the other factor
    assert plain["zero_shot_answer"] == pytest.approx(1, abs=0.1)


def test_informative_confidences_beat_one_bridge_for_all():
    table = bx.routing_regret(planted(informative=True), resamples=100).set_index("strategy")
    assert table.verdict["router"] == "better than best"
    assert table.score["oracle"] > table.score["router"] > table.score["best"] + 0.1


def test_confidences_that_say_nothing_gain_nothing_over_dealing():
    """In forty studies: the mean lead over dealing is 0, and few of its intervals leave 0 out."""
    leads, outside = [], 0
    for seed in range(40):
        table = bx.routing_regret(planted(informative=False, words=20, seed=seed), baseline="dealt", resamples=1)
        row = table.set_index("strategy").loc["router"]
        leads.append(row.lead)
        outside += not row.lead_low <= 0 <= row.lead_high
    assert ttest_1samp(leads, 0).pvalue > 0.01
    assert outside <= 6


def test_every_strategy_by_hand(items):
    combinations = [bx.combine(items, ["en", "fr"], by) for by in ("vote", "max")]
    table = bx.routing_regret(items, combined=combinations, resamples=400).set_index("strategy")
    wide = {pair: rows.pivot(index="item", columns="bridge", values="score") for pair, rows in items.groupby(["src", "tgt"])}
    means = pd.DataFrame({pair: scores.mean() for pair, scores in wide.items()})
    routed = bx.route(items)
    dealt = []
    for pair, rows in routed.groupby(["src", "tgt"]):
        rng = np.random.default_rng(0)
        order = [rng.permutation(rows.route.to_numpy()) for _ in range(2000)]
        columns = [wide[pair].columns.get_indexer(bridges) for bridges in order]
        dealt.append(np.mean([wide[pair].to_numpy()[np.arange(len(rows)), column].mean() for column in columns]))
    elsewhere = []
    for pair in means:
        others = means.drop(columns=[pair])
        elsewhere.append(means.loc[others.mean(axis=1).idxmax(), pair])
    sure = items.confidence + items.bridge_confidence.fillna(0)
    surest = items.loc[sure.groupby([items.src, items.tgt, items["item"]]).idxmax()]
    expected = {
        "oracle": np.mean([scores.max(axis=1).mean() for scores in wide.values()]),
        "router": routed.groupby(["src", "tgt"]).score.mean().mean(),
        "surest": surest.groupby(["src", "tgt"]).score.mean().mean(),
        "elsewhere": np.mean(elsewhere),
        "random": means.to_numpy().mean(),
        "en+fr by vote": combinations[0].groupby(["src", "tgt"]).score.mean().mean(),
        "en+fr by max": combinations[1].groupby(["src", "tgt"]).score.mean().mean(),
    }
    expected |= means.mean(axis=1).to_dict()
    assert table.score[list(expected)].to_dict() == pytest.approx(expected)
    assert table.score["dealt"] == pytest.approx(np.mean(dealt), abs=0.005)
    assert set(table.index) == {*expected, "dealt", "best"}
    assert means.max().mean() - 0.05 < table.score["best"] <= means.max().mean()
    assert table.regret.to_dict() == pytest.approx((table.score["oracle"] - table.score).to_dict())


def test_intervals_and_tests_are_over_pairs():
    items = planted(informative=True, words=30)
    table = bx.routing_regret(items, baseline="random", resamples=10).set_index("strategy")
    routed = bx.route(items).groupby(["src", "tgt"]).score.mean()
    rest = items.groupby(["src", "tgt"]).score.mean()
    interval = ttest_rel(routed, rest).confidence_interval()
    assert (table.lead_low["router"], table.lead_high["router"]) == pytest.approx((interval.low, interval.high))
    assert (table.lead["random"], table.verdict["random"]) == (0, "")
    assert table.p_holm.notna().to_dict() == {name: name in ("router", "surest", "elsewhere") for name in table.index}
    # All eight leads are positive: 2 of the 256 changes of sign are as extreme, three strategies are compared.
    assert table.p_holm["router"] == pytest.approx(3 * 2 / 256)
    assert table.verdict["router"] == "better than random"


def test_log_probabilities_are_routed_too(items):
    table = bx.routing_regret(bx.by_gold_logprob(items), resamples=50).set_index("strategy")
    assert table.score["router"] < 0
    assert table.score["oracle"] > table.score["router"] > table.score["random"]


def test_choices_that_were_scored_are_routed(mini):
    rows = [{"item": str(i), "text": "Maji ni baridi.", "question": "Ist es kalt?", "answer": i % 2} for i in range(6)]
    frames = [pd.DataFrame(rows).assign(src="sw", tgt=tgt) for tgt in ("de", "it")]
    frames = [frame.assign(choices=[["ja", "nein"]] * len(frame)) for frame in frames]
    items = bx.answers(mini, "mrc", frames, [None, "fr"], scoring="letters")
    assert len(bx.route(items)) == 12


def test_the_router_is_one_more_bridge(items):
    both = pd.concat([items, bx.route(items)])
    assert bx.compare(both, resamples=20).bridge.tolist().count("router") == 3
    assert "router" in set(bx.accuracy(both).bridge)


def test_a_combination_can_be_routed_to(items):
    """It is one more way of asking; what says how sure it is are the numbers of the answer that it takes."""
    both = pd.concat([items, bx.combine(items, ["en", "fr"])])
    routed = bx.route(both)
    assert routed.columns.tolist().count("route") == 1
    assert set(routed.route) <= {*items.bridge, "en+fr by vote"}
    assert routed[["src", "tgt", "item"]].equals(bx.route(items)[["src", "tgt", "item"]])


@pytest.mark.parametrize(
    ("change", "calibration", "message"),
    [
        (lambda t: t[t.src == "sw"], None, "give answers of several, or calibration="),
        (lambda t: t, lambda t: t[t.src == "ar"], "ar-he is in the calibration"),
        (lambda t: t[t.bridge == "en"], None, r"sw-tl was asked in one way only \(en\)"),
        (lambda t: t.drop(columns="confidence"), None, "no column confidence"),
        (lambda t: t.assign(bridge_confidence=np.nan), None, "without a bridge_confidence"),
        (lambda t: t.iloc[1:], None, "zero-shot lacks 1 of the pair's"),
    ],
)
def test_what_cannot_be_routed_is_refused(items, change, calibration, message):
    with pytest.raises(bx.InputError, match=message):
        bx.route(change(items), calibration and calibration(items))


def test_a_calibration_of_another_model_is_refused(items):
    other = items[items.src != "sw"].copy()
    other.attrs["card"] = items.attrs["card"] | {"model": "another"}
    with pytest.raises(bx.InputError, match="the calibration is of another model"):
        bx.route(items[items.src == "sw"], other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": "english"}, "the baseline 'english' is not among the strategies oracle, router"),
        ({"resamples": 0}, "resamples=0"),
        ({"combined": ["few"]}, "'en[+]fr by vote' has 24 answers of sw-tl, the items are 25"),
        ({"combined": ["twice", "twice"]}, "two combinations have the same name; there are en[+]fr by vote"),
    ],
)
def test_regret_refuses_what_does_not_fit(items, options, message):
    whole = bx.combine(items, ["en", "fr"])
    tables = {"few": whole.iloc[1:], "twice": whole}
    if "combined" in options:
        options = options | {"combined": [tables[name] for name in options["combined"]]}
    with pytest.raises(bx.InputError, match=message):
        bx.routing_regret(items, **options)


def test_one_pair_has_no_intervals(items):
    table = bx.routing_regret(items[items.src == "sw"], items[items.src != "sw"], resamples=20)
    assert table[["low", "high", "lead_low", "lead_high"]].isna().all(axis=None)
    assert set(table.verdict) == {"", "not decided here"}
