"""`bridgex bridge` with languages outside the study."""

import re

import pytest

import bridgex_nb as bx
from bridgex_nb.datasets import _languages


@pytest.fixture
def added(monkeypatch):
    """Swahili and Spanish once more under other codes, as bridgex-mini knows no other languages."""
    monkeypatch.setattr(_languages, "_added", {})
    for old, new in {"sw": "swx", "es": "esx"}.items():
        known = bx.language(old)
        bx.add_language(new, known.name, known.autonym, known.family, known.script)


def test_bridge_with_texts_and_bridges_of_your_own(run, tmp_path, added):
    entries = bx.core_lexicon("sw", "tl").entries
    lines = [f"{word}\t{form}\n" for word, forms in entries.items() for form in forms]
    (tmp_path / "swx-tl.dict").write_text("".join(lines), encoding="utf-8")
    for code, texts in bx.core_sentences(["sw", "tl", "es", "en"]).items():
        name = {"sw": "swx", "es": "esx"}.get(code, code)
        (tmp_path / f"{name}.txt").write_text("\n".join(texts), encoding="utf-8")
    own = ["--lexicon", str(tmp_path / "swx-tl.dict"), "--texts", str(tmp_path), "--bridges", "en", "esx"]
    code, out, err = run("bridge", "swx", "tl", *own)
    assert (code, "" if code == 0 else err) == (0, "")
    _, of_the_study, _ = run("bridge", "sw", "tl", "--bridges", "en", "es")
    assert out == of_the_study


def test_what_is_missing_is_said_before_the_model_is_loaded(run, tmp_path):
    words = tmp_path / "hi-ur.txt"
    words.write_text("आग آگ\nपानी پانی\n", encoding="utf-8")
    missing = ["--model", str(tmp_path / "no model")]
    for arguments, message in [
        (["hi", "ur"], "the core lexicon has no Hindi, only en de fr .*: give --lexicon"),
        (["hi", "ur", "--lexicon", str(words)], "the bundled sentences have no Hindi, .*: give --texts"),
        (["sw", "tl", "--bridges", "vie_Latn"], "the bundled sentences have no Vietnamese"),
        (["hi", "ur", "--lexicon", str(words), "--texts", str(tmp_path / "nowhere")], "nowhere"),
    ]:
        code, _, err = run("bridge", *arguments, *missing)
        assert code == 2
        assert len(err.splitlines()) == 1
        assert re.search(message, err)
