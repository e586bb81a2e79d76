"""How alike languages are inside a model: by every measure, at any depth, and whether families and typology agree with it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from .bridges import layer_window
from .errors import InputError
from .neurons import overlap_matrix
from .progress import outer_bar
from .selectors import Evidence
from .typology import same_family, typological_distance


def language_matrix(evidence: Evidence, kind: str = "alignment", window: tuple[float, float] = (0.0, 1.0)) -> pd.DataFrame:
    """How alike every two languages are in some layers of a model.

    Parameters
    ----------
    evidence : Evidence
        Its counts say which languages; `alignment` and `hsic` read its sentences.
    kind : {"count", "jaccard", "lift", "cosine", "hsic", "alignment"}
        `count`, `jaccard`, `lift`: the language neurons that two languages share (`overlap_matrix`). `cosine`: of their
        activation probabilities, over all neurons. `hsic`: `spectrum` of their language neurons over the sentences of all
        languages, normalized. `alignment`: share of sentences that find their translation (`mutual_alignment`), the mean over
        the layers.
    window : tuple of float
        Layers, as fractions of depth [from, to). Language neurons are those of the whole model, of which the window holds some.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric, the higher the more alike. The diagonal is a language with itself, missing (NaN) for
        `hsic`, as are pairs without language neurons there.

    Raises
    ------
    InputError
        If the kind is unknown, no layer lies in the window, or the sentences lack a language.

    Examples
    --------
    >>> evidence = Evidence(model, counts)  # doctest: +SKIP
    >>> language_matrix(evidence, "lift", window=(0.5, 1)).loc["sw", "tl"]  # doctest: +SKIP
    """
    _check(evidence, [kind])
    _layers(evidence, window)  # refuses a window without layers before the model runs
    return SPECTRA[kind](evidence, window)


def _layers(evidence, window):
    inside = layer_window(evidence.model.num_layers, window)
    return slice(inside.start, inside.stop)


def _overlap(kind):
    def matrix(evidence, window):
        return overlap_matrix({code: one[_layers(evidence, window)] for code, one in evidence.sets.items()}, kind)

    return matrix


def _cosine(evidence, window):
    p = torch.nn.functional.normalize(evidence.counts.probability[:, _layers(evidence, window)].flatten(1))
    return _frame(evidence, p @ p.T)


def _hsic(evidence, window):
    inside = _layers(evidence, window)
    layers = [evidence.spectrum(layer).to_numpy() for layer in range(inside.start, inside.stop)]
    return _frame(evidence, torch.from_numpy(np.stack(layers)).nanmean(dim=0))


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


def mantel(one: pd.DataFrame, other: pd.DataFrame, permutations: int = 999, seed: int = 0) -> tuple[float, float]:
    """Mantel test: do two matrices agree on which items are alike?

    Parameters
    ----------
    one, other : pandas.DataFrame
        [item x item], symmetric; the items that both have are compared, without the diagonals.
    permutations : int
        Random orders of the items of `one`.
    seed : int
        Of the orders.

    Returns
    -------
    r : float
        Pearson correlation over the pairs of items.
    p : float
        Two-sided: (1 + orders whose \\|r\\| reaches the observed) / (1 + permutations).

    Raises
    ------
    InputError
        If fewer than four items are in both, a value is missing, all pairs of a matrix are the same, or `permutations` is 0.

    Notes
    -----
    Mantel 1967. The pairs of an item depend on each other, so items are permuted, rows and columns together, and not pairs.
    """
    if permutations < 1:
        raise InputError(f"permutations={permutations}: a Mantel test needs at least one")
    items = [code for code in one.index if code in other.index]
    if len(items) < 4:
        raise InputError(f"{len(items)} item(s) are in both matrices ({' '.join(map(str, items))}); a Mantel test needs four")
    pairs = np.tril_indices(len(items), -1)
    x, y = (matrix.loc[items, items].to_numpy(float) for matrix in (one, other))
    for matrix in (x, y):
        if not np.isfinite(matrix[pairs]).all():
            i, j = (index[~np.isfinite(matrix[pairs])][0] for index in pairs)
            raise InputError(f"the matrix has no value for {items[i]} and {items[j]}; leave one of them out")
        if np.ptp(matrix[pairs]) == 0:
            raise InputError("all pairs of a matrix have the same value; there is nothing to correlate")
    # Permuting changes neither mean nor standard deviation, so the correlation is a mean of products.
    x, y = ((matrix - matrix[pairs].mean()) / matrix[pairs].std() for matrix in (x, y))
    rng = np.random.default_rng(seed)
    orders = np.stack([np.arange(len(items)), *(rng.permutation(len(items)) for _ in range(permutations))])
    r = np.array([x[order[pairs[0]], order[pairs[1]]] @ y[pairs] for order in orders]) / len(pairs[0])
    hits = (np.abs(r[1:]) >= np.abs(r[0]) - 1e-12).sum()
    return float(r[0]), float((1 + hits) / (1 + permutations))


def agreement(
    matrix: pd.DataFrame, references: Mapping[str, pd.DataFrame] | None = None, *, permutations: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Mantel tests of a language matrix against what is known of the languages.

    Parameters
    ----------
    matrix : pandas.DataFrame
        [language x language], for instance of `language_matrix`. A language without any value is left out.
    references : mapping of str to pandas.DataFrame, optional
        Name -> [language x language], the higher the more alike. By default `family`, 1 for languages of one family
        (`same_family`), and `typology`, 1 - `typological_distance`.
    permutations, seed
        As in `mantel`.

    Returns
    -------
    pandas.DataFrame
        A row a reference: reference, r (positive: languages that are alike in the model are alike in the reference), p,
        languages (how many were compared).
    """
    if references is None:
        references = {"family": same_family(), "typology": 1 - typological_distance()}
    off_diagonal = matrix.mask(np.eye(len(matrix), dtype=bool))
    kept = off_diagonal.index[off_diagonal.notna().any(axis=1)]
    matrix = matrix.loc[kept, kept]
    rows = [
        (name, *mantel(matrix, other, permutations, seed), len(matrix.index.intersection(other.index)))
        for name, other in references.items()
    ]
    return pd.DataFrame(rows, columns=["reference", "r", "p", "languages"])


def agreement_by_depth(
    evidence: Evidence,
    kinds: Sequence[str] = ("lift", "cosine", "hsic", "alignment"),
    bands: int = 3,
    references: Mapping[str, pd.DataFrame] | None = None,
    *,
    permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """Where in depth languages meet: how alike they are in each band of layers, and what that agrees with.

    Parameters
    ----------
    evidence : Evidence
    kinds : sequence of str
        Of `language_matrix`.
    bands : int
        Bands of equal depth, at most the number of layers.
    references, permutations, seed
        As in `agreement`.

    Returns
    -------
    pandas.DataFrame
        A row a kind, band and reference: kind, start and end (depth, fractions in [0, 1]), similarity (mean over language
        pairs), family_similarity (mean over the pairs of one family), reference, r, p, languages. The p are of single tests,
        not corrected for their number.

    Raises
    ------
    InputError
        If a kind is unknown or the model has fewer layers than bands. If a matrix cannot be tested (`mantel`): it is named by
        kind and depth.
    """
    _check(evidence, kinds)
    if not 1 <= bands <= evidence.model.num_layers:
        raise InputError(f"bands={bands}: the model has {evidence.model.num_layers} layers")
    tables = []
    with outer_bar([(kind, band) for kind in kinds for band in range(bands)], desc="comparing", unit="matrix", delay=1) as bar:
        for kind, band in bar:
            window = band / bands, (band + 1) / bands
            matrix = language_matrix(evidence, kind, window)
            values = pair_table(matrix).value
            families = pair_table(same_family().reindex(index=matrix.index, columns=matrix.index, fill_value=0)).value
            try:
                table = agreement(matrix, references, permutations=permutations, seed=seed)
            except InputError as error:
                raise InputError(f"{kind}, depth {window[0]:.2f} to {window[1]:.2f}: {error}") from error
            similarity = {"similarity": values.mean(), "family_similarity": values[families == 1].mean()}
            tables.append(table.assign(kind=kind, start=window[0], end=window[1], **similarity))
    columns = ["kind", "start", "end", "similarity", "family_similarity", "reference", "r", "p", "languages"]
    return pd.concat(tables, ignore_index=True)[columns]


def pair_table(matrix: pd.DataFrame) -> pd.DataFrame:
    """A symmetric matrix as a row a pair: a, b, value; each pair once, without the diagonal."""
    i, j = np.triu_indices(len(matrix), 1)
    return pd.DataFrame({"a": matrix.index[i], "b": matrix.index[j], "value": matrix.to_numpy(float)[i, j]})


def check_kinds(kinds: Sequence[str]) -> None:
    """Refuse kinds of language matrices that there are not, and none."""
    unknown = [kind for kind in kinds if kind not in SPECTRA]
    if unknown or not kinds:
        problem = f"unknown kind of language matrix {unknown[0]!r}" if unknown else "no kind of language matrix"
        raise InputError(f"{problem}; there are {', '.join(SPECTRA)}")


def _check(evidence: Evidence, kinds: Sequence[str]) -> None:
    """Refuse what the matrices cannot be made from, before the model runs."""
    check_kinds(kinds)
    missing = [code for code in evidence.counts.languages if code not in evidence.sentences]
    if missing and {"hsic", "alignment"} & set(kinds):
        raise InputError(f"the sentences hold no {', '.join(missing)}")
