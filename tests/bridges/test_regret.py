"""Selectors by their regret, each number against an independent computation."""

import numpy as np
import pandas as pd
import pytest
from made_answers import draw_right, rows, three_pairs, translations, values
from scipy import stats

import bridgex_nb as bx

#: The bridges of `three_pairs`.
BRIDGES = {("sw", "tl"): ["en", "fr", "es"], ("ar", "he"): ["en", "fr"], ("id", "sw"): ["en"]}


@pytest.fixture(scope="module")
def items():
    return three_pairs()


@pytest.fixture(scope="module")
def scores():
    return {
        ("sw", "tl"): pd.DataFrame(
            {"english": [1, 0, 0], "wrong": [0.1, 0.2, 0.9], "undecided": [2, 2, 1]}, index=["en", "fr", "es"]
        ),
        ("ar", "he"): pd.DataFrame({"english": [1, 0], "wrong": [0.5, 0.4], "undecided": [7, 7]}, index=["en", "fr"]),
        ("id", "sw"): pd.DataFrame({"english": [1], "wrong": [0], "undecided": [3]}, index=["en"]),
    }


def test_score_lead_and_hits_of_the_chosen_bridges(items, scores):
    a = items.groupby(["src", "tgt", "bridge"]).score.mean()
    table = bx.regret(items, scores).set_index("selector")
    assert list(table.index) == ["english", "wrong", "undecided", "oracle"]
    english = [a["sw", "tl", "en"], a["ar", "he", "en"], a["id", "sw", "en"]]
    wrong = [a["sw", "tl", "es"], a["ar", "he", "en"], a["id", "sw", "en"]]
    undecided = [a["sw", "tl"][["en", "fr"]].mean(), a["ar", "he"].drop("zero-shot").mean(), a["id", "sw", "en"]]
    expected = {"english": np.mean(english), "wrong": np.mean(wrong), "undecided": np.mean(undecided)}
    assert table.score.drop("oracle").to_dict() == pytest.approx(expected)
    assert table.lead.to_dict() == pytest.approx((table.score - expected["english"]).to_dict())
    by_pair = table.attrs["by_pair"]
    assert [by_pair[pair]["wrong"] for pair in ("sw-tl", "ar-he", "id-sw")] == pytest.approx(wrong)
    assert table.score.to_dict() == pytest.approx(pd.DataFrame(by_pair).mean(axis=1).to_dict())
    assert table.regret.to_dict() == pytest.approx((table.score["oracle"] - table.score).clip(lower=0).to_dict())
    # The best: English for Swahili-Tagalog, French for Arabic-Hebrew; the only one for Indonesian-Swahili. A tie is half a hit.
    assert table.hits.to_dict() == {"english": 2, "wrong": 1, "undecided": 2, "oracle": 3}


def test_rank_correlations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    accuracies = {pair: rng.uniform(0.3, 0.9, 6) for pair in bx.PAIRS[1:5]}
    items = pd.concat(
        [rows(*pair, **dict(zip(bx.BRIDGES, draw_right(rng, a, 200).T, strict=True))) for pair, a in accuracies.items()]
    )
    scored = {
        pair: pd.DataFrame({"english": a + rng.normal(0, 0.2, 6), "flat": 0.0}, index=bx.BRIDGES)
        for pair, a in accuracies.items()
    }
    measured = {pair: [values(items, *pair, bridge).mean() for bridge in bx.BRIDGES] for pair in accuracies}
    within = [stats.spearmanr(scored[pair].english, measured[pair]).statistic for pair in accuracies]
    table = bx.regret(items, scored, resamples=10).set_index("selector")
    assert table.spearman["english"] == pytest.approx(np.mean(within))
    assert np.isnan(table.spearman["flat"])
    assert table.spearman["oracle"] == 1
    # HSIC of probes of different sizes is on different scales: scores of several pairs are never ranked together.
    assert "spearman_pooled" not in table


def test_without_noise_regret_is_the_plain_difference():
    """All items of a pair are answered alike: drawing them again changes nothing, drawing pairs does."""
    pairs = bx.PAIRS[1:9]
    items = pd.concat([rows(*pair, en=[i < 4] * 20, fr=[True] * 20) for i, pair in enumerate(pairs)])
    scored = {pair: pd.DataFrame({"english": [1, 0], "even": [0, 0], "french": [0, 1]}, index=["en", "fr"]) for pair in pairs}
    table = bx.regret(items, scored, resamples=20_000).set_index("selector")
    assert table.regret.to_dict() == {"english": 0.5, "even": 0.25, "french": 0, "oracle": 0}
    assert (table.lead["french"], table.low["french"], table.high["french"]) == (0.5, 0, 0)
    # Pairs are the unit: Student's t over eight differences, four of which are 1.
    differences = [1.0] * 4 + [0.0] * 4
    low, high = stats.ttest_1samp(differences, 0).confidence_interval()
    assert tuple(table.loc["english", ["low", "high"]]) == pytest.approx((max(0, low), high))
    assert tuple(table.loc["french", ["lead_low", "lead_high"]]) == pytest.approx((low, high))
    assert table.decided.to_dict() == {"english": 8, "even": 0, "french": 8, "oracle": 8}


def leads(differences, baseline="english"):
    """The table for pairs of a hundred items in which French leads the baseline, which takes English, by these differences."""
    pairs = [(a, b) for a in bx.LANGUAGES for b in bx.LANGUAGES if a != b and not {a, b} & {"en", "fr"}][: len(differences)]
    items = pd.concat(
        [
            rows(*pair, en=[i < 50 for i in range(100)], fr=[i < 50 + round(100 * d) for i in range(100)])
            for pair, d in zip(pairs, differences, strict=True)
        ]
    )
    scored = pd.DataFrame({baseline: [1, 0], "french": [0, 1], "flat": 0}, index=["en", "fr"])
    return bx.regret(items, dict.fromkeys(pairs, scored), baseline, resamples=10).set_index("selector")


def test_the_verdict_is_that_of_the_sign_flip_test_over_pairs():
    rng = np.random.default_rng(0)
    for mean, word in ((0.1, "better than english"), (-0.1, "worse than english"), (0.0, "not decided here")):
        differences = rng.normal(mean, 0.05, 12).round(2)
        table = leads(differences)
        by_scipy = stats.permutation_test(
            (differences, np.zeros(12)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
        ).pvalue
        # "flat" leads by half as much in every pair, so it has the same p-value: Holm doubles both.
        assert table.p_holm["french"] == pytest.approx(min(1, 2 * by_scipy))
        assert table.verdict["french"].lower() == word
        assert (table.verdict["english"], table.verdict["oracle"]) == ("", "")
        assert table.loc[["english", "oracle"], "p_holm"].isna().all()


def test_few_pairs_decide_nothing_and_the_words_name_the_baseline():
    five = leads([0.3, 0.31, 0.29, 0.3, 0.32])
    assert five.lead_low["french"] > 0.25
    assert five.verdict["french"] == "not decided here"  # five equal signs occur by chance in 1 of 16 studies
    one = leads([0.3])
    assert one.loc["french", ["lead_low", "lead_high", "detectable"]].isna().all()
    assert one.verdict["french"] == "not decided here"
    assert leads([0.3] * 12, "first").verdict["french"] == "better than first"
    assert leads([0.3] * 12).verdict["french"] == "better than English"


def test_headroom_goes_with_the_table():
    items = three_pairs()
    scored = {pair: pd.DataFrame({"english": 0.0}, index=b) for pair, b in BRIDGES.items()}
    table = bx.regret(items, scored, resamples=300, seed=3).set_index("selector")
    room = bx.headroom(items, resamples=300, seed=3).iloc[0]
    assert table.attrs["headroom"] == room.to_dict()
    # A selector that never decides loses the headroom, here with other draws.
    assert table.regret["english"] == pytest.approx(room.headroom, abs=0.003)


@pytest.mark.slow
def test_regret_and_lead_over_many_studies():
    """With known accuracies: most of the bias of a maximum is removed, and intervals contain the truth."""
    rng = np.random.default_rng(0)
    pairs, bridges, studies = bx.PAIRS[1:11], ["de", "en", "fr", "it"], 60
    scored = pd.DataFrame({"english": [0, 1, 0, 0], "french": [0, 0, 1, 0]}, index=bridges)
    naive, corrected, contained = [], [], {"regret": 0, "lead": 0}
    # The population of pairs: accuracies scatter by 0.04, English lies 0.03 higher on average.
    population = rng.normal([0.5, 0.53, 0.5, 0.5], 0.04, size=(100_000, 4))
    regret = (population.max(axis=1) - population[:, 1]).mean()
    for seed in range(studies):
        truth = population[rng.integers(len(population), size=len(pairs))]
        answers = [draw_right(rng, accuracies, 200) for accuracies in truth]
        items = pd.concat([rows(*pair, **dict(zip(bridges, a.T, strict=True))) for pair, a in zip(pairs, answers, strict=True)])
        english, french, _ = bx.regret(items, dict.fromkeys(pairs, scored), resamples=200, seed=seed).itertuples()
        plain = np.array([a.mean(axis=0) for a in answers])
        of_these_pairs = (truth.max(axis=1) - truth[:, 1]).mean()
        naive.append((plain.max(axis=1) - plain[:, 1]).mean() - of_these_pairs)
        corrected.append(english.regret - of_these_pairs)
        contained["regret"] += english.low <= regret <= english.high
        contained["lead"] += french.lead_low <= -0.03 <= french.lead_high
    assert np.mean(naive) > 0.003
    assert abs(np.mean(corrected)) < 0.5 * np.mean(naive)
    assert contained["regret"] >= 0.85 * studies  # what is left of the bias shifts these
    assert contained["lead"] >= 0.9 * studies


@pytest.mark.slow
def test_intervals_of_fifteen_pairs_contain_the_truth_in_95_of_100_studies():
    """Pairs are drawn from a population, items within them; a selector that takes the best bridge half the time."""
    rng = np.random.default_rng(1)
    pairs, bridges, studies = [*bx.PAIRS[1:], ("sw", "ja")], list(bx.BRIDGES), 500
    columns = {"english": np.eye(6)[0]}

    def population(size):
        accuracies = rng.normal(0.5, 0.12, size=(size, 6)).clip(0.02, 0.98)
        return accuracies, np.where(rng.random(size) < 0.5, accuracies.argmax(axis=1), rng.integers(6, size=size))

    accuracies, choice = population(100_000)
    lead = (accuracies[np.arange(len(choice)), choice] - accuracies[:, 0]).mean()
    contained = 0
    for _ in range(studies):
        accuracies, choice = population(len(pairs))
        answers = [draw_right(rng, a, 100) for a in accuracies]
        items = pd.concat([rows(*pair, **dict(zip(bridges, a.T, strict=True))) for pair, a in zip(pairs, answers, strict=True)])
        scored = {
            pair: pd.DataFrame(columns | {"half": np.eye(6)[c]}, index=bridges) for pair, c in zip(pairs, choice, strict=True)
        }
        half = bx.regret(items, scored, resamples=2).set_index("selector").loc["half"]
        contained += half.lead_low <= lead <= half.lead_high
    print(f"\nintervals of the lead contain the truth in {contained / studies:.1%} of {studies} studies")
    assert 0.93 <= contained / studies <= 0.97


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {pair: table for pair, table in s.items() if pair != ("ar", "he")}, "no scores for ar-he"),
        (lambda s: s | {("ar", "he"): s["sw", "tl"]}, "ar-he has scores of en, fr, es, and answers through en, fr"),
        (lambda s: s | {("ar", "he"): s["ar", "he"].assign(english=np.nan)}, "ar-he: english has no score"),
        (
            lambda s: s | {("ar", "he"): s["ar", "he"][["english"]]},
            "ar-he has scores of english, the first pair of english, wrong",
        ),
        (
            lambda s: {pair: table.drop(columns="english") for pair, table in s.items()},
            "baseline 'english' is not among .*wrong",
        ),
    ],
)
def test_scores_that_do_not_fit_the_answers_are_refused(items, scores, change, message):
    with pytest.raises(bx.InputError, match=message):
        bx.regret(items, change(scores))


def test_translations_count_by_the_mean_score_of_their_sentences():
    items = translations()
    scores = {
        ("sw", "tl"): pd.DataFrame({"english": [1, 0], "french": [0, 1]}, index=["en", "fr"]),
        ("ar", "he"): pd.DataFrame({"english": [1], "french": [0]}, index=["en"]),
    }
    table = bx.regret(items, scores, resamples=200).set_index("selector")
    a = items.groupby(["src", "tgt", "bridge"]).score.mean()
    assert table.score["english"] == pytest.approx((a["sw", "tl", "en"] + a["ar", "he", "en"]) / 2)
    assert table.score["french"] == pytest.approx((a["sw", "tl", "fr"] + a["ar", "he", "en"]) / 2)
    assert table.regret["english"] < table.regret["french"]


def test_the_card_names_answers_and_scores(items, scores):
    answered = items.copy()
    answered.attrs["card"] = {"function": "answers", "model": "bridgex-mini", "options": {"task": "bli"}}
    scored = {pair: table.copy() for pair, table in scores.items()}
    scored["ar", "he"].attrs["card"] = {"function": "select_bridges", "options": {"seed": 1}}
    card = bx.regret(answered, scored, resamples=20, seed=4).attrs["card"]
    assert (card["function"], card["model"]) == ("regret", "bridgex-mini")
    assert card["options"] == {"baseline": "english", "resamples": 20, "seed": 4}
    assert set(card["inputs"]) == {"items", "scores ar-he"}
