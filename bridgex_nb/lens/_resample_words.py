"""Means over the words of a lens, and the same over bootstrap draws of the words."""

import numpy as np
import torch

from ..utils._run_card import RunCard


def draw_words(words: int, card: RunCard) -> np.ndarray:
    """How often each word is in each draw with replacement, int64 [R, S]; R and the seed are those of a lens' run card."""
    options = card.get("options", {})
    return np.random.default_rng(options["seed"]).multinomial(words, np.full(words, 1 / words), size=options["resamples"])


def mean_over_words(values: torch.Tensor, draws: np.ndarray | None = None) -> np.ndarray:
    """Means over the words that a language has values of.

    Parameters
    ----------
    values : torch.Tensor
        [L, K, S], NaN where a language has no value for a word.
    draws : numpy.ndarray, optional
        [R, S], of `draw_words`; without them, every word counts once.

    Returns
    -------
    numpy.ndarray
        [L, K], or [R, L, K] over draws. A draw without any word of a language says nothing of it, and counts as the mean over
        all its words. NaN where a language has no words.
    """
    array = values.double().numpy()
    layers, languages, words = array.shape
    known = ~np.isnan(array)
    filled = np.where(known, array, 0).reshape(-1, words)
    counts = np.ones((1, words)) if draws is None else draws
    totals = counts @ filled.T
    numbers = counts @ known.reshape(-1, words).T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = totals / numbers
        whole = filled.sum(axis=1) / known.reshape(-1, words).sum(axis=1)
    means = np.where(numbers > 0, means, whole).reshape(-1, layers, languages)
    return means[0] if draws is None else means
