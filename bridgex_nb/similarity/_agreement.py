"""Whether language families and typology agree with a model's language matrix, at any depth."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..datasets._typology import same_family, typological_distance
from ..exceptions import InputError
from ..stats._mantel import mantel
from ..utils._progress import outer_bar
from ..utils._run_card import run_card
from ._evidence import Evidence
from ._language_matrix import check_matrices, evidence_card, language_matrix, pair_table


def agreement(
    matrix: pd.DataFrame, references: Mapping[str, pd.DataFrame] | None = None, *, permutations: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Mantel tests of a language matrix against what is known about the languages.

    Parameters
    ----------
    matrix : pandas.DataFrame
        [language x language], for example of `language_matrix`. A language without any value is left out.
    references : mapping of str to pandas.DataFrame, optional
        Name -> [language x language]; the higher, the more alike. By default `family`, 1 for languages of one family
        (`same_family`), and `typology`, 1 - `typological_distance`.
    permutations, seed
        As in `mantel`.

    Returns
    -------
    pandas.DataFrame
        One row per reference: reference, r (positive: languages that are alike in the model are alike in the reference), p,
        languages (how many were compared). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        As `mantel`.

    Examples
    --------
    >>> agreement(1 - typological_distance(), permutations=99).reference.tolist()
    ['family', 'typology']
    """
    if references is None:
        references = _references()
    source = matrix.attrs.get("card", {})
    off_diagonal = matrix.mask(np.eye(len(matrix), dtype=bool))
    kept = off_diagonal.index[off_diagonal.notna().any(axis=1)]
    matrix = matrix.loc[kept, kept]
    rows = [
        (name, *mantel(matrix, reference, permutations, seed), len(matrix.index.intersection(reference.index)))
        for name, reference in references.items()
    ]
    table = pd.DataFrame(rows, columns=["reference", "r", "p", "languages"])
    options = {"references": list(references), "permutations": permutations, "seed": seed}
    table.attrs["card"] = run_card("agreement", source, options=options, inputs={"matrix": source} if source else None)
    return table


def _references() -> dict[str, pd.DataFrame]:
    return {"family": same_family(), "typology": 1 - typological_distance()}


def agreement_by_depth(
    evidence: Evidence,
    kinds: Sequence[str] = ("lift", "cosine", "hsic", "alignment"),
    bands: int = 3,
    references: Mapping[str, pd.DataFrame] | None = None,
    *,
    permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """At which depth languages meet: how alike they are in each band of layers, and what that agrees with.

    Parameters
    ----------
    evidence : Evidence
    kinds : sequence of str
        Of `language_matrix`.
    bands : int
        Number of bands of equal depth, at most the number of layers.
    references, permutations, seed
        As in `agreement`.

    Returns
    -------
    pandas.DataFrame
        One row per kind, band and reference: kind, start and end (depth, fractions in [0, 1]), similarity (mean over language
        pairs), family_similarity (mean over the pairs within a family), reference, r, p, languages. The p-values are those of
        single tests, not corrected for their number. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a kind is unknown, the model has fewer layers than bands, or a matrix cannot be tested (`mantel`); the message names
        its kind and depth.

    Examples
    --------
    >>> agreement_by_depth(Evidence(model, counts), ["lift"], bands=2)  # doctest: +SKIP
    """
    check_matrices(evidence, kinds)
    if references is None:
        references = _references()
    if not 1 <= bands <= evidence.model.num_layers:
        raise InputError(f"bands={bands}: the model has {evidence.model.num_layers} layers")
    tables = []
    with outer_bar(
        [(kind, band) for kind in kinds for band in range(bands)], desc="comparing", unit="matrix", delay=1
    ) as progress:
        for kind, band in progress:
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
    table = pd.concat(tables, ignore_index=True)[columns]
    options = {"kinds": list(kinds), "bands": bands, "references": list(references), "permutations": permutations, "seed": seed}
    table.attrs["card"] = evidence_card("agreement_by_depth", evidence, kinds, options)
    return table
