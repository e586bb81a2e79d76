"""Alignment by spelling alone: what of an alignment needs no model."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..exceptions import InputError
from ..stats._resampling import holm
from ..utils._run_card import data_card, run_card
from ._pairing import chance_score, nearest_both_ways, pairing_p


def spelling_alignment(sentences: Mapping[str, Sequence[str]], pivot: str = "en") -> pd.DataFrame:
    """The score of `alignment` if a sentence's vector is how often each sequence of three characters occurs in it.

    It needs no model: cognates, names and numerals that two languages write alike are enough. A model whose alignment is above
    chance only where this one is may have aligned letters.

    Parameters
    ----------
    sentences : mapping of str to sequence of str
        Language -> n sentences, aligned by position.
    pivot : str
        Language that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        One row per language: language, score, chance, p, p_holm, as in `Alignment`. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the pivot or every other language is missing, or the languages differ in their number of sentences or have fewer than
        two.

    Examples
    --------
    >>> texts = {code: core_words()[code][:100] for code in ("en", "de", "zh")}
    >>> spelling_alignment(texts).score.round(2).tolist()
    [0.25, 0.0]
    """
    lengths = {code: 0 if isinstance(texts, str) else len(texts) for code, texts in sentences.items()}
    if pivot not in lengths or len(lengths) < 2 or min(lengths.values()) < 2 or len(set(lengths.values())) > 1:
        given = ", ".join(f"{code} {count}" for code, count in lengths.items())
        raise InputError(
            f"alignment needs the pivot {pivot!r} and another language, with at least two sentences, as many in each; "
            f"given: {given or 'none'}"
        )
    counts = {code: [_trigrams(text) for text in texts] for code, texts in sentences.items()}
    rows = []
    for code in sentences:
        if code != pivot:
            nearest = nearest_both_ways(*_vectors(counts[pivot], counts[code]))[None]
            score = nearest[0].diagonal().double().mean().item()
            rows.append((code, score, chance_score(lengths[pivot]), pairing_p(nearest)[0]))
    table = pd.DataFrame(rows, columns=["language", "score", "chance", "p"])
    table["p_holm"] = holm(table.p.to_numpy())
    data = {"kind": "parallel sentences", **data_card(sentences)}
    table.attrs["card"] = run_card("spelling_alignment", {}, data=data, options={"pivot": pivot})
    return table


def _trigrams(text):
    padded = f" {text.casefold()} "
    return Counter(padded[i : i + 3] for i in range(len(padded) - 2))


def _vectors(*languages):
    """Counts of each three characters [n, V], of the languages' sentences, over what occurs in any of them."""
    known = {trigram: i for i, trigram in enumerate(dict.fromkeys(t for rows in languages for row in rows for t in row))}
    vectors = torch.zeros(len(languages), len(languages[0]), len(known))
    for of_language, rows in zip(vectors, languages, strict=True):
        for vector, row in zip(of_language, rows, strict=True):
            for trigram, count in row.items():
                vector[known[trigram]] = count
    return vectors
