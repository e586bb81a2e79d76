"""`bridgex leaderboard`, as a user meets it."""

import re

import pytest
import tiny

import bridgex_nb as bx

PAIRS = ["--pairs", "sw-tl", "ar-he", "--limit", "30"]


@pytest.mark.slow
def test_leaderboards_are_printed_and_added_to_a_file(run, tmp_path):
    file = tmp_path / "boards.json"
    code, out, _ = run("leaderboard", *PAIRS, "--add", str(file), "--store", str(tmp_path / "store"))
    assert code == 0
    first, header, *rows = out.splitlines()
    assert first.startswith("bridgex-mini: 2 pairs; regret and lead")
    assert header.split()[:2] == ["regret", "interval"]
    (board,) = bx.read_leaderboards(file)
    assert [row.split()[0] for row in rows[: len(board)]] == board.selector.tolist()
    assert set(board.selector) == {*bx.SELECTORS, "oracle"}
    shown = {row.split()[0]: row.split()[1] for row in rows[: len(board)]}
    assert shown == {row.selector: f"{100 * row.regret:.1f}" for row in board.itertuples()}
    assert "beat always-English on a new one? no:" in out
    assert not re.search(r"\de[-+]\d", out)  # no powers of ten
    items = bx.answers(
        bx.load_model(), "bli", [bx.core_lexicon(*pair).sample(30) for pair in (("sw", "tl"), ("ar", "he"))], ["en"]
    )
    english = items.groupby(["src", "tgt"]).score.mean().mean()
    assert board.set_index("selector").score["english"] == pytest.approx(english)
    assert list((tmp_path / "store").iterdir())

    code, out, _ = run("leaderboard", str(tiny.folder("llama")), *PAIRS, "--shots", "0", "--add", str(file))
    assert code == 0
    assert f"{file} holds 2 leaderboards" in out
    table = out[out.index("Regret in points:") :].splitlines()
    assert "bridgex-mini, bli, 2 pairs" in table[1]
    assert {row.split()[0] for row in table[2:]} == {*bx.SELECTORS, "oracle"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--pairs sw", "--pairs takes language codes with a dash between them, such as sw-tl ar-he, not 'sw'"),
        ("--pairs sw-xx", "unknown language 'xx'"),
        ("--pairs sw-tl sw-tl", "--pairs names a pair twice"),
        ("--limit 3", "--limit 3: fewer than 8 words"),
        ("--shots -1", "--shots -1: the number of worked examples is 0 or more"),
        ("{0}/folder", "not a model folder"),
        ("--add {0}/other.json", "not a file of leaderboards"),
        ("--add {0}/nowhere/boards.json", "there is no folder"),
    ],
)
def test_bad_input_is_said_before_a_model_is_loaded(run, tmp_path, monkeypatch, arguments, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "other.json").write_text("[1]")
    monkeypatch.setattr("bridgex_nb.cli._leaderboard.load_model", lambda name: pytest.fail("a model was loaded"))
    code, out, err = run("leaderboard", *arguments.format(tmp_path).split())
    assert (code, out) == (2, "")
    assert message in err
