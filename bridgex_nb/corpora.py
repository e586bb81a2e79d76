"""Parallel sentences: the bundled core sentences."""

import csv
from importlib.resources import files


def core_sentences() -> dict[str, list[str]]:
    """The bundled everyday sentences of the 15 languages.

    Returns
    -------
    dict of str to list of str
        Language code -> sentences; sentence i means the same in every language.

    Examples
    --------
    >>> sentences = core_sentences()
    >>> len({len(texts) for texts in sentences.values()})
    1
    """
    with (files(__package__) / "data" / "core_sentences.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {code: [row[code] for row in rows] for code in rows[0]}
