"""The layers that a score is averaged over, chosen from how languages are aligned and told apart in them."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..stats._resampling import percentile_interval
from ..utils._progress import outer_bar
from ..utils._run_card import RunCard
from ._evidence import Evidence, check_languages
from ._language_matrix import evidence_card
from ._pairing import aligned, chance_score
from ._sentence_vectors import token_rows, vectors_of


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """The layers in which languages are most aligned and least told apart.

    Attributes
    ----------
    window : tuple of float
        The chosen layers as fractions of depth [from, to), as `rank_bridges` takes them.
    layers : range
        The same as numbers, from 0.
    by_layer : pandas.DataFrame
        One row per layer: layer, alignment (share of sentences that find their translation, mean over pairs of languages),
        chance (of the alignment), separability (share of the variance between sentences that is between languages),
        separability_chance, score (standardised alignment minus standardised separability), low and high (95 % bootstrap
        interval of the score, over sentences), chosen, share (of bootstrap draws in which the layer is chosen).
    card : RunCard
        The run card.
    """

    window: tuple[float, float]
    layers: range
    by_layer: pd.DataFrame = field(repr=False)
    card: RunCard = field(repr=False)


def choose_layers(evidence: Evidence, *, state: str = "binary", resamples: int = 200, seed: int = 0) -> LayerChoice:
    """Choose the layers that scores are averaged over from the sentences, before any accuracy is looked at.

    Sentences of several languages should be represented by what they say and not by the language that they say it in. So the
    score of a layer is how well it aligns translations, minus how well it tells languages apart, each standardised over the
    layers; the chosen ones are the run of neighbouring layers with the largest sum of scores. The scores sum to 0 over all
    layers, so that no threshold is needed, and neither all layers nor none are chosen.

    `layer_window`, the window of the released code of BridgeX-ICL, stays the default of all functions.

    Parameters
    ----------
    evidence : Evidence
        Its sentences are read, in the languages of its counts.
    state : {"binary", "value", "hidden"}
        What represents a token at a layer, as in `alignment`.
    resamples : int
        Number of bootstrap draws of the sentences, at least 1; the same ones in every language.
    seed : int
        Seed of the draws.

    Returns
    -------
    LayerChoice

    Raises
    ------
    InputError
        If there is one language only, the sentences lack a language, `state` is unknown, `resamples` is less than 1, or all
        layers are alike in both respects.

    Notes
    -----
    This project's; alignment is that of NeuronXA (Huang et al. 2025, arXiv 2507.14900). Separability is the R squared of a
    one-way multivariate analysis of variance by distances (Anderson 2001, Austral Ecology 26): sums of squares between
    languages over all, of the sentence vectors (`sentence_vectors`), summed over neurons. By chance it is (K - 1) / (K S - 1)
    with K languages and S sentences. The run with the largest sum is Kadane's (Bentley 1984, CACM 27).

    That the chosen layers make better rankings is not known; `window_effect` says what they change.

    Examples
    --------
    >>> choice = choose_layers(evidence)  # doctest: +SKIP
    >>> rank_bridges(probe, sets, window=choice.window)  # doctest: +SKIP
    """
    if resamples < 1:
        raise InputError(f"resamples={resamples}: take at least one")
    codes = evidence.counts.languages
    check_languages(evidence, "sentences", codes)
    if len(codes) < 2:
        raise InputError(f"the evidence is of {codes[0]} only: alignment needs a second language")
    key = ("layer_profile", state, resamples, seed)
    profile = evidence._once(key, lambda: _profile(evidence, state, resamples, seed))
    alignment, separability = profile  # [1 + resamples, L], the first row without resampling
    scores = _standardised(alignment) - _standardised(separability)
    if not np.abs(scores[0]).max() > 0:
        raise InputError("all layers align and separate the languages equally: there is nothing to choose by")
    runs = [_best_run(row) for row in scores]
    chosen, depth = runs[0], evidence.model.num_layers
    layers = np.arange(depth)
    share = np.mean([(layers >= run.start) & (layers < run.stop) for run in runs[1:]], axis=0)
    low, high = percentile_interval(scores[1:])
    sentences = len(evidence.sentences[codes[0]])
    by_layer = pd.DataFrame(
        {
            "layer": layers,
            "alignment": alignment[0],
            "chance": chance_score(sentences),
            "separability": separability[0],
            "separability_chance": (len(codes) - 1) / (len(codes) * sentences - 1),
            "score": scores[0],
            "low": low,
            "high": high,
            "chosen": (layers >= chosen.start) & (layers < chosen.stop),
            "share": share,
        }
    )
    options = {"state": state, "resamples": resamples, "seed": seed}
    card = evidence_card("choose_layers", evidence, ["alignment"], options)
    return LayerChoice((chosen.start / depth, chosen.stop / depth), chosen, by_layer, card)


def _profile(evidence: Evidence, state: str, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Alignment and separability of every layer, [1 + resamples, L]: of the sentences, and of every draw of them."""
    model = evidence.model
    sentences = {code: evidence.sentences[code] for code in evidence.counts.languages}
    rows = token_rows(model, sentences, state, special_tokens=False)
    with outer_bar(rows.values(), desc="reading layers", unit="language") as progress:
        vectors = [vectors_of(model, of_language, state, False, None) for of_language in progress]
    n = vectors[0].shape[1]
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    weights = torch.from_numpy(np.concatenate([np.ones((1, n)), draws]) / n)
    layers = [
        (_alignment(at_layer) @ weights.T, _separability(at_layer, weights))
        for at_layer in (torch.stack([of_language[layer] for of_language in vectors]) for layer in range(model.num_layers))
    ]
    alignment, separability = (torch.stack(part, dim=1).numpy() for part in zip(*layers, strict=True))
    return alignment, separability


def _alignment(vectors: torch.Tensor) -> torch.Tensor:
    """How often each sentence, of vectors [K, S, N], finds its translation: share of the pairs of languages, float64 [S]."""
    pairs = [aligned(x, y).double() for i, x in enumerate(vectors) for y in vectors[:i]]
    return torch.stack(pairs).mean(dim=0)


def _separability(vectors: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Share of the variance of vectors [K, S, N] that is between languages, under weights [R, S] of the sentences: [R]."""
    vectors = vectors.double()
    vectors = vectors - vectors.mean(dim=(0, 1))
    total = weights @ vectors.square().sum(dim=2).mean(dim=0)  # [R]
    means = torch.stack([weights @ of_language for of_language in vectors])  # [K, R, N]
    grand = means.mean(dim=0).square().sum(dim=1)
    between = means.square().sum(dim=2).mean(dim=0) - grand
    return torch.where(total - grand > 0, between / (total - grand).clamp(min=1e-300), 0.0)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and standard deviation 1; 0 where a row is constant."""
    centred = values - values.mean(axis=1, keepdims=True)
    spread = values.std(axis=1, keepdims=True)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)


def _best_run(scores: np.ndarray) -> range:
    """The run of neighbouring layers with the largest sum; of equal ones the first, and of these the shortest."""
    best, found, start, total = -np.inf, range(0), 0, 0.0
    for layer, score in enumerate(scores.tolist()):
        if total <= 0:
            start, total = layer, 0.0
        total += score
        if total > best + 1e-12:
            best, found = total, range(start, layer + 1)
    return found
