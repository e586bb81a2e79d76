"""`bridgex bridge`, as a user meets it."""

import bridgex_nb as bx


def test_bridge_prints_the_ranking(run):
    code, out, _ = run("bridge", "sw", "tl")
    assert code == 0
    assert out.startswith("Swahili → Tagalog on bridgex-mini")
    table = [line.split()[0] for line in out.splitlines()[2:-1] if line.split()[0] in {"en", "de", "fr", "it", "pt", "es"}]
    assert sorted(table) == ["de", "en", "es", "fr", "it", "pt"]
    assert out.splitlines()[-1].startswith(f"Best bridge: {bx.language(table[0]).name}, first in")


def test_bridge_with_a_real_dictionary(run, shared_data):
    code, out, _ = run("bridge", "en", "tl", "--lexicon", str(shared_data / "muse" / "en-tl.0-5000.txt"))
    assert code == 0
    assert "Best bridge" in out


def test_bridge_with_two_dictionaries_pivots_through_english(run, shared_data):
    files = [shared_data / "wiktionary_bli" / "sw-en.all", shared_data / "muse" / "en-tl.0-5000.txt"]
    code, out, err = run("bridge", "sw", "tl", "--lexicon", *map(str, files))
    assert code == 0
    assert "Best bridge" in out
    assert err.count("unreadable line") == 1
