"""How much of what languages have in common inside a model is their script? Script as a covariate, and rewritten texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..datasets._typology import same_family, same_script
from ..exceptions import InputError
from ..models._layer_window import layer_window
from ..neurons._lape import lape
from ..neurons._sets import overlap_matrix
from ..stats._mantel import mantel
from ..stats._resampling import holm
from ..utils._run_card import RunCard, check_same_model, data_card, run_card
from ._agreement import agreement
from ._evidence import Evidence
from ._language_matrix import READ_SETS, SPECTRA, check_matrices, evidence_card, language_matrix

#: Entries in which the run cards of two evidences must agree.
FACTS = ("model", "weights_sha256", "revision", "site")
#: What `script_share` and `script_change` compare, by default.
SCRIPT_KINDS = ("lift", "lape", "cosine", "hsic", "alignment")


def script_share(
    evidence: Evidence,
    kinds: Sequence[str] = SCRIPT_KINDS,
    window: tuple[float, float] = (0.0, 1.0),
    *,
    permutations: int = 9_999,
    seed: int = 0,
) -> pd.DataFrame:
    """How far languages are alike in a model because they are written alike: script as a covariate.

    Parameters
    ----------
    evidence : Evidence
        Of languages that are written in two scripts or more, two of them in the same one.
    kinds : sequence of str
        Of `language_matrix`, and `lape`: the Jaccard index of the LAPE sets (`lape`, at the rate of the evidence).
    window : tuple of float
        Layers, as fractions of depth [from, to).
    permutations, seed
        As in `mantel`.

    Returns
    -------
    pandas.DataFrame
        Two rows or three per kind: kind, reference (script, family and, where it is known, typology), r, p (Mantel test of the
        matrix against the reference), given (what is held constant: the family for the script, the script for the others),
        partial_r, partial_p (missing if that leaves nothing of the reference), languages. The run card is in
        ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a kind is unknown, the languages have all the same script or all different ones, or a matrix cannot be tested
        (`mantel`); the message names its kind.

    Notes
    -----
    After arXiv 2604.05090: sets of language neurons follow script. r squared is the share of the variance between pairs that
    the script accounts for.

    The script is held constant as the group of a language, which is right whatever it does (`agreement`). The family cannot be
    where every language of a family has its script, as in the study's languages but for Arabic and Hebrew. So it is held
    constant as a matrix, which is right only if it acts as a sum: up to 13 % of tests then have p <= 0.05 where 5 % should
    (`mantel`).

    Examples
    --------
    >>> evidence = Evidence(model, counts)  # doctest: +SKIP
    >>> script_share(evidence, ["lape"]).set_index("reference").r["script"]  # doctest: +SKIP
    """
    codes = list(evidence.counts.languages)
    scripts, families = _scripts(codes), same_family(codes)
    _check(evidence, kinds, window)
    options = {"permutations": permutations, "seed": seed}
    tables = []
    for kind in kinds:
        matrix = _matrix(evidence, kind, window)
        try:
            of_script = mantel(matrix, scripts, **options)
            others = agreement(matrix, **options)
        except InputError as error:
            raise InputError(f"{kind}: {error}") from error
        try:
            partial = mantel(matrix, scripts, **options, given=families)
        except InputError:  # each script has its family, and each family its script
            partial = np.nan, np.nan
        names = ["reference", "r", "p", "given", "partial_r", "partial_p", "languages"]
        script = pd.DataFrame([("script", *of_script, "family", *partial, len(codes))], columns=names)
        tables.append(pd.concat([script, others.assign(given="script")[names]]).assign(kind=kind))
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "kind", table.pop("kind"))
    options = {"kinds": list(kinds), "window": window, **options} | ({"rate": evidence.rate} if "lape" in kinds else {})
    table.attrs["card"] = evidence_card("script_share", evidence, kinds, options)
    return table


def script_change(
    written: Evidence,
    rewritten: Evidence,
    kinds: Sequence[str] = SCRIPT_KINDS,
    window: tuple[float, float] = (0.0, 1.0),
    *,
    permutations: int = 9_999,
    seed: int = 0,
) -> pd.DataFrame:
    """What rewriting the texts does to how alike languages of one script, and of different scripts, are in a model.

    If languages of one script are alike because of the script, `romanised` texts bring the others nearer. `shuffled` texts are
    the control: they change as much of a text, but not its script.

    Parameters
    ----------
    written, rewritten : Evidence
        Of the same model and languages, with counts and sentences of the texts as written, and rewritten.
    kinds, window
        As in `script_share`.
    permutations, seed
        As in `mantel`.

    Returns
    -------
    pandas.DataFrame
        One row per kind: kind, same and different (mean similarity of the pairs of one script and of different ones, as
        written), same_rewritten and different_rewritten, closed (the share of the gap between same and different that rewriting
        closes: 1 - gap rewritten / gap written; missing where pairs of one script are not more alike as written), closed_low
        and closed_high (the least and the most when each language in turn is left out), r, p and p_holm (Mantel test: does
        rewriting bring pairs of different scripts nearer than pairs of one? Corrected for the number of kinds), kept_r and
        kept_p (Mantel test of the matrix as written against the matrix rewritten). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the evidences are of different models, languages, rates or numbers of texts, or as `script_share`.

    Notes
    -----
    After arXiv 2604.05090. The gap closes as well if rewritten texts are nothing but noise to the model. So compare it with the
    row of the kind `alignment`, and with `language_kept`. The share that closes is a ratio, which says something only where
    there clearly is a gap as written (p of the script in `script_share`); below 0 the gap is wider.

    Examples
    --------
    >>> latin = {code: romanised(texts) for code, texts in core_sentences().items()}  # doctest: +SKIP
    >>> rewritten = replace(evidence, counts=count_active(model, latin), sentences=latin)  # doctest: +SKIP
    >>> script_change(evidence, rewritten, ["lift"]).closed  # doctest: +SKIP
    """
    codes = list(written.counts.languages)
    scripts = _scripts(codes)
    check_rewritten(written, rewritten)
    for evidence in (written, rewritten):
        _check(evidence, kinds, window)
    rows = []
    for kind in kinds:
        before, after = _matrix(written, kind, window), _matrix(rewritten, kind, window)
        try:
            r, p = mantel(after - before, 1 - scripts, permutations, seed)
            kept = mantel(after, before, permutations, seed)
        except InputError as error:
            raise InputError(f"{kind}: {error}") from error
        parts = [[matrix.drop(index=code, columns=code) for matrix in (before, after, scripts)] for code in codes]
        left_out = pd.Series([_closed(*part) for part in parts])
        closed = _closed(before, after, scripts), left_out.min(), left_out.max()
        rows.append((kind, *_means(before, scripts), *_means(after, scripts), *closed, r, p, *kept))
    columns = ["kind", "same", "different", "same_rewritten", "different_rewritten", "closed", "closed_low", "closed_high"]
    table = pd.DataFrame(rows, columns=[*columns, "r", "p", "kept_r", "kept_p"])
    table["p_holm"] = holm(table.p.to_numpy())
    table = table[[*columns, "r", "p", "p_holm", "kept_r", "kept_p"]]
    options = {"kinds": list(kinds), "window": window, "permutations": permutations, "seed": seed}
    if {"lape", *READ_SETS} & set(kinds):
        options |= {"rate": written.rate, "exclude": written.exclude}
    table.attrs["card"] = rewriting_card("script_change", written, rewritten, options)
    return table


def check_rewritten(written: Evidence, rewritten: Evidence) -> None:
    """Refuse two evidences that differ in more than how their texts are written."""
    check_same_model("the rewritten evidence is", rewritten.counts.card, written.counts.card, FACTS)
    for what in ("languages", "rate", "exclude"):
        before, after = (getattr(e.counts if what == "languages" else e, what) for e in (written, rewritten))
        if before != after:
            raise InputError(f"the two evidences must have the same {what}: {before} as written, {after} rewritten")
    before, after = (_numbers(evidence) for evidence in (written, rewritten))
    if differing := [code for code in before if before[code] != after[code]]:
        code = differing[0]
        raise InputError(f"the rewritten texts must be as many: {code} has {before[code]} as written, {after[code]} rewritten")


def _numbers(evidence: Evidence) -> dict[str, tuple[int | None, int]]:
    """Language -> the numbers of counted texts, where they are known, and of sentences."""
    counted = evidence.counts.card.get("data", {}).get("texts", {})
    return {code: (counted.get(code), len(evidence.sentences.get(code, ()))) for code in evidence.counts.languages}


def rewriting_card(function: str, written: Evidence, rewritten: Evidence, options: Mapping[str, Any]) -> RunCard:
    """The run card of a result from two evidences: the counts and sentences of both are its inputs."""
    inputs = {
        name: {
            "data": {"kind": "parallel sentences", **data_card(evidence.sentences)},
            "inputs": {"counts": evidence.counts.card},
        }
        for name, evidence in (("written", written), ("rewritten", rewritten))
    }
    return run_card(function, written.model.card | written.counts.card, options=options, inputs=inputs)


def _scripts(codes: Sequence[str]) -> pd.DataFrame:
    """`same_script`; refused if it is the same for all pairs."""
    scripts = same_script(codes)
    pairs = scripts.to_numpy()[np.triu_indices(len(scripts), 1)]
    if not 0 < pairs.sum() < len(pairs):
        which = "all written in one script" if pairs.sum() else "each written in another script"
        raise InputError(f"these languages are {which}: nothing can follow it ({', '.join(codes)})")
    return scripts


def _check(evidence: Evidence, kinds: Sequence[str], window: tuple[float, float]) -> None:
    """Refuse what cannot be compared, before the model runs."""
    if unknown := [kind for kind in kinds if kind not in (*SPECTRA, "lape")]:
        raise InputError(f"unknown kind {unknown[0]!r}; choose from {', '.join((*SPECTRA, 'lape'))}")
    layer_window(evidence.model.num_layers, window)
    if not kinds or (others := [kind for kind in kinds if kind != "lape"]):
        check_matrices(evidence, kinds and others)


def _matrix(evidence: Evidence, kind: str, window: tuple[float, float]) -> pd.DataFrame:
    """`language_matrix`, also of the kind `lape`; without its card, which differs from those it is compared with."""
    if kind == "lape":
        layers = layer_window(evidence.model.num_layers, window)
        sets = lape(evidence.counts, evidence.rate).items()
        matrix = overlap_matrix({code: chosen[layers.start : layers.stop] for code, chosen in sets}, "jaccard")
    else:
        matrix = language_matrix(evidence, kind, window)
    matrix.attrs.clear()
    return matrix


def _means(matrix: pd.DataFrame, scripts: pd.DataFrame) -> tuple[float, float]:
    """Mean over the pairs of one script, and over those of different ones."""
    pairs = np.triu_indices(len(matrix), 1)
    values, same = matrix.to_numpy(float)[pairs], scripts.to_numpy()[pairs] == 1
    return tuple(float(values[of].mean()) if of.any() else np.nan for of in (same, ~same))


def _closed(before: pd.DataFrame, after: pd.DataFrame, scripts: pd.DataFrame) -> float:
    """The share of the gap between pairs of one script and of different ones that is gone."""
    gaps = [same - different for same, different in (_means(matrix, scripts) for matrix in (before, after))]
    return 1 - gaps[1] / gaps[0] if gaps[0] > 0 else np.nan
