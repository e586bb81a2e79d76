"""Whether language families and typology agree with a model's language matrix, at any depth."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..datasets._typology import same_family, typological_distance
from ..exceptions import InputError
from ..stats._mantel import mantel
from ..utils._progress import outer_bar
from ._evidence import Evidence
from ._language_matrix import _check, language_matrix, pair_table


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
