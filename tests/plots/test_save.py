"""Figures on disk: written with their numbers and run card, and left alone where they show the same as before."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import bridgex_nb as bx

CARD = {"model": "none", "options": {"rate": 0.05, "seed": 0}, "versions": {"torch": "2"}, "date": "2026-01-01"}
LATER = CARD | {"date": "2026-02-02"}


def numbers():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "language": [f"language {i}" for i in range(8)],
            "count": rng.integers(10_000, 99_999, size=8),
            "score": rng.normal(size=8),
            "small": 1e-7 * rng.normal(size=8),
            "p": [0.001, 0.02, 0.5, None, 1.0, 0.3, 0.4, 0.6],
        }
    )


def draw(table, title="Scores by language", colour="#0173b2"):
    figure = Figure(figsize=(5, 3))
    axes = figure.subplots()
    axes.plot(table.score, color=colour, marker="o")
    axes.set(title=title, xlabel="language")
    return figure


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def save(tmp_path):
    """Save a figure, first as it is; return which of its files the second time changes."""

    def save(table=None, card=LATER, **look):
        bx.plots.save(draw(numbers()), numbers(), tmp_path, "line", CARD)
        before = contents(tmp_path)
        table = numbers() if table is None else table
        bx.plots.save(draw(table, **look), table, tmp_path, "line", card)
        return {name.partition(".")[2] for name, content in contents(tmp_path).items() if content != before.get(name)}

    return save


def test_saved_with_numbers_and_run_card_and_the_same_bytes_twice(tmp_path, ranking):
    for folder in ("one", "two"):
        figure = bx.plots.bridge_ranking(ranking)
        bx.plots.save(figure, ranking.table, tmp_path / folder, "ranking", ranking.card)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert pd.read_csv(tmp_path / "one" / "ranking.csv").bridge.tolist() == ranking.table.bridge.tolist()
    assert json.loads((tmp_path / "one" / "ranking.json").read_text()) == ranking.card


def test_floats_have_four_digits_and_counts_all_of_theirs(tmp_path):
    table = numbers().assign(total=[123456.0, *[np.nan] * 7])
    bx.plots.save(draw(table), table, tmp_path, "line", CARD)
    written = pd.read_csv(tmp_path / "line.csv", dtype=str)
    assert written["count"].tolist() == [str(count) for count in table["count"]]
    assert written.total[0] == "123456"
    assert written.score.tolist() == [f"{score:.4g}" for score in table.score]


def test_the_same_numbers_on_another_day_and_processor_change_nothing(save):
    rng = np.random.default_rng(1)
    noisy = numbers()
    noisy["score"] *= 1 + 1e-6 * rng.normal(size=8)
    noisy["small"] *= 1 + 1e-6 * rng.normal(size=8)
    assert save(noisy) == set()


def test_a_point_that_moves_by_a_pixel_and_noise_around_zero_change_nothing(save):
    moved = numbers().assign(small=lambda table: table.small + 1e-12)
    moved.loc[3, "score"] *= 1.0015
    assert save(moved) == set()


@pytest.mark.parametrize(
    "look", [{"title": "Scores by languages"}, {"title": "Seores by language"}, {"colour": "#de8f05"}], ids=str
)
def test_another_word_letter_or_colour_is_a_change(save, look):
    assert "png" in save(**look)


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("score", 2, lambda score: 1.01 * score),
        ("small", 5, lambda small: 1.01 * small),
        ("count", 1, lambda count: count + 1),
        ("language", 0, lambda name: name.upper()),
        ("p", 3, lambda _: 0.5),
        ("p", 2, lambda _: None),
    ],
)
def test_another_number_or_name_is_a_change(save, column, row, value):
    table = numbers()
    table.loc[row, column] = value(table.loc[row, column])
    assert "csv" in save(table)


def test_other_rows_or_columns_are_a_change(save):
    assert "csv" in save(numbers().rename(columns={"p": "p_holm"}))
    assert "csv" in save(numbers().iloc[::-1].reset_index(drop=True))


@pytest.mark.parametrize("change", [{"options": {"rate": 0.05, "seed": 1}}, {"versions": {"torch": "3"}}, {"more": 1}], ids=str)
def test_another_run_card_is_a_change_and_dated_anew(save, tmp_path, change):
    assert save(card=LATER | change) == {"json"}
    assert json.loads((tmp_path / "line.json").read_text()) == LATER | change


@pytest.mark.parametrize("kind", ["png", "csv", "json"])
@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n\0\0"])
def test_missing_and_damaged_files_are_written_again(save, tmp_path, kind, content):
    save()
    before = contents(tmp_path)
    path = tmp_path / f"line.{kind}"
    path.unlink() if content is None else path.write_bytes(content)
    bx.plots.save(draw(numbers()), numbers(), tmp_path, "line", CARD)
    assert contents(tmp_path) == before


def test_a_pdf_is_written_where_asked_for_and_kept_with_its_figure(tmp_path, monkeypatch):
    monkeypatch.setenv("BRIDGEX_PDF", "1")
    bx.plots.save(draw(numbers()), numbers(), tmp_path, "line", CARD)
    assert not (tmp_path / "line.pdf").exists()
    bx.plots.save(draw(numbers()), numbers(), tmp_path, "line", LATER, pdf=True)
    first = (tmp_path / "line.pdf").read_bytes()
    assert first.startswith(b"%PDF")
    noisy = numbers().assign(score=lambda table: table.score * 1.0001)
    bx.plots.save(draw(noisy), noisy, tmp_path, "line", LATER, pdf=True)
    assert (tmp_path / "line.pdf").read_bytes() == first
    bx.plots.save(draw(noisy, title="Another"), noisy, tmp_path, "line", LATER, pdf=True)
    assert (tmp_path / "line.pdf").read_bytes() != first


def test_no_pdf_of_other_numbers_stays_beside_a_figure(tmp_path):
    bx.plots.save(draw(numbers()), numbers(), tmp_path, "line", CARD, pdf=True)
    first = (tmp_path / "line.pdf").read_bytes()
    doubled = numbers().assign(score=2 * numbers().score)
    bx.plots.save(draw(doubled), doubled, tmp_path, "line", CARD)
    assert not (tmp_path / "line.pdf").exists()
    bx.plots.save(draw(doubled), doubled, tmp_path, "line", CARD, pdf=True)
    assert (tmp_path / "line.pdf").read_bytes() != first
    assert not list(tmp_path.glob(".*"))  # nothing half written
