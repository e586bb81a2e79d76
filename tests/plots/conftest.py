"""Results to draw, and one figure of every kind."""

import numpy as np
import pandas as pd
import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI

CODES = list(bx.LANGUAGES)


@pytest.fixture(scope="module")
def matrix():
    values = np.random.default_rng(0).uniform(size=(15, 15))
    values = np.where(np.eye(15, dtype=bool), np.nan, values + values.T)
    return pd.DataFrame(values, index=CODES, columns=CODES)


@pytest.fixture(scope="module")
def accuracies():
    rng = np.random.default_rng(0)
    rows = [
        (src, tgt, bridge, rng.uniform())
        for src, tgt in bx.PAIRS
        for bridge in ("zero-shot", *bx.BRIDGES)
        if bridge not in (src, tgt)
    ]
    return pd.DataFrame(rows, columns=["src", "tgt", "bridge", "accuracy"])


@pytest.fixture(scope="module")
def ranking(mini):
    sets = bx.top_neurons(bx.count_active(mini, bx.core_sentences()), 0.05)
    return bx.rank_bridges(bx.probe(mini, bx.core_lexicon("sw", "tl")), sets)


@pytest.fixture(scope="module")
def controlled(mini):
    words = [bx.core_lexicon(*pair).sample(12) for pair in (("sw", "tl"), ("en", "he"))]
    return bx.control_gains(bx.bridge_controls(mini, "bli", words, ["en", "fr"]), resamples=50)


@pytest.fixture(scope="module")
def sharing():
    generator = torch.Generator().manual_seed(0)
    codes = ("en", "vi", "sw")
    return bx.sharing_types({code: torch.randn(5, 40, 3, generator=generator) for code in codes}, [0, 0.2, 0.4, 0.5])


@pytest.fixture(scope="module")
def alignment(mini):
    return bx.alignment(mini, {code: texts[:20] for code, texts in bx.core_words().items()}, resamples=20)


@pytest.fixture(scope="module")
def depth(mini):
    words = {code: texts[:20] for code, texts in bx.core_words().items()}
    evidence = bx.Evidence(mini, bx.count_active(mini, words), 0.05, words)
    return bx.agreement_by_depth(evidence, ["lift", "alignment"], permutations=500)


@pytest.fixture(scope="module")
def gains():
    """As `compare` gives it: one bridge helps, one does nothing, one harms."""
    rows = [
        ("sw", "tl", "en", 0.3, 0.2, 0.4, 0.001),
        ("sw", "tl", "fr", 0.02, -0.02, 0.05, 0.6),
        ("ar", "he", "fr", -0.2, -0.3, -0.1, 0.01),
    ]
    return pd.DataFrame(rows, columns=["src", "tgt", "bridge", "gain", "low", "high", "p_holm"])


@pytest.fixture(scope="module")
def board(mini):
    lexicons = [bx.core_lexicon(*pair).sample(12) for pair in (("zh", "he"), ("sw", "tl"))]
    items = bx.answers(mini, "bli", lexicons, ["en", "fr", "es"])
    return bx.leaderboard(mini, items, ["overlap_jaccard", "typology"])


@pytest.fixture(scope="module")
def routing(mini):
    lexicons = [bx.core_lexicon(*pair).sample(12) for pair in (("zh", "he"), ("sw", "tl"))]
    items = bx.answers(mini, "bli", lexicons, [None, "en", "fr"])
    return bx.routing_regret(items, combined=[bx.combine(items, ["en", "fr"])], resamples=50)


@pytest.fixture(scope="module")
def settings_of_one_pair(mini):
    words, texts = bx.core_lexicon("sw", "tl").sample(12), {code: some[:40] for code, some in bx.core_sentences().items()}
    options = {"rates": [0.05], "sites": ["act"], "statistics": ["mean"], "special_tokens": [False]}
    return bx.sensitivity(mini, words, ["en", "fr"], texts=texts, **options)


@pytest.fixture(scope="module")
def lenses(mini):
    """Swahili to Tagalog, and English, which is a bridge otherwise, to Swahili."""
    pairs = (("sw", "tl"), ("en", "sw"))
    return [bx.language_lens(mini, bx.core_lexicon(*pair).sample(40), ["en", "fr", "de"], resamples=100) for pair in pairs]


@pytest.fixture
def figures(
    matrix, accuracies, ranking, sharing, alignment, depth, gains, board, controlled, settings_of_one_pair, lenses, routing
):
    return [
        bx.plots.overlap_heatmap(matrix.fillna(1)),
        bx.plots.spectrum_clustermap(matrix),
        bx.plots.hsic_by_layer(ranking),
        bx.plots.bridge_overview(ranking),
        bx.plots.bridge_ranking(ranking),
        bx.plots.neuron_by_language(pd.Series({code: 0.5 for code in bx.LANGUAGES}), "a neuron"),
        bx.plots.xicl_heatmap(accuracies, {("sw", "tl"): "en"}),
        bx.plots.sharing_types(sharing),
        bx.plots.alignment_by_layer(alignment),
        bx.plots.depth_profile(depth),
        bx.plots.emergence_curves(pd.read_csv(MINI / "emergence.csv")),
        bx.plots.bridge_gains(gains),
        bx.plots.control_gains(controlled),
        bx.plots.selector_leaderboard(board),
        bx.plots.choice_sensitivity(settings_of_one_pair),
        bx.plots.lens_by_layer(lenses[0]),
        bx.plots.lens_heatmap(lenses),
        bx.plots.routing_leaderboard(routing),
    ]
