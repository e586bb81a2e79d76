"""The explorers with languages outside the study.

bridgex-mini knows no others, so Swahili, Tagalog and Spanish are added under other codes: with the same names in their prompts,
texts and words, everything must come out as for the languages that they are.
"""

import pytest
from pandas.testing import assert_frame_equal

import bridgex_nb as bx
from bridgex_nb.datasets import _languages
from bridgex_nb.widgets._bridge_state import BridgeState
from bridgex_nb.widgets._spectrum_explorer import SpectrumState
from bridgex_nb.widgets._texts import Texts

NEW = {"sw": "swx", "tl": "tlx", "es": "esx"}
SENTENCES = {code: texts[:60] for code, texts in bx.core_sentences(["sw", "tl", "en", "de", "es"]).items()}
RENAMED = {NEW.get(code, code): texts for code, texts in SENTENCES.items()}


@pytest.fixture(autouse=True)
def added(monkeypatch):
    monkeypatch.setattr(_languages, "_added", {})
    for old, new in NEW.items():
        known = bx.language(old)
        bx.add_language(new, known.name, known.autonym, known.family, known.script)


def lexicon():
    return bx.Lexicon("swx", "tlx", bx.core_lexicon("sw", "tl").entries)


def test_the_ranking_is_that_of_the_languages_behind_the_codes(mini):
    shown = BridgeState(mini, "swx", "tlx", 0.05, Texts(RENAMED, lexicon()))
    assert shown.bridges == ["en", "de"]  # those of the study that there are texts in
    shown.choose(bridges=["en", "de", "esx"])
    shown.wait()
    assert shown.error == ""
    counts = bx.count_active(mini, SENTENCES)
    direct = bx.rank_bridges(
        bx.probe(mini, bx.known_words(mini, bx.core_lexicon("sw", "tl"))),
        bx.top_neurons(counts, 0.05),
        ["en", "de", "es"],
        redraws=bx.redraw_sets(counts, 0.05),
    )
    assert_frame_equal(shown.ranking.table.replace("esx", "es"), direct.table, rtol=1e-6)
    code = shown.code()
    assert "count_active(model, texts)" in code
    assert "known_words(model, lexicon)" in code
    figure = shown.figure()
    assert {"English", "German", "Spanish"} <= {label.get_text() for label in figure.axes[0].get_yticklabels()}


def test_a_picker_offers_the_languages_of_the_texts(mini):
    explorer = bx.BridgeExplorer(mini, "swx", "tlx", texts=RENAMED, lexicon=[lexicon()])
    explorer.state.cancel()
    assert set(explorer.state.texts.languages) == {"swx", "tlx", "en", "de", "esx"}
    assert explorer.state.texts.lexicon("tlx", "swx").entries.keys() == lexicon().reverse().entries.keys()
    with pytest.raises(Exception, match="src: 'hi' is none of swx, tlx"):
        explorer.state.choose(src="hi")


def test_flores_codes_are_codes_too(mini):
    flores = {bx.language(code).flores: texts for code, texts in SENTENCES.items()}
    texts = Texts(flores)
    assert texts.sentences == SENTENCES
    texts.check("swh_Latn")
    state = BridgeState(mini, "sw", "tl", 0.05, texts)
    state.wait()
    assert state.error == ""
    assert state.bridges == ["en", "de", "es"]
    with pytest.raises(bx.InputError, match="'swh_Latn' is 'sw', Swahili, which is there already"):
        Texts({"sw": ["a"], "swh_Latn": ["b"], "en": ["c"]})


def test_a_pair_without_words_says_so(mini):
    state = BridgeState(mini, "swx", "en", 0.05, Texts(RENAMED, lexicon()))
    state.wait()
    assert state.error == "there are no swx-en words: Swahili is not in the core lexicon; give lexicon="
    assert state.ranking is None


def test_the_spectrum_has_the_languages_of_the_texts(mini):
    state = SpectrumState(mini, 0.05, Texts(RENAMED))
    state.refresh()
    state.wait()
    assert list(state.matrix.index) == list(RENAMED)
    direct = bx.language_matrix(bx.Evidence(mini, bx.count_active(mini, SENTENCES), 0.05, SENTENCES), "lift")
    assert state.matrix.to_numpy() == pytest.approx(direct.to_numpy(), nan_ok=True)


def test_the_spectrum_explorer_opens_pairs_of_them(mini):
    explorer = bx.SpectrumExplorer(mini, src="swx", tgt="tlx", texts=RENAMED, lexicon=lexicon())
    assert len(explorer._cells) == 10
    explorer._cells["esx", "de"].click()
    assert (explorer.pair.state.src, explorer.pair.state.tgt) == ("esx", "de")
    assert explorer.pair.state.texts is explorer.state.texts
    explorer.state.cancel()
    explorer.pair.state.cancel()


def test_a_neuron_in_the_languages_of_the_texts(mini):
    explorer = bx.NeuronExplorer(mini, 3, 5, {code: texts[:5] for code, texts in RENAMED.items()})
    explorer.state.wait()
    assert list(explorer.state.probability.index) == list(RENAMED)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"sw": ["a"], "xx": ["b"], "en": ["c"]}, "unknown language 'xx'"),
        ({"sw": ["a"], "hi": [], "en": ["c"]}, "Hindi has none"),
        ({"sw": ["a"], "hi": ["b"]}, "three languages"),
        ({"sw": ["a"], "hi": ["b"], "en": ["c", "d"]}, "parallel, but languages have 1 to 2"),
    ],
)
def test_texts_that_do_not_fit(texts, message):
    with pytest.raises(bx.InputError, match=message):
        Texts(texts)


def test_a_language_without_texts_is_refused(mini):
    with pytest.raises(bx.InputError, match="no texts in Hindi, only in en de fr"):
        bx.BridgeExplorer(mini, "hi", "ur")
