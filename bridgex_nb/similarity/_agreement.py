"""Whether language families and typology agree with a model's language matrix, at any depth."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from ..datasets._languages import known_language
from ..datasets._typology import same_family, typological_distance
from ..exceptions import InputError
from ..stats._mantel import mantel
from ..stats._resampling import holm
from ..utils._progress import outer_bar
from ..utils._run_card import run_card, tensor_hash
from ._evidence import Evidence
from ._language_matrix import check_matrices, evidence_card, language_matrix, pair_table

#: Fewest languages of which a default reference is compared, as many as `mantel` needs.
FEWEST_LANGUAGES = 4


def agreement(
    matrix: pd.DataFrame,
    references: Mapping[str, pd.DataFrame] | None = None,
    *,
    given: Mapping[str, str] | pd.DataFrame | None = None,
    permutations: int = 9_999,
    seed: int = 0,
) -> pd.DataFrame:
    """Mantel tests of a language matrix against what is known about the languages, also with their script held constant.

    Parameters
    ----------
    matrix : pandas.DataFrame
        [language x language], for example of `language_matrix`. A language without any value is left out.
    references : mapping of str to pandas.DataFrame, optional
        Name -> [language x language]; the higher, the more alike. By default `family`, 1 for languages of one family
        (`same_family`), and, if it is known of four of them or more, `typology`, 1 - `typological_distance`.
    given : mapping of str to str, or pandas.DataFrame, optional
        What the partial tests hold constant: the group of each language, or a matrix, as in `mantel`. By default the script in
        which each language is written; an empty mapping holds nothing constant.
    permutations, seed
        As in `mantel`.

    Returns
    -------
    pandas.DataFrame
        One row per reference: reference, r (positive: languages that are alike in the model are alike in the reference), p,
        partial_r, partial_p (the same with `given` held constant; missing if nothing is given or, by default, where the
        script is not known, determines the reference, or is another for each language), languages (how many were compared).
        The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        As `mantel`.

    Notes
    -----
    Languages of one family mostly share a script, and language neurons follow the script (arXiv 2604.05090), so agreement with
    the family alone says little. With the script held constant, pairs are compared only with pairs of the same two scripts.

    Examples
    --------
    >>> agreement(1 - typological_distance(), permutations=99).reference.tolist()
    ['family', 'typology']
    """
    if references is None:
        references = _references(matrix.index)
    source = matrix.attrs.get("card", {})
    off_diagonal = matrix.mask(np.eye(len(matrix), dtype=bool))
    kept = off_diagonal.index[off_diagonal.notna().any(axis=1)]
    matrix = matrix.loc[kept, kept]
    rows = []
    for name, reference in references.items():
        compared = matrix.index.intersection(reference.index)
        plain, partial = mantel(matrix, reference, permutations, seed), (np.nan, np.nan)
        if given is None or len(given):
            try:
                partial = mantel(matrix, reference, permutations, seed, given=_scripts(kept) if given is None else given)
            except InputError as error:
                if given is not None:
                    raise InputError(f"{name}, with `given` held constant: {error}") from error
        rows.append((name, *plain, *partial, len(compared)))
    table = pd.DataFrame(rows, columns=["reference", "r", "p", "partial_r", "partial_p", "languages"])
    options = {"references": list(references), "given": _given_card(given), "permutations": permutations, "seed": seed}
    table.attrs["card"] = run_card("agreement", source, options=options, inputs={"matrix": source} if source else None)
    return table


def _scripts(codes: Iterable[str]) -> dict[str, str]:
    return {code: language.script for code in codes if (language := known_language(code))}


def _given_card(given):
    """What the run card says of `given`."""
    if isinstance(given, pd.DataFrame):
        return {"matrix_sha256": tensor_hash(torch.from_numpy(given.to_numpy(float, copy=True)))}
    return "script" if given is None else dict(given)


def _references(codes: Iterable[str]) -> dict[str, pd.DataFrame]:
    """What is known about these languages; labels that are not languages are left out."""
    known = [code for code in codes if known_language(code)]
    distance = typological_distance()
    typology = {"typology": 1 - distance} if sum(code in distance for code in known) >= FEWEST_LANGUAGES else {}
    return {"family": same_family(known), **typology}


def agreement_by_depth(
    evidence: Evidence,
    kinds: Sequence[str] = ("lift", "cosine", "hsic", "alignment"),
    bands: int = 3,
    references: Mapping[str, pd.DataFrame] | None = None,
    *,
    given: Mapping[str, str] | pd.DataFrame | None = None,
    permutations: int = 9_999,
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
    references, given, permutations, seed
        As in `agreement`.

    Returns
    -------
    pandas.DataFrame
        One row per kind, band and reference: kind, start and end (depth, fractions in [0, 1]), similarity (mean over language
        pairs), family_similarity (mean over the pairs within a family), reference, r, p, p_holm, partial_r, partial_p,
        partial_p_holm, languages. The p-values `p_holm` and `partial_p_holm` are corrected together, for the number of all
        tests in the table (Holm). The run card is in ``.attrs["card"]``.

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
        references = _references(evidence.counts.languages)
    if not 1 <= bands <= evidence.model.num_layers:
        raise InputError(f"bands={bands}: the model has {evidence.model.num_layers} layers")
    known = [code for code in evidence.counts.languages if known_language(code)]
    tables = []
    with outer_bar(
        [(kind, band) for kind in kinds for band in range(bands)], desc="comparing", unit="matrix", delay=1
    ) as progress:
        for kind, band in progress:
            window = band / bands, (band + 1) / bands
            matrix = language_matrix(evidence, kind, window)
            values = pair_table(matrix).value
            families = pair_table(same_family(known).reindex(index=matrix.index, columns=matrix.index, fill_value=0)).value
            try:
                table = agreement(matrix, references, given=given, permutations=permutations, seed=seed)
            except InputError as error:
                raise InputError(f"{kind}, depth {window[0]:.2f} to {window[1]:.2f}: {error}") from error
            similarity = {"similarity": values.mean(), "family_similarity": values[families == 1].mean()}
            tables.append(table.assign(kind=kind, start=window[0], end=window[1], **similarity))
    table = pd.concat(tables, ignore_index=True)
    p = table[["p", "partial_p"]].to_numpy(float, copy=True)
    p[~np.isnan(p)] = holm(p[~np.isnan(p)])
    table[["p_holm", "partial_p_holm"]] = p
    columns = ["kind", "start", "end", "similarity", "family_similarity", "reference"]
    table = table[[*columns, "r", "p", "p_holm", "partial_r", "partial_p", "partial_p_holm", "languages"]]
    options = {"kinds": list(kinds), "bands": bands, "references": list(references), "given": _given_card(given)}
    options |= {"permutations": permutations, "seed": seed}
    table.attrs["card"] = evidence_card("agreement_by_depth", evidence, kinds, options)
    return table
