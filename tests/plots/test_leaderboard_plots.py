"""Figures of selectors and of sensitivity show what their tables hold."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

import bridgex_nb as bx
from bridgex_nb.plots._style import PALETTE


def test_the_leaderboard_shows_regret_lead_and_rank_correlation(board):
    regret, lead, ranks = bx.plots.selector_leaderboard(board).axes
    assert [label.get_text() for label in regret.get_yticklabels()] == board.selector.tolist()
    for axes, column, scale in ((regret, "regret", 100), (lead, "lead", 100), (ranks, "spearman", 1)):
        x, y = np.ma.getdata(axes.collections[-1].get_offsets()).T
        assert x == pytest.approx(scale * board[column].to_numpy(), nan_ok=True)
        assert y.tolist() == list(range(len(board)))
    low, high = np.array([one[:, 0] for one in lead.collections[0].get_segments()]).T / 100
    assert (low == pytest.approx(board.lead_low), high == pytest.approx(board.lead_high)) == (True, True)


@pytest.mark.parametrize(("options", "score", "scores"), [({}, "accuracy", "accuracies"), ({"score": "chrF"}, "chrF", "chrF")])
def test_the_leaderboard_names_the_score(board, options, score, scores):
    assert [axes.get_xlabel() for axes in bx.plots.selector_leaderboard(board, **options).axes] == [
        f"regret: {score} lost against\nthe best bridge (percentage points)",
        f"{score} minus that of\nalways-English (percentage points)",
        f"Spearman correlation of scores\nand {scores} within a pair",
    ]


@pytest.fixture
def verdicts(board):
    """One selector of each verdict."""
    names = {"better": "better than English", "worse": "worse than English", "neither": "not decided here"}
    rows = [
        board.iloc[0].to_dict() | {"selector": name, "verdict": verdict, "detectable": 0.1} for name, verdict in names.items()
    ]
    rows.append(board.iloc[0].to_dict() | {"selector": "english", "verdict": "", "lead": 0.0, "detectable": np.nan})
    return pd.DataFrame(rows)


def test_the_verdict_is_a_colour_and_stands_in_the_key(verdicts):
    figure = bx.plots.selector_leaderboard(verdicts)
    lead = figure.axes[1]
    colours = [tuple(colour) for colour in lead.collections[-1].get_facecolors()]
    assert colours == [to_rgba(c) for c in (PALETTE[0], PALETTE[3], "0.6", "black")]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "better than English",
        "not decided here",
        "worse than English",
        "leads found with less than 80 % power",
    ]
    assert [band.get_width() for band in lead.patches] == pytest.approx([20, 20, 20, 0])


def test_the_headroom_stands_above_the_panels(verdicts, board):
    room = {"pairs": 15, "headroom": 0.2, "headroom_low": 0.1, "headroom_high": 0.3, "reliability": 0.5}
    verdicts.attrs["headroom"] = room
    title = bx.plots.selector_leaderboard(verdicts).get_suptitle()
    assert title == (
        "Headroom: the best bridge is 20.0 [10.0, 30.0] points of accuracy above the mean one; split-half reliability 0.50"
    )
    assert bx.plots.selector_leaderboard(board).get_suptitle().startswith("Headroom: ")


def test_a_baseline_other_than_english_is_named(verdicts):
    first = verdicts.assign(selector=["a", "b", "c", "first"])
    assert bx.plots.selector_leaderboard(first).axes[1].get_xlabel() == "accuracy minus that of\nfirst (percentage points)"


@pytest.fixture(scope="module")
def settings():
    """Two rates and two sites; the site changes the choice always, the rate never."""
    rows = [
        ("sw", "tl", rate, "exclusive", site, "mean", False, "biased", "all", 20, False, {"act": "en", "gated": "fr"}[site])
        for rate in (0.05, 0.1)
        for site in ("act", "gated")
    ]
    columns = ["src", "tgt", "rate", "rule", "site", "statistic", "special_tokens", "estimator", "sentences", "shared", "few"]
    table = pd.DataFrame(rows, columns=[*columns, "chosen"])
    return table.assign(en=table.chosen.map({"en": 1.0, "fr": 2.0}), fr=table.chosen.map({"en": 2.0, "fr": 1.0}))


def widths(axes):
    return [[bar.get_width() for bar in container] for container in axes.containers]


def test_a_pair_has_a_bar_for_each_level(settings):
    shares, moved = bx.plots.choice_sensitivity(settings).axes
    assert [label.get_text() for label in shares.get_yticklabels()] == [
        "all settings",
        "rate: 5.0%",
        "rate: 10.0%",
        "site: act",
        "site: gated",
    ]
    assert widths(shares) == [[50, 50, 50, 100, 0], [50, 50, 50, 0, 100]]
    assert [label.get_text() for label in moved.get_yticklabels()] == ["site", "rate", "any two settings"]
    assert widths(moved) == [pytest.approx([100, 0, 100 * 4 / 6])]
    assert shares.get_title() == "Swahili → Tagalog: 4 settings, Kendall's W 0.00"


def test_several_pairs_have_a_bar_each(settings):
    both = pd.concat([settings, settings.assign(src="ar", tgt="he", chosen="fr", en=2.0, fr=1.0)], ignore_index=True)
    shares, _ = bx.plots.choice_sensitivity(both).axes
    assert [label.get_text() for label in shares.get_yticklabels()] == ["sw → tl   W 0.00", "ar → he   W 1.00"]
    assert widths(shares) == [[50, 0], [50, 100]]


def test_log_probabilities_are_not_shown_as_percentages(board):
    axes = bx.plots.selector_leaderboard(board, score="log P(gold)").axes
    assert axes[0].get_xlabel() == "regret: log P(gold) lost against\nthe best bridge (nats)"
    x = np.ma.getdata(axes[0].collections[-1].get_offsets())[:, 0]
    assert x == pytest.approx(board.regret.to_numpy())
