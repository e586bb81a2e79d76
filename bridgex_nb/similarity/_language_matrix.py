"""How alike languages are inside a model, by several measures and at any depth."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..models._layer_window import layer_window
from ..neurons._sets import overlap_matrix
from ..utils._run_card import RunCard, data_card, run_card
from ._evidence import Evidence, check_languages


def language_matrix(evidence: Evidence, kind: str = "alignment", window: tuple[float, float] = (0.0, 1.0)) -> pd.DataFrame:
    """How alike every two languages are in some layers of a model.

    Parameters
    ----------
    evidence : Evidence
        Its counts define the languages; `alignment` and `hsic` read its sentences.
    kind : {"count", "jaccard", "lift", "cosine", "hsic", "alignment"}
        `count`, `jaccard`, `lift`: the language neurons that two languages share (`overlap_matrix`). `cosine`: of their
        activation probabilities, over all neurons. `hsic`: `spectrum` of their language neurons over the sentences of all
        languages, normalized, within languages. `alignment`: share of sentences that find their translation
        (`mutual_alignment`), averaged over the layers.
    window : tuple of float
        Layers, as fractions of depth [from, to). Language neurons are those of the whole model; the ones in the window count.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric; the higher, the more alike. The diagonal is a language with itself; for `hsic` it is
        missing (NaN), as are pairs without language neurons in the window. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the kind is unknown, no layer lies in the window, or the sentences lack a language.

    Warns
    -----
    UserWarning
        If ties inflate the neuron sets (`top_neurons`), or language neurons are constant over the sentences (`hsic`).

    Examples
    --------
    >>> evidence = Evidence(model, counts)  # doctest: +SKIP
    >>> language_matrix(evidence, "lift", window=(0.5, 1)).loc["sw", "tl"]  # doctest: +SKIP
    """
    matrix, notes = matrix_without_warnings(evidence, kind, window)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return matrix


def matrix_without_warnings(evidence: Evidence, kind: str, window: tuple[float, float]) -> tuple[pd.DataFrame, list[str]]:
    """`language_matrix` for threads: the matrix and what `language_matrix` warns of."""
    check_matrices(evidence, [kind])
    _layers(evidence, window)  # refuses a window without layers before the model runs
    matrix = SPECTRA[kind](evidence, window)
    notes = matrix.attrs.pop("notes", [])
    matrix.attrs["card"] = evidence_card("language_matrix", evidence, [kind], {"kind": kind, "window": window})
    return matrix, notes


def _layers(evidence, window):
    inside = layer_window(evidence.model.num_layers, window)
    return slice(inside.start, inside.stop)


def _overlap(kind):
    def matrix(evidence, window):
        layers = _layers(evidence, window)
        overlap = overlap_matrix({code: neuron_set[layers] for code, neuron_set in evidence.sets.items()}, kind)
        overlap.attrs["notes"] = evidence.set_notes
        return overlap

    return matrix


def _cosine(evidence, window):
    p = torch.nn.functional.normalize(evidence.counts.probability[:, _layers(evidence, window)].flatten(1))
    return _frame(evidence, p @ p.T)


def _hsic(evidence, window):
    inside = _layers(evidence, window)
    layers = [evidence.spectrum(layer) for layer in range(inside.start, inside.stop)]
    matrix = _frame(evidence, torch.from_numpy(np.stack([layer.to_numpy() for layer in layers])).nanmean(dim=0))
    matrix.attrs["notes"] = [*evidence.set_notes, *(note for layer in layers for note in layer.attrs["notes"])]
    return matrix


def _alignment(evidence, window):
    return _frame(evidence, evidence.alignment[_layers(evidence, window)].mean(dim=0))


def _frame(evidence, matrix):
    return pd.DataFrame(matrix.numpy(), index=evidence.counts.languages, columns=evidence.counts.languages)


#: Every kind of `language_matrix`.
SPECTRA: dict[str, Callable[[Evidence, tuple[float, float]], pd.DataFrame]] = {
    "count": _overlap("count"),
    "jaccard": _overlap("jaccard"),
    "lift": _overlap("lift"),
    "cosine": _cosine,
    "hsic": _hsic,
    "alignment": _alignment,
}
#: Kinds that read the sentences of the evidence, and kinds that depend on its rate.
_READ_SENTENCES, READ_SETS = {"hsic", "alignment"}, {"count", "jaccard", "lift", "hsic"}


def evidence_card(function: str, evidence: Evidence, kinds: Sequence[str], options: dict) -> RunCard:
    """The run card of a result of language matrices: with the rate and the sentences where the kinds depend on them."""
    data = None
    if _READ_SENTENCES & set(kinds):
        sentences = {code: evidence.sentences[code] for code in evidence.counts.languages}
        data = {"kind": "parallel sentences", **data_card(sentences)}
    if READ_SETS & set(kinds):
        options = options | {"rate": evidence.rate, "exclude": evidence.exclude}
    counts = evidence.counts.card
    return run_card(function, evidence.model.card | counts, data=data, options=options, inputs={"counts": counts})


def pair_table(matrix: pd.DataFrame) -> pd.DataFrame:
    """A symmetric matrix as one row per pair: a, b, value; each pair once, without the diagonal."""
    i, j = np.triu_indices(len(matrix), 1)
    return pd.DataFrame({"a": matrix.index[i], "b": matrix.index[j], "value": matrix.to_numpy(float)[i, j]})


def check_kinds(kinds: Sequence[str]) -> None:
    """Refuse unknown kinds of language matrices, and an empty list of them."""
    unknown = [kind for kind in kinds if kind not in SPECTRA]
    if unknown or not kinds:
        problem = f"unknown kind of language matrix {unknown[0]!r}" if unknown else "no kind of language matrix is given"
        raise InputError(f"{problem}; choose from {', '.join(SPECTRA)}")


def check_matrices(evidence: Evidence, kinds: Sequence[str]) -> None:
    """Refuse, before the model runs, kinds that are unknown or for which the evidence lacks sentences."""
    check_kinds(kinds)
    if _READ_SENTENCES & set(kinds):
        check_languages(evidence, "sentences", evidence.counts.languages)
