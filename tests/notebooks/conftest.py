"""What the tests of notebooks compare with: the same numbers from the package."""

import pytest

import bridgex_nb as bx


@pytest.fixture(scope="session")
def counts(mini):
    return bx.count_active(mini, bx.core_sentences())


@pytest.fixture(scope="session")
def ranking(mini, counts):
    known = bx.known_words(mini, bx.core_lexicon("sw", "tl"))
    sets, redraws = bx.top_neurons(counts, bx.neurons.RATE), bx.redraw_sets(counts, bx.neurons.RATE)
    return bx.rank_bridges(bx.probe(mini, known), sets, redraws=redraws)
