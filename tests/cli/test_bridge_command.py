"""`bridgex bridge`, as a user meets it."""

import re

import bridgex_nb as bx


def test_bridge_prints_the_ranking(run):
    code, out, _ = run("bridge", "sw", "tl")
    assert code == 0
    assert out.startswith("Swahili → Tagalog on bridgex-mini")
    header, *rows = out.splitlines()[1:8]
    assert header.split()[:2] == ["bridge", "excess"]
    assert sorted(row.split()[1] for row in rows) == sorted(bx.language(code).name for code in bx.BRIDGES)
    assert rows[0].split()[:3] == ["1", out.splitlines()[-1].removeprefix("Best bridge: ").split(",")[0], "100"]
    assert "resamples of 67 words and of the sentences" in out
    assert not re.search(r"\de-\d", out)  # no powers of ten


def test_bridge_with_a_real_dictionary(run, shared_data):
    code, out, _ = run("bridge", "en", "tl", "--lexicon", str(shared_data / "muse" / "en-tl.0-5000.txt"), "--rate", "0.1")
    assert code == 0
    assert "Best bridge" in out


def test_bridge_with_two_dictionaries_pivots_through_english(run, shared_data):
    files = [shared_data / "wiktionary_bli" / "sw-en.all", shared_data / "muse" / "en-tl.0-5000.txt"]
    code, out, err = run("bridge", "sw", "tl", "--lexicon", *map(str, files))
    assert code == 0
    assert "Best bridge" in out
    assert err.count("unreadable line") == 1
