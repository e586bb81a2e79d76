"""When do languages meet? The language matrices of one model at successive checkpoints of its training."""

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..activations._count_active import count_active
from ..datasets._corpora import core_sentences
from ..exceptions import InputError
from ..models._load_model import find_model, load_model
from ..utils._progress import outer_bar
from ._evidence import Evidence
from ._language_matrix import check_kinds, language_matrix, pair_table


def emergence(
    checkpoints: str | Sequence[str | Path],
    revisions: Sequence[str] | None = None,
    *,
    sentences: Mapping[str, Sequence[str]] | None = None,
    kinds: Sequence[str] = ("lift", "alignment"),
    rate: float = 0.05,
    **options,
) -> pd.DataFrame:
    """How alike every two languages are in each of several checkpoints. One model is in memory at a time.

    Parameters
    ----------
    checkpoints : str or sequence of (str or Path)
        A hub id, of which `revisions` are read; or folders, in the order of training.
    revisions : sequence of str, optional
        Branches, tags or commits of the hub model, in the order of training.
    sentences : mapping of str to sequence of str, optional
        Language -> texts, aligned by position; the core sentences by default.
    kinds : sequence of str
        Of `language_matrix`.
    rate : float
        Share of all neurons in a language's set (`top_neurons`).
    **options
        Passed to `load_model`.

    Returns
    -------
    pandas.DataFrame
        A row a checkpoint, kind and pair of languages: checkpoint (revision, or name of the folder), kind, a, b, value. The run
        card of every checkpoint is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a checkpoint is not there, two have one name, or a kind is unknown: before the first model is loaded.

    Notes
    -----
    Overlap of language neurons over training: after Wang et al. 2024 (arXiv 2406.13229).

    Examples
    --------
    >>> emergence("EleutherAI/pythia-160m", ["step1000", "step143000"], sentences=texts)  # doctest: +SKIP
    >>> emergence(sorted(Path("checkpoints").iterdir()))  # doctest: +SKIP
    """
    if revisions is not None:
        if not isinstance(checkpoints, str):
            raise InputError("revisions are of one hub model: give its id, not a list")
        places = {revision: {"name": checkpoints, "revision": revision} for revision in revisions}
        count = len(revisions)
    else:
        if isinstance(checkpoints, (str, Path)):
            raise InputError("emergence needs a list of checkpoint folders, or a hub id with revisions=[…]")
        places = {Path(one).name: {"name": one} for one in checkpoints}
        count = len(checkpoints)
    if not places or len(places) < count:
        raise InputError(f"checkpoints need names of their own; there are {', '.join(places) or 'none'} for {count}")
    check_kinds(kinds)
    for place in places.values():
        find_model(**place, trust_remote_code=options.get("trust_remote_code", False))
    sentences = core_sentences() if sentences is None else dict(sentences)
    tables, cards = [], {}
    with outer_bar(places.items(), desc="checkpoints", unit="model") as bar:
        for checkpoint, place in bar:
            model = load_model(**place, **options)
            cards[checkpoint] = model.card
            evidence = Evidence(model, count_active(model, sentences), rate, sentences)
            for kind in kinds:
                pairs = pair_table(language_matrix(evidence, kind))
                tables.append(pairs.assign(checkpoint=checkpoint, kind=kind)[["checkpoint", "kind", "a", "b", "value"]])
            del model, evidence
            gc.collect()  # traced modules refer to each other; their weights go before the next ones come
    table = pd.concat(tables, ignore_index=True)
    table.attrs["card"] = {"checkpoints": cards, "rate": rate}
    return table
