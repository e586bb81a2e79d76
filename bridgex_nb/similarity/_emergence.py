"""Emergence: the language matrices of one model at successive checkpoints of its training."""

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..activations._count_active import count_active
from ..datasets._corpora import core_sentences
from ..exceptions import InputError
from ..models._load_model import find_model, load_model
from ..neurons._always_on import check_exclude
from ..neurons._sets import RATE, check_share
from ..utils._progress import outer_bar
from ..utils._run_card import MODEL_FACTS, data_card, run_card
from ._evidence import Evidence
from ._language_matrix import check_kinds, language_matrix, pair_table


def emergence(
    checkpoints: str | Sequence[str | Path],
    revisions: Sequence[str] | None = None,
    *,
    sentences: Mapping[str, Sequence[str]] | None = None,
    kinds: Sequence[str] = ("lift", "alignment"),
    rate: float = RATE,
    exclude: str | None = None,
    **options: Any,
) -> pd.DataFrame:
    """How alike every two languages are in each of several checkpoints. One model is in memory at a time.

    Parameters
    ----------
    checkpoints : str or sequence of (str or Path)
        A hub id, whose `revisions` are read; or folders, in the order of training.
    revisions : sequence of str, optional
        Branches, tags or commits of the hub model, in the order of training.
    sentences : mapping of str to sequence of str, optional
        Language -> texts, aligned by position; the core sentences by default.
    kinds : sequence of str
        Of `language_matrix`.
    rate : float
        Share of all neurons in a language's set (`top_neurons`).
    exclude : {"always_on"}, optional
        Which neurons the sets leave out (`top_neurons`).
    **options
        Passed to `load_model`.

    Returns
    -------
    pandas.DataFrame
        One row per checkpoint, kind and pair of languages: checkpoint (revision, or name of the folder), kind, a, b, value. The
        run card is in ``.attrs["card"]``, with the model of every checkpoint in its options.

    Raises
    ------
    InputError
        If a checkpoint does not exist, two have the same name, a kind is unknown, `rate` is not between 0 and 1, or `exclude`
        is unknown: before the first model is loaded.

    Notes
    -----
    Overlap of language neurons over training, after Wang et al. 2024 (arXiv 2406.13229).

    Examples
    --------
    >>> emergence("EleutherAI/pythia-160m", ["step1000", "step143000"], sentences=texts)  # doctest: +SKIP
    >>> emergence(sorted(Path("checkpoints").iterdir()))  # doctest: +SKIP
    """
    if revisions is not None:
        if not isinstance(checkpoints, str):
            raise InputError("revisions belong to one hub model: give its id, not a list")
        sources = {revision: {"name": checkpoints, "revision": revision} for revision in revisions}
        count = len(revisions)
    else:
        if isinstance(checkpoints, (str, Path)):
            raise InputError("emergence needs a list of checkpoint folders, or a hub id with revisions=[…]")
        sources = {Path(folder).name: {"name": folder} for folder in checkpoints}
        count = len(checkpoints)
    if not sources or len(sources) < count:
        raise InputError(f"every checkpoint needs a different name; {count} given, with names: {', '.join(sources) or 'none'}")
    check_kinds(kinds)
    check_share("rate", rate)
    check_exclude(exclude)
    for source in sources.values():
        find_model(**source, trust_remote_code=options.get("trust_remote_code", False))
    sentences = core_sentences() if sentences is None else dict(sentences)
    tables, models = [], {}
    with outer_bar(sources.items(), desc="checkpoints", unit="model") as progress:
        for checkpoint, source in progress:
            model = load_model(**source, **options)
            models[checkpoint] = {fact: model.card[fact] for fact in MODEL_FACTS if fact in model.card}
            evidence = Evidence(model, count_active(model, sentences), rate, sentences, exclude=exclude)
            for kind in kinds:
                pairs = pair_table(language_matrix(evidence, kind))
                tables.append(pairs.assign(checkpoint=checkpoint, kind=kind)[["checkpoint", "kind", "a", "b", "value"]])
            del model, evidence
            gc.collect()  # traced modules refer to each other; free their weights before the next ones are loaded
    table = pd.concat(tables, ignore_index=True)
    data = {"kind": "parallel sentences", **data_card(sentences)}
    chosen = {"checkpoints": models, "kinds": list(kinds), "rate": rate, "exclude": exclude}
    table.attrs["card"] = run_card("emergence", {}, data=data, options=chosen)
    return table
