"""Correlations over languages against scipy."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bridgex_nb as bx


def test_correlations_agree_with_scipy():
    rng = np.random.default_rng(0)
    codes = list(bx.LANGUAGES)
    x = pd.Series(rng.normal(size=15), codes)
    y = pd.Series(x + rng.normal(size=15), codes).sample(frac=1, random_state=0)
    y["en"], x["fr"] = np.nan, np.nan
    table = bx.correlate(x.drop("de"), y)
    common = [code for code in codes if code not in ("en", "fr", "de")]
    pearson, spearman = stats.pearsonr(x[common], y[common]), stats.spearmanr(x[common], y[common])
    interval = pearson.confidence_interval()
    assert table.loc["pearson"].tolist() == pytest.approx([pearson.statistic, *interval, pearson.pvalue, 12])
    assert table.loc["spearman", ["r", "p"]].tolist() == pytest.approx([spearman.statistic, spearman.pvalue])
    r = spearman.statistic
    half = stats.norm.ppf(0.975) * math.sqrt((1 + r**2 / 2) / 9)
    expected = [math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)]
    assert table.loc["spearman", ["low", "high"]].tolist() == pytest.approx(expected)
    assert table.equals(bx.correlate(x.drop("de"), y.to_dict()))


def test_perfect_correlation_and_three_languages():
    four = pd.Series([1.0, 2, 3, 4], ["en", "de", "fr", "sw"])
    assert bx.correlate(four, four)[["r", "low", "high"]].to_numpy() == pytest.approx(1)
    three = bx.correlate(four[:3], four)
    assert three.loc["pearson", ["low", "high"]].tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"en": 1.0, "de": 2.0}, "2 language"),
        ({"ja": 1.0}, "0 language"),
        ({"en": 1.0, "de": 1.0, "fr": 1.0}, "scores: 1 for every common language"),
        (pd.Series([1.0, 2, 3, 4], ["en", "en", "de", "fr"]), "'en' twice"),
    ],
)
def test_scores_that_cannot_be_correlated(scores, message):
    with pytest.raises(bx.InputError, match=message):
        bx.correlate(pd.Series(scores), {"en": 1.0, "de": 2.0, "fr": 3.0})


def test_the_run_card_holds_what_was_correlated():
    scores = pd.Series({"de": 0.9, "sw": 0.3, "fi": 0.5, "hu": 0.6})
    scores.attrs["card"] = {"function": "alignment", "options": {"state": "value"}}
    card = bx.correlate(scores, {"sw": 41.0, "fi": 55.0, "hu": 57.0, "de": 80.0, "xx": 1.0}).attrs["card"]
    assert card["function"] == "correlate"
    assert card["data"] == {
        "languages": ["de", "sw", "fi", "hu"],
        "scores": [0.9, 0.3, 0.5, 0.6],
        "task_scores": [80.0, 41.0, 55.0, 57.0],
    }
    assert card["inputs"] == {"scores": {"function": "alignment", "options": {"state": "value"}}}
