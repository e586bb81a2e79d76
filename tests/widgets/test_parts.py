"""What all explorers are made of."""

import re

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import bridgex_nb as bx
from bridgex_nb.plots import _style
from bridgex_nb.widgets._parts import PAGE_COLOURS, language_options, svg


def colours(picture):
    return set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", picture))


@pytest.fixture(scope="module")
def pictures(mini):
    """Every figure that an explorer shows."""
    sets = bx.top_neurons(bx.count_active(mini, bx.core_sentences()), 0.05)
    ranking = bx.rank_bridges(bx.probe(mini, bx.core_lexicon("sw", "tl")), sets, [*bx.BRIDGES, "id"])
    active = pd.Series({code: 0.5 for code in [*bx.LANGUAGES, "xh", "x1"]})
    return [svg(bx.plots.bridge_overview(ranking), "scores"), svg(bx.plots.neuron_by_language(active, "a neuron"), "languages")]


def test_pictures_leave_black_and_grey_to_the_page(pictures):
    """Whatever has a colour of its own is a bridge or a family."""
    meaningful = {to_hex(colour) for colour in (*_style.PALETTE, *_style.FAMILY_COLOURS.values())}
    for picture in pictures:
        assert colours(picture) <= meaningful
        assert "currentColor" in picture
    assert "color-mix" in pictures[0]  # the shaded layers


def test_the_colours_that_a_page_replaces_are_those_of_the_figures():
    assert {_style.INK, _style.LINE, _style.SHADE} == {*PAGE_COLOURS}
    assert {to_hex(colour) for colour in PAGE_COLOURS} == {*PAGE_COLOURS}  # as matplotlib writes them into an SVG
    figure = Figure()
    for colour in [*PAGE_COLOURS, "#123456"]:
        figure.text(0.5, 0.5, "word", color=colour, bbox={"facecolor": colour, "edgecolor": colour})
    assert colours(svg(figure, "words")) == {"#123456"}


def test_every_language_is_offered_grouped_by_family():
    families = [label.rsplit(" · ", 1)[1] for label, _ in language_options(bx.LANGUAGES)]
    assert families == sorted(families)
    assert {code for _, code in language_options(bx.LANGUAGES)} == set(bx.LANGUAGES)
