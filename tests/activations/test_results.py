"""Counts and probes as results: their run cards, differences and files."""

import json
import os

import pytest
import tiny
import torch

import bridgex_nb as bx

TEXTS = {
    "en": ["The sun is hot.", "I drink water every day, and my sister drinks milk.", "Fire!"],
    "sw": ["Jua ni kali leo.", "Maji", "Ninakunywa maji kila siku, na dada yangu anakunywa maziwa."],
}


def test_counts_survive_saving(tmp_path):
    counts = bx.count_active(tiny.load(), TEXTS, special_tokens=False)
    counts.save(tmp_path / "counts.safetensors")
    again = bx.ActivationCounts.load(tmp_path / "counts.safetensors")
    assert torch.equal(again.active, counts.active)
    assert torch.equal(again.tokens, counts.tokens)
    assert again.languages == counts.languages
    assert again.card == counts.card


@pytest.mark.parametrize("keep", [None, torch.eye(tiny.LAYERS, tiny.NEURONS).bool()], ids=["all", "kept"])
def test_probe_survives_saving(tmp_path, keep):
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    probe = bx.probe(tiny.load(), lexicon, keep=keep)
    probe.save(tmp_path / "probe.safetensors")
    again = bx.ProbeActivations.load(tmp_path / "probe.safetensors")
    assert torch.equal(again.values, probe.values)
    assert again.words == probe.words
    assert (again.src, again.tgt, again.card) == (probe.src, probe.tgt, probe.card)
    assert again.kept is None if keep is None else torch.equal(again.kept, keep)


def test_a_kind_of_result_is_not_read_as_another(tmp_path):
    bx.probe(tiny.load(), TEXTS["en"]).save(tmp_path / "probe")
    bx.count_active(tiny.load(), TEXTS).save(tmp_path / "counts")
    with pytest.raises(bx.InputError, match="probe"):
        bx.ActivationCounts.load(tmp_path / "probe")
    with pytest.raises(bx.InputError, match="counts"):
        bx.ProbeActivations.load(tmp_path / "counts")
    with pytest.raises(bx.InputError, match="none"):
        bx.ProbeActivations.load(tmp_path / "none")


def test_counts_from_a_missing_file(tmp_path):
    with pytest.raises(bx.InputError, match=r"none\.safetensors"):
        bx.ActivationCounts.load(tmp_path / "none.safetensors")


def test_counts_from_a_file_of_something_else(tmp_path):
    (tmp_path / "text").write_text("not counts")
    for path in (tmp_path / "text", tiny.folder("llama") / "model.safetensors"):
        with pytest.raises(bx.InputError, match=path.name):
            bx.ActivationCounts.load(path)


def test_full_minus_prefix():
    model = tiny.load()
    prefixes = {code: [text[:4] for text in texts] for code, texts in TEXTS.items()}
    full, prefix = bx.count_active(model, TEXTS), bx.count_active(model, prefixes)
    rest = full - prefix
    assert torch.equal(rest.active + prefix.active, full.active)
    assert torch.equal(rest.tokens + prefix.tokens, full.tokens)
    for name, counts in (("full", full), ("prefix", prefix)):
        assert rest.card["inputs"][name] == {key: counts.card[key] for key in ("function", "data", "options")}


def counts_of(active, tokens):
    """Counts of two languages, en from `active` [L, N] and `tokens`, sw from the same."""
    return bx.ActivationCounts(torch.stack([active, active]), torch.tensor([tokens, tokens]), ("en", "sw"), {})


def test_differences_slightly_out_of_range_are_clamped_and_warned_of():
    # As in published counts: the two runs round differently, a few neurons are below 0 or above the remaining tokens.
    full, prefix = torch.full((4, 500), 60), torch.full((4, 500), 20)
    full[0, 0], prefix[0, 0] = 10, 17
    full[3, 2], prefix[3, 2] = 80, 5
    with pytest.warns(UserWarning, match=r"en 2 neurons \(up to 7 below 0, 25 above the tokens\); sw 2 neurons"):
        rest = counts_of(full, 100) - counts_of(prefix, 50)
    assert rest.active[0, 0, 0] == 0
    assert rest.active[0, 3, 2] == 50
    untouched = torch.ones(4, 500, dtype=torch.bool)
    untouched[0, 0] = untouched[3, 2] = False
    assert torch.equal(rest.active[1][untouched], (full - prefix)[untouched])
    # LAPE refuses probabilities outside [0, 1], so it had refused these counts.
    assert set(bx.lape(rest, 0.1, discard=False)) == {"en", "sw"}


def test_counts_that_are_not_of_the_prefixes_are_not_subtracted():
    full, prefix = torch.full((4, 500), 60), torch.full((4, 500), 20)
    with pytest.raises(bx.InputError, match="en: these are not counts of the same texts with and without their prefixes"):
        counts_of(prefix, 100) - counts_of(full, 50)
    with pytest.raises(bx.InputError, match="0 tokens are left"):
        counts_of(full, 100) - counts_of(prefix, 100)


def test_counts_of_other_languages_are_not_subtracted():
    model = tiny.load()
    with pytest.raises(bx.InputError, match="other languages"):
        bx.count_active(model, TEXTS) - bx.count_active(model, {"en": TEXTS["en"]})


@pytest.mark.parametrize(("kind", "site", "differing"), [("llama", "gated", "site"), ("qwen2", "act", "model, weights_sha256")])
def test_counts_of_another_model_or_site_are_not_subtracted(kind, site, differing):
    # All tiny models have the same shape: only the run card tells them apart.
    with pytest.raises(bx.InputError, match=f"{differing} differ"):
        bx.count_active(tiny.load("llama"), TEXTS) - bx.count_active(tiny.load(kind, site), TEXTS)


def test_card_describes_the_data():
    model = tiny.load("llama", "gated")
    counts = bx.count_active(model, TEXTS)
    assert counts.card["site"] == "gated"
    assert counts.card["weights_sha256"] == model.card["weights_sha256"]
    assert counts.card["data"]["texts"] == {"en": 3, "sw": 3}
    changed = bx.count_active(model, TEXTS | {"en": ["The sun is cold.", *TEXTS["en"][1:]]})
    assert changed.card["data"]["sha256"] != counts.card["data"]["sha256"]
    assert str(tiny.folder("llama").parent) not in json.dumps(counts.card)


def test_every_result_has_its_card():
    model, options = tiny.load(), {"special_tokens": True}
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]})
    counts = bx.count_active(model, TEXTS, **options)
    prefixes = {code: [text[:4] for text in texts] for code, texts in TEXTS.items()}
    cards = {
        "count_active": counts.card,
        "count_generated": bx.count_generated(model, TEXTS, max_new_tokens=2).card,
        "probe": bx.probe(model, lexicon, **options).card,
        "token_values": bx.token_values(model, TEXTS, 1, 2).attrs["card"],
        "ActivationCounts.__sub__": (counts - bx.count_active(model, prefixes, **options)).card,
    }
    for function, card in cards.items():
        assert card["function"] == function
        assert json.loads(json.dumps(card)) == card
        assert {name: card[name] for name in ("model", "weights_sha256", "dtype", "attention", "site")} == {
            name: model.card[name] for name in ("model", "weights_sha256", "dtype", "attention", "site")
        }
        assert len(card["data"]["sha256"]) == 64
        assert card["versions"]["torch"] == torch.__version__
    assert cards["count_active"]["options"] == {**options, "parts": 10}
    assert cards["count_generated"]["options"] == {"max_new_tokens": 2}
    assert cards["probe"]["options"] == {"special_tokens": True, "keep": None, "statistic": "mean"}
    assert (cards["probe"]["data"]["src"], cards["probe"]["data"]["tgt"]) == ("sw", "tl")
    assert cards["token_values"]["options"] == {"layer": 1, "neuron": 2}


# Files of the published scripts


def lape_files(folder, counts, tokens):
    """Files as the scripts write them; `tokens` is their name for the number of tokens seen."""
    files = {}
    for code, active, seen in zip(counts.languages, counts.active, counts.tokens, strict=True):
        files[code] = folder / f"activation.{code}.train.mini.pt"
        torch.save({tokens: int(seen), "over_zero": active.int()}, files[code])
    return files


@pytest.mark.parametrize("tokens", ["n", "total_tokens"])
def test_lape_files(tmp_path, tokens):
    counts = bx.count_active(tiny.load(), TEXTS)
    again = bx.ActivationCounts.from_lape(lape_files(tmp_path, counts, tokens))
    assert again.languages == ("en", "sw")
    assert torch.equal(again.active, counts.active)
    assert torch.equal(again.tokens, counts.tokens)
    assert (again.card["function"], again.card["site"]) == ("ActivationCounts.from_lape", "act")
    assert again.card["data"]["files"]["en"] == "activation.en.train.mini.pt"
    json.dumps(again.card)
    again.save(tmp_path / "counts")
    assert torch.equal(bx.ActivationCounts.load(tmp_path / "counts").active, counts.active)


class Danger:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("danger",)


@pytest.mark.parametrize(
    "content",
    [
        {"n": 3},
        {"over_zero": torch.ones(2, 3)},
        {"over_zero": torch.ones(3), "n": 3},
        {"over_zero": torch.full((2, 3), 4), "n": 3},
        {"over_zero": torch.full((2, 3), 0.5), "n": 3},
        {"over_zero": torch.full((2, 3), -1), "n": 3},
        {"over_zero": torch.ones(4, 3).int(), "n": 3},
        torch.ones(2, 3),
        Danger(),
    ],
    ids=["no counts", "no tokens", "one layer", "too many", "not whole", "negative", "other shape", "not a dict", "code"],
)
def test_lape_file_that_cannot_be_used(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"over_zero": torch.ones(2, 3).int(), "n": 3}, tmp_path / "good.pt")
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(bx.InputError, match=r"bad\.pt"):
        bx.ActivationCounts.from_lape({"en": tmp_path / "good.pt", "sw": tmp_path / "bad.pt"})
    assert not (tmp_path / "danger").exists()


def test_missing_or_unreadable_lape_file(tmp_path):
    (tmp_path / "text.pt").write_text("not tensors")
    for name in ("none.pt", "text.pt"):
        with pytest.raises(bx.InputError, match=name):
            bx.ActivationCounts.from_lape({"en": tmp_path / name})
    with pytest.raises(bx.InputError, match="language"):
        bx.ActivationCounts.from_lape({})
