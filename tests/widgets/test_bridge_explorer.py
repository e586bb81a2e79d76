"""The explorer's controls and its state follow each other. (What a browser makes of them: tests/browser.)"""

import ipywidgets
import pytest

import bridgex_nb as bx


@pytest.fixture
def explorer(mini):
    explorer = bx.BridgeExplorer(mini)
    yield explorer
    explorer.state.cancel()


def controls(widget):
    """Every control in a widget, by its label."""
    by_label = {} if isinstance(widget, ipywidgets.Box) else {getattr(widget, "description", ""): widget}
    for child in getattr(widget, "children", ()):
        by_label |= controls(child)
    return by_label


def test_controls_follow_the_state(explorer):
    bridges = ["es", "zh", "en"]
    explorer.state.choose(src="ar", tgt="he", bridges=bridges, rate=0.03, layers=(1, 2))
    shown = controls(explorer)
    assert explorer.state.bridges == bridges
    assert {name.name for name in bx.LANGUAGES.values() if shown[name.name].value} == {"Spanish", "Chinese", "English"}
    assert [shown[label].value for label in ("Source", "Target", "Study pair")] == ["ar", "he", ("ar", "he")]
    assert (shown["Neurons"].value, shown["Layers"].value) == (0.03, (1, 2))
    assert shown["Arabic"].disabled
    assert shown["Hebrew"].disabled


def test_the_state_follows_its_controls(explorer):
    shown = controls(explorer)
    shown["Study pair"].value = ("zh", "ja")
    shown["⇄ Swap"].click()
    assert (explorer.state.src, explorer.state.tgt, shown["Study pair"].value) == ("ja", "zh", "")
    shown["German"].value = False
    shown["Arabic"].value = True
    assert explorer.state.bridges == ["en", "fr", "it", "pt", "es", "ar"]
    shown["Target"].value = "he"
    assert shown["Study pair"].value == ("ja", "he")
    assert shown["Word"].options == tuple(bx.core_lexicon("ja", "he").entries)


def test_a_rate_of_your_own_is_a_stop_of_the_slider(mini):
    explorer = bx.BridgeExplorer(mini, rate=0.025)
    assert controls(explorer)["Neurons"].value == 0.025
    explorer.state.cancel()


def test_exports_wait_for_the_ranking(explorer, tmp_path):
    shown = controls(explorer)
    assert shown["PNG"].disabled
    explorer.state.wait()
    assert not shown["PNG"].disabled
    explorer.folder = tmp_path
    shown["PNG"].click()
    assert (tmp_path / "bridges_sw-tl.png").is_file()


def test_a_folder_that_cannot_be_written_is_reported_in_words(explorer, tmp_path):
    (tmp_path / "file").write_text("")
    explorer.state.wait()
    explorer.folder = tmp_path / "file"
    controls(explorer)["CSV"].click()
    assert 'role="alert"' in explorer._exported.value
    assert "file" in explorer._exported.value
