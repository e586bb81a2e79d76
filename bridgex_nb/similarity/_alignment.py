"""Alignment: does a model's state on a sentence find the sentence's translation? What NeuronXA and MEXA have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..inference._passes import run_pass
from ..inference._tokens import whole_rows
from ..models._neuron_model import NeuronModel
from ..stats._resampling import check_resamples, percentile_interval
from ..utils._progress import outer_bar
from ..utils._run_card import RunCard, data_card, run_card

#: What represents a token at a layer. `binary`: 1 for each neuron > 0, else 0 (NeuronXA's NAS). `value`: each neuron's absolute
#: value (its NAV). `hidden`: the output of the layer (MEXA).
STATES = ("binary", "value", "hidden")
#: The largest lead of one cosine over another that float32 rounding may cause: a tie.
_TIE = 1e-6


@dataclass(frozen=True, eq=False)
class Alignment:
    """How well each language's sentences are aligned with those of a pivot language.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per language: language, score (the mean over all layers), low, high (95 % bootstrap interval).
    by_layer : pandas.DataFrame
        One row per language and layer: language, layer (from 0), score, low, high.
    pivot : str
        Language code.
    state : str
        One of `STATES`.
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


def alignment(
    model: NeuronModel,
    sentences: Mapping[str, Sequence[str]],
    pivot: str = "en",
    *,
    state: str = "binary",
    special_tokens: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int = 8192,
) -> Alignment:
    """Share of sentences whose translation is nearest to them, at each layer of the model, for every language with a pivot.

    C is the matrix of cosines between the vectors of the n sentences of the pivot and those of their n translations
    (`sentence_vectors`). The score mu of a layer is the share of i for which C_ii is greater than everything else in row i and
    in column i (`aligned`); a language's score is the mean over the layers. The highest score is 1. Sentences paired at random
    score at most 1 / n on average, and vectors without any structure half of that.

    Parameters
    ----------
    model : NeuronModel
    sentences : mapping of str to sequence of str
        Language -> n sentences, aligned by position; 100 are enough for stable scores (NeuronXA).
    pivot : str
        Language that the others are compared with.
    state : {"binary", "value", "hidden"}
        See `STATES`; `neuronxa` and `mexa` name the methods.
    special_tokens : bool
        Whether the tokens that the tokenizer adds (BOS) are part of a sentence's vector; the model reads them in any case.
    resamples : int
        Number of bootstrap draws of the sentences.
    seed : int
        Seed of the draws.
    token_budget : int
        Tokens in one padded batch. If they do not fit into memory, it is halved until they do.

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
    many rivals.

    Examples
    --------
    >>> result = alignment(load_model(), core_sentences())
    >>> result.by_layer.columns.tolist()
    ['language', 'layer', 'score', 'low', 'high']
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
    token_budget: int,
) -> Alignment:
    """`alignment` for the public function that is named in the run card."""
    check_resamples(resamples)
    rows = _token_rows(model, sentences, state, special_tokens)
    if pivot not in rows:
        raise InputError(f"no sentences in the pivot {pivot!r}; available: {', '.join(rows)}")
    if len(rows) < 2:
        raise InputError(f"there are sentences only in the pivot {pivot!r}; alignment needs a second language")
    n = len(rows[pivot])
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples) / n
    tables, means = [], []
    with outer_bar([pivot, *(code for code in rows if code != pivot)], desc="aligning", unit="language") as progress:
        for code in progress:
            vectors = _vectors(model, rows[code], state, special_tokens, token_budget)
            if code == pivot:
                pivot_vectors = vectors
                continue
            marks = aligned(pivot_vectors, vectors).double().numpy()
            scores = draws @ marks.T
            low, high = percentile_interval(scores)
            layers = {"language": code, "layer": range(len(marks)), "score": marks.mean(axis=1), "low": low, "high": high}
            tables.append(pd.DataFrame(layers))
            means.append((code, marks.mean(), *percentile_interval(scores.mean(axis=1))))
    options = {"pivot": pivot, "state": state, "special_tokens": special_tokens, "resamples": resamples, "seed": seed}
    data = {"kind": "parallel sentences", **data_card(sentences)}
    card = run_card(function, model.card, data=data, options=options)
    table = pd.DataFrame(means, columns=["language", "score", "low", "high"])
    return Alignment(table, pd.concat(tables, ignore_index=True), pivot, state, n, card)


def mutual_alignment(
    model: NeuronModel,
    sentences: Mapping[str, Sequence[str]],
    *,
    state: str = "binary",
    special_tokens: bool = False,
    token_budget: int = 8192,
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
    rows = _token_rows(model, sentences, state, special_tokens)
    with outer_bar(rows.values(), desc="aligning", unit="language") as progress:
        vectors = [_vectors(model, of_language, state, special_tokens, token_budget) for of_language in progress]
    scores = torch.empty(model.num_layers, len(rows), len(rows), dtype=torch.float64)
    for i, x in enumerate(vectors):
        for j, y in enumerate(vectors[: i + 1]):
            scores[:, i, j] = scores[:, j, i] = aligned(x, y).double().mean(dim=1)
    return scores


def sentence_vectors(
    model: NeuronModel,
    texts: Sequence[str],
    *,
    state: str = "binary",
    special_tokens: bool = False,
    token_budget: int = 8192,
) -> torch.Tensor:
    """One vector per sentence and layer: the mean of its tokens' states, weighted by position.

    Token t of T has weight t / (1 + … + T), so that tokens that have seen more of the sentence count more; padding has weight
    0.

    Parameters
    ----------
    model, state, special_tokens, token_budget
        As in `alignment`.
    texts : sequence of str
        S sentences of one language.

    Returns
    -------
    torch.Tensor
        float32 [L, S, N]; for the state `hidden` [L, S, d], d the width of the model.

    Raises
    ------
    InputError
        If there is no text, a text has no token or is longer than the model's context, or activations are not finite.

    Notes
    -----
    NeuronXA (Huang et al. 2025, arXiv 2507.14900); the weights are those of Muennighoff 2022 (arXiv 2202.08904).

    Examples
    --------
    >>> sentence_vectors(load_model(), ["Jua ni kali.", "Ninakunywa maji."]).shape
    torch.Size([6, 2, 768])
    """
    if isinstance(texts, str) or not len(texts):
        raise InputError("sentence_vectors needs a list of at least one text")
    _check_state(state)
    rows = whole_rows(model, texts, special_tokens=special_tokens, kind="sentence")
    return _vectors(model, rows, state, special_tokens, token_budget)


def aligned(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Which of n sentences find their translation: C_ii is greater than everything else in row i and column i.

    C_ij is the cosine of x_i and y_j. A lead of less than 1e-6 is a tie, and a tie is not aligned. A vector of zeros has
    cosine 0 with everything.

    Parameters
    ----------
    x, y : torch.Tensor
        [..., n, d], vectors of n sentences and of their translations, n at least 2.

    Returns
    -------
    torch.Tensor
        bool [..., n]; its mean is the score mu.

    Raises
    ------
    InputError
        If the shapes do not fit, or n is below 2.

    Examples
    --------
    >>> aligned(torch.eye(3), torch.tensor([[2.0, 1, 0], [1, 2, 0], [1, 1, 0]]))
    tensor([ True,  True, False])
    """
    if x.shape != y.shape or x.ndim < 2 or x.shape[-2] < 2:
        raise InputError(
            f"vectors of sentences and translations must be [..., n, d] of one shape, n >= 2; not {[*x.shape]} and {[*y.shape]}"
        )
    cosine = torch.nn.functional.normalize(x, dim=-1) @ torch.nn.functional.normalize(y, dim=-1).mT
    translation = cosine.diagonal(dim1=-2, dim2=-1)
    rivals = cosine.masked_fill(torch.eye(cosine.shape[-1], dtype=torch.bool, device=cosine.device), float("-inf"))
    return translation - torch.maximum(rivals.amax(dim=-1), rivals.amax(dim=-2)) > _TIE


def _check_state(state: str) -> None:
    if state not in STATES:
        raise InputError(f"unknown state {state!r}; choose from {', '.join(STATES)}")


def _token_rows(model, sentences, state, special_tokens) -> dict[str, list[list[int]]]:
    """Token ids of every language's sentences, checked before any model runs."""
    _check_state(state)
    lengths = {code: 0 if isinstance(texts, str) else len(texts) for code, texts in sentences.items()}
    if min(lengths.values(), default=0) < 2 or len(set(lengths.values())) > 1:
        given = ", ".join(f"{code} {count}" for code, count in lengths.items())
        raise InputError(f"alignment needs at least two sentences, as many in each language; given: {given or 'none'}")
    options = {"special_tokens": special_tokens}
    return {code: whole_rows(model, texts, kind=f"{code} sentence", **options) for code, texts in sentences.items()}


def _vectors(model, rows, state, special_tokens, token_budget) -> torch.Tensor:
    """`sentence_vectors` of rows of token ids."""

    def pool(layer, values, mask, batch):
        weights = mask.cumsum(dim=1) * mask
        weights = weights / weights.sum(dim=1, keepdim=True)
        if state == "binary":
            # 0 * value is NaN where the value is not finite; the comparison alone would read it as inactive.
            values = (values > 0) + 0 * values
        elif state == "value":
            values = values.abs()
        return torch.bmm(weights[:, None], values.float())[:, 0]

    def add(vectors, batch, reduced):
        for layer, pooled in enumerate(reduced):
            vectors[0][layer, batch] = pooled.cpu()

    width = model.hf_model.config.get_text_config().hidden_size if state == "hidden" else model.num_neurons
    (vectors,) = run_pass(
        model,
        rows,
        range(model.num_layers),
        pool,
        add,
        [torch.zeros(model.num_layers, len(rows), width)],
        special_tokens=special_tokens,
        token_budget=token_budget,
        description="aligning",
        site="layer" if state == "hidden" else None,
    )
    broken = ~torch.isfinite(vectors).all(dim=-1).all(dim=-1)
    if broken.any():
        layer = int(broken.nonzero()[0])
        raise InputError(f"layer {layer}: activations are not finite (NaN or infinite); was the model run in float16?")
    return vectors
