"""Alignment: does a model's state on a sentence find the sentence's translation? What NeuronXA and MEXA have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..stats._resampling import check_resamples, holm, percentile_interval
from ..utils._progress import outer_bar
from ..utils._run_card import RunCard, data_card, run_card
from ._pairing import aligned, chance_score, mean_pairing_p, nearest_both_ways, pairing_p
from ._sentence_vectors import token_rows, vectors_of


@dataclass(frozen=True, eq=False)
class Alignment:
    """How well each language's sentences are aligned with those of a pivot language.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per language: language, score (the mean over all layers), low, high (95 % bootstrap interval), chance, p (one-
        sided: is the score higher than with the translations assigned to the sentences at random?), p_holm (the same,
        corrected for the number of languages).
    by_layer : pandas.DataFrame
        One row per language and layer: language, layer (from 0), score, low, high, chance, p, p_holm (corrected for the number
        of rows).
    pivot : str
        Language code.
    state : str
        What represents a token: "binary", "value" or "hidden".
    sentences : int
        Number of sentences in each language.
    card : RunCard
        The run card.
    """

    table: pd.DataFrame
    by_layer: pd.DataFrame = field(repr=False)
    pivot: str
    state: str
    sentences: int
    card: RunCard = field(repr=False)

    @property
    def summary(self) -> str:
        """In which languages the score is above chance (corrected p < 0.05), in one sentence."""
        above, count = self.table.language[self.table.p_holm < 0.05], len(self.table)
        scores = f"mean score {self.table.score.mean():.3f}, chance {chance_score(self.sentences):.3f}"
        if above.empty:
            return f"At chance in every language; {scores}."
        where = (
            f"in {', '.join(above)}, at chance in the other {count - len(above)}" if len(above) < count else "in every language"
        )
        return f"Above chance {where}; {scores}."


def alignment(
    model: NeuronModel,
    sentences: Mapping[str, Sequence[str]],
    pivot: str = "en",
    *,
    state: str = "binary",
    special_tokens: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int | None = None,
) -> Alignment:
    """Share of sentences whose translation is nearest to them, at each layer of the model, for every language with a pivot.

    C is the matrix of cosines between the vectors of the n sentences of the pivot and those of their n translations
    (`sentence_vectors`). The score mu of a layer is the share of i for which C_ii is greater than everything else in row i and
    in column i (`aligned`); a language's score is the mean over the layers. The highest score is 1. Chance is 1 / (2 n - 1):
    without any structure in the vectors, each of the 2 n - 1 cosines of row i and column i is as likely to be the largest.

    Parameters
    ----------
    model : NeuronModel
    sentences : mapping of str to sequence of str
        Language -> n sentences, aligned by position; 100 are enough for stable scores (NeuronXA).
    pivot : str
        Language that the others are compared with.
    state : {"binary", "value", "hidden"}
        What represents a token. `binary`: 1 for each neuron > 0, else 0 (NeuronXA's NAS). `value`: each neuron's absolute value
        (its NAV). `hidden`: the output of the layer (MEXA). `neuronxa` and `mexa` name the methods.
    special_tokens : bool
        Whether the tokens that the tokenizer adds (BOS) are part of a sentence's vector; the model reads them in any case.
    resamples : int
        Number of bootstrap draws of the sentences.
    seed : int
        Seed of the draws, and of the random pairings behind p.
    token_budget : int, optional
        Tokens of one padded batch; by default what is fastest on a CPU, and 8,192 on a GPU. Halved until a batch fits into
        memory.

    Returns
    -------
    Alignment

    Raises
    ------
    InputError
        If the pivot or every other language is missing, the languages differ in their number of sentences or have fewer than
        two, a sentence has no token or is longer than the model's context, or activations are not finite.

    Notes
    -----
    NeuronXA (Huang et al. 2025, arXiv 2507.14900); with ``state="hidden"`` MEXA (Kargaran et al. 2024, arXiv 2410.05873).

    The bootstrap draws from the n marks, aligned or not, that the sentences got against the whole set; all languages meet the
    same draws. The cosine matrix itself is not resampled: a sentence that occurs twice in a draw would tie with itself and
    never be aligned, and one with fewer rivals would be aligned more easily. The interval is about other sentences among as
    many rivals. A score of 0 has the interval [0, 0]: whether a score is above chance is a matter of p.

    p compares with the translations assigned to the sentences at random, given the cosines, because marks are not independent
    of each other: a pairing at random scores between 0 and 1 / n on average, least where a few sentences are near to
    everything. It is exact at a layer, and from 9,999 pairings for the mean over layers, at which the pairing is the same.
    Above chance means that something of the pairs is alike, which may be their spelling, numerals or length.

    Examples
    --------
    >>> result = alignment(load_model(), core_sentences())
    >>> result.by_layer.columns.tolist()
    ['language', 'layer', 'score', 'low', 'high', 'chance', 'p', 'p_holm']
    """
    options = {"special_tokens": special_tokens, "resamples": resamples, "seed": seed, "token_budget": token_budget}
    return align("alignment", model, sentences, pivot, state, **options)


def align(
    function: str,
    model: NeuronModel,
    sentences: Mapping[str, Sequence[str]],
    pivot: str,
    state: str,
    *,
    special_tokens: bool,
    resamples: int,
    seed: int,
    token_budget: int | None,
) -> Alignment:
    """`alignment` for the public function that is named in the run card."""
    check_resamples(resamples)
    rows = token_rows(model, sentences, state, special_tokens)
    if pivot not in rows:
        raise InputError(f"no sentences in the pivot {pivot!r}; available: {', '.join(rows)}")
    if len(rows) < 2:
        raise InputError(f"there are sentences only in the pivot {pivot!r}; alignment needs a second language")
    n = len(rows[pivot])
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples) / n
    tables, means = [], []
    with outer_bar([pivot, *(code for code in rows if code != pivot)], desc="aligning", unit="language") as progress:
        for code in progress:
            vectors = vectors_of(model, rows[code], state, special_tokens, token_budget)
            if code == pivot:
                pivot_vectors = vectors
                continue
            nearest = nearest_both_ways(pivot_vectors, vectors)
            marks = nearest.diagonal(dim1=-2, dim2=-1).double().numpy()
            scores = draws @ marks.T
            low, high = percentile_interval(scores)
            layers = {"language": code, "layer": range(len(marks)), "score": marks.mean(axis=1), "low": low, "high": high}
            tables.append(pd.DataFrame(layers | {"chance": chance_score(n), "p": pairing_p(nearest)}))
            interval = percentile_interval(scores.mean(axis=1))
            means.append((code, marks.mean(), *interval, chance_score(n), mean_pairing_p(nearest, seed)))
    options = {"pivot": pivot, "state": state, "special_tokens": special_tokens, "resamples": resamples, "seed": seed}
    data = {"kind": "parallel sentences", **data_card(sentences)}
    card = run_card(function, model.card, data=data, options=options)
    table = pd.DataFrame(means, columns=["language", "score", "low", "high", "chance", "p"])
    table, by_layer = (one.assign(p_holm=holm(one.p.to_numpy())) for one in (table, pd.concat(tables, ignore_index=True)))
    return Alignment(table, by_layer, pivot, state, n, card)


def mutual_alignment(
    model: NeuronModel,
    sentences: Mapping[str, Sequence[str]],
    *,
    state: str = "binary",
    special_tokens: bool = False,
    token_budget: int | None = None,
) -> torch.Tensor:
    """The score of `alignment` between every two languages, at each layer.

    The sentence vectors of all languages are in memory at once, 4 K L S N bytes.

    Parameters
    ----------
    model, sentences, state, special_tokens, token_budget
        As in `alignment`.

    Returns
    -------
    torch.Tensor
        float64 [L, K, K], symmetric, in the order of `sentences`; the diagonal, a language with itself, is 1 unless two of its
        sentences have the same vector.

    Raises
    ------
    InputError
        As `alignment`.

    Notes
    -----
    NeuronXA (Huang et al. 2025, arXiv 2507.14900).

    Examples
    --------
    >>> words = {code: core_words()[code][:5] for code in ("en", "de")}
    >>> mutual_alignment(load_model(), words).shape
    torch.Size([6, 2, 2])
    """
    rows = token_rows(model, sentences, state, special_tokens)
    with outer_bar(rows.values(), desc="aligning", unit="language") as progress:
        vectors = [vectors_of(model, of_language, state, special_tokens, token_budget) for of_language in progress]
    scores = torch.empty(model.num_layers, len(rows), len(rows), dtype=torch.float64)
    for i, x in enumerate(vectors):
        for j, y in enumerate(vectors[: i + 1]):
            scores[:, i, j] = scores[:, j, i] = aligned(x, y).double().mean(dim=1)
    return scores
