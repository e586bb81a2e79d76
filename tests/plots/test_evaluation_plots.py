"""Figures of X-ICL show what their tables hold."""

import pandas as pd
import pytest
from matplotlib.colors import same_color

import bridgex_nb as bx


def test_the_heatmap_marks_chosen_and_best(accuracies):
    chosen = {("sw", "tl"): "de", ("ar", "he"): "fr"}
    axes = bx.plots.xicl_heatmap(accuracies, chosen).axes[0]
    dashed = [patch for patch in axes.patches if patch.get_linestyle() == "--"]
    solid = [patch for patch in axes.patches if patch.get_linestyle() == "-"]
    columns = ["zero-shot", *bx.BRIDGES]
    cells = {(int(patch.get_y()), columns[int(patch.get_x())]) for patch in dashed}
    assert cells == {(bx.PAIRS.index(pair), bridge) for pair, bridge in chosen.items()}
    assert len(solid) == len(bx.PAIRS)
    for patch in solid:
        src, tgt = bx.PAIRS[int(patch.get_y())]
        row = accuracies[(accuracies.src == src) & (accuracies.tgt == tgt) & (accuracies.bridge != "zero-shot")]
        assert columns[int(patch.get_x())] == row.loc[row.accuracy.idxmax(), "bridge"]


@pytest.mark.parametrize(("shares", "framed"), [([0.3, 0.5, 0.5], {"fr", "es"}), ([0.0, 0.0, 0.0], set())])
def test_equal_bridges_are_marked_alike(shares, framed):
    table = pd.DataFrame({"src": "ja", "tgt": "tl", "bridge": ["zero-shot", "en", "fr", "es"], "accuracy": [0.1, *shares]})
    patches = bx.plots.xicl_heatmap(table).axes[0].patches
    assert {["zero-shot", "en", "fr", "es"][int(patch.get_x())] for patch in patches} == framed


def heatmap_cells(figure):
    """Text of every cell, by its row's and its column's name."""
    axes = figure.axes[0]
    rows, columns = ([label.get_text() for label in axis.get_ticklabels()] for axis in (axes.yaxis, axes.xaxis))
    return {(rows[int(text.get_position()[1])], columns[int(text.get_position()[0])]): text.get_text() for text in axes.texts}


def legend_of(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_heatmap_names_the_selector_that_is_given_and_no_other(accuracies):
    chosen = {("sw", "tl"): "de"}
    assert legend_of(bx.plots.xicl_heatmap(accuracies)) == ["best bridge (solid)"]
    assert legend_of(bx.plots.xicl_heatmap(accuracies, chosen))[1] == "bridge chosen (dashed)"
    figure = bx.plots.xicl_heatmap(accuracies, chosen, selector="typology", title="Topics")
    assert legend_of(figure)[1] == "bridge chosen by typology (dashed)"
    assert figure.axes[0].get_title() == "Topics"


def test_the_heatmap_shows_each_accuracy_with_and_without_zero_shot(accuracies):
    for table in (accuracies, accuracies[accuracies.bridge != "zero-shot"]):
        cells = heatmap_cells(bx.plots.xicl_heatmap(table))
        for row in table.itertuples():
            column = bx.LANGUAGES[row.bridge].name if row.bridge in bx.LANGUAGES else row.bridge
            assert cells[f"{row.src} → {row.tgt}", column] == f"{100 * row.accuracy:.0f}"
        assert ("zero-shot" in {column for _, column in cells}) == (table is accuracies)


def test_the_heatmap_of_zero_shot_alone_marks_no_best_bridge(accuracies):
    figure = bx.plots.xicl_heatmap(accuracies[accuracies.bridge == "zero-shot"])
    assert not figure.axes[0].patches


def test_the_heatmap_draws_one_task_at_a_time(accuracies):
    tasks = pd.concat([accuracies.assign(task="bli"), accuracies.assign(task="topic")])
    with pytest.raises(bx.InputError, match=r"several tasks \(bli, topic\).*table\[table.task == 'bli'\]"):
        bx.plots.xicl_heatmap(tasks)
    assert heatmap_cells(bx.plots.xicl_heatmap(tasks[tasks.task == "topic"]))
    with pytest.raises(bx.InputError, match="several rows for en-sw and 'zero-shot'"):
        bx.plots.xicl_heatmap(tasks.drop(columns="task"))


def test_the_heatmap_needs_accuracies(accuracies):
    with pytest.raises(bx.InputError, match="no column 'accuracy'"):
        bx.plots.xicl_heatmap(accuracies.rename(columns={"accuracy": "chrf"}))


@pytest.mark.parametrize("chosen", [{("sw", "tl"): "hu"}, {("tl", "sw"): "en"}, {("en", "sw"): "en"}], ids=str)
def test_a_chosen_bridge_that_is_not_in_the_table_is_refused(accuracies, chosen):
    (src, tgt), bridge = next(iter(chosen.items()))
    with pytest.raises(bx.InputError, match=f"chosen for {src}-{tgt}, '{bridge}', is not in the table"):
        bx.plots.xicl_heatmap(accuracies, chosen)


def test_gains_are_coloured_if_they_are_significant(gains):
    figure = bx.plots.bridge_gains(gains)
    assert [axes.get_title() for axes in figure.axes] == ["English", "French"]  # the higher mean gain first
    points = [(*point, colour) for axes in figure.axes for one in axes.collections[1:] for point, colour in drawn_points(one)]
    key = dict(zip(("helps", "harms", "nothing"), [line.get_color() for line in figure.legends[0].get_lines()], strict=True))
    expected = [(30, 0, key["helps"]), (2, 0, key["nothing"]), (-20, 1, key["harms"])]
    for (x, y, colour), (gain, row, wanted) in zip(points, expected, strict=True):
        assert (x, y) == pytest.approx((gain, row))
        assert same_color(colour, wanted)


def test_gains_name_the_score(gains):
    labels = [bx.plots.bridge_gains(gains, **options).get_supxlabel() for options in ({}, {"score": "chrF"})]
    assert labels == [f"{score} through the bridge minus zero-shot (percentage points)" for score in ("accuracy", "chrF")]


def drawn_points(collection):
    return list(zip(collection.get_offsets(), collection.get_facecolor(), strict=True))


def test_gains_draw_bridges_against_zero_shot_only(gains, controlled):
    for table in (gains.assign(baseline=0.2), controlled):
        with pytest.raises(bx.InputError, match="bridge_gains draws what compare"):
            bx.plots.bridge_gains(table)


def test_controls_are_drawn_where_the_table_has_them(controlled):
    """One row of panels per pair; English is no bridge of the second pair."""
    figure = bx.plots.control_gains(controlled)
    for number, (pair, rows) in enumerate(controlled.groupby(["src", "tgt"], sort=False)):
        left, right = figure.axes[2 * number : 2 * number + 2]
        assert left.get_title() == f"{pair[0]} → {pair[1]}: zero-shot {100 * rows.zero_shot.iloc[0]:.0f} %"
        zero = (rows.gold_logprob - rows.logprob_gain).mean()
        assert right.get_title() == f"{pair[0]} → {pair[1]}: zero-shot −{-zero:.1f}"
        names = [label.get_text() for label in left.get_yticklabels()]
        assert names == [f"through {bx.language(code).name}" for code in rows.bridge.unique()]
        for axes, column, factor in ((left, "gain", 100), (right, "logprob_gain", 1)):
            points = [tuple(point) for point in axes.collections[1].get_offsets()]
            assert [x for x, _ in points] == pytest.approx((factor * rows[column]).tolist())
            assert len({y for _, y in points}) == len(rows)
    assert len(figure.legends[0].get_texts()) == 5


def test_a_table_without_controls_is_refused(gains):
    with pytest.raises(bx.InputError, match="not a table of control_gains: no column 'control'"):
        bx.plots.control_gains(gains)


def test_accuracies_have_their_intervals_and_numbers():
    items = pd.DataFrame(
        {"asked": ["zero-shot"] * 3 + ["en"] * 5, "correct": [True, False, False, True, True, True, True, False]}
    )
    table = bx.accuracy(items, ["asked"])
    axes = bx.plots.accuracy_intervals(table, ["asked"], "Eight words").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["zero-shot (3)", "en (5)"]
    lines, points = axes.collections
    assert points.get_offsets()[:, 0].tolist() == pytest.approx([100 / 3, 80])
    ends = [segment[:, 0].tolist() for segment in lines.get_segments()]
    assert ends == [pytest.approx([100 * low, 100 * high]) for low, high in zip(table.low, table.high, strict=True)]


def test_the_heatmap_shows_log_probabilities_in_nats(accuracies):
    table = accuracies.assign(gold_logprob=-10 * accuracies.accuracy - 1)
    figure = bx.plots.xicl_heatmap(table, value="gold_logprob")
    row = table.iloc[0]
    cells = heatmap_cells(figure)
    assert cells[f"{row.src} → {row.tgt}", "zero-shot"] == f"{row.gold_logprob:.1f}"
    assert figure.axes[1].get_ylabel() == "mean log-probability of the accepted answer (nats)"
    with pytest.raises(bx.InputError, match="value='score': choose from accuracy, gold_logprob"):
        bx.plots.xicl_heatmap(table, value="score")
    with pytest.raises(bx.InputError, match="no column 'gold_logprob'"):
        bx.plots.xicl_heatmap(accuracies.drop(columns="gold_logprob", errors="ignore"), value="gold_logprob")
