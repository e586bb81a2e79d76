"""Similarity of the languages themselves, independent of any model: by family, by script and by typology."""

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import pandas as pd
from scipy.spatial.distance import pdist, squareform

from ._languages import LANGUAGES, language


def same_family(languages: Iterable[str] = tuple(LANGUAGES)) -> pd.DataFrame:
    """Whether two languages belong to the same family.

    Parameters
    ----------
    languages : iterable of str
        Language codes; the 15 of the study by default.

    Returns
    -------
    pandas.DataFrame
        [language x language], 1.0 for the same family, 0.0 otherwise.

    Raises
    ------
    InputError
        If a language is unknown.

    Examples
    --------
    >>> same_family().loc["id", ["tl", "sw"]].tolist()
    [1.0, 0.0]
    >>> same_family(["hi", "ur", "ta"]).loc["hi"].tolist()
    [1.0, 1.0, 0.0]
    """
    return _same({code: language(code).family for code in languages})


def same_script(languages: Iterable[str] = tuple(LANGUAGES)) -> pd.DataFrame:
    """Whether two languages are written in the same script.

    Parameters
    ----------
    languages : iterable of str
        Language codes; the 15 of the study by default.

    Returns
    -------
    pandas.DataFrame
        [language x language], 1.0 for the same script, 0.0 otherwise. Chinese and Japanese, which share some characters, have
        different ones.

    Raises
    ------
    InputError
        If a language is unknown.

    Examples
    --------
    >>> same_script().loc["sw", ["fi", "zh"]].tolist()
    [1.0, 0.0]
    """
    return _same({code: language(code).script for code in languages})


def _same(group_of: dict[str, str]) -> pd.DataFrame:
    groups = pd.Series(group_of, dtype=object)
    return pd.DataFrame(groups.to_numpy()[:, None] == groups.to_numpy(), index=groups.index, columns=groups.index, dtype=float)


@cache
def typological_distance() -> pd.DataFrame:
    """Typological distance between the 15 languages of the study: the mean absolute difference of their features.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric, 0 on the diagonal, at most 1.

    Notes
    -----
    `data/typology.csv` has one row per feature: its name, its meaning, the WALS chapter that describes it, and one value per
    language, 1 (yes), 0 (no) or 0.5 (partly or optionally). The features resemble those of URIEL (Littell et al. 2017); most
    are syntactic. The values were compiled for this project.

    Examples
    --------
    >>> distance = typological_distance()
    >>> bool(distance.loc["es", "pt"] < distance.loc["es", "ja"])
    True
    """
    with (files(__package__) / "data" / "typology.csv").open(encoding="utf-8", newline="") as handle:
        table = pd.DataFrame(csv.DictReader(handle)).drop(columns=["meaning", "wals"]).set_index("feature").astype(float)
    distance = squareform(pdist(table.T, "cityblock")) / len(table)
    return pd.DataFrame(distance, index=table.columns, columns=table.columns)
