"""How alike the languages themselves are, whatever a model makes of them: by family and by typology."""

import csv
from functools import cache
from importlib.resources import files

import pandas as pd
from scipy.spatial.distance import pdist, squareform

from ._languages import LANGUAGES


def same_family() -> pd.DataFrame:
    """1.0 where two of the 15 languages belong to one family, 0.0 elsewhere, [language x language]."""
    families = pd.Series({code: one.family for code, one in LANGUAGES.items()})
    return pd.DataFrame(
        families.to_numpy()[:, None] == families.to_numpy(), index=families.index, columns=families.index, dtype=float
    )


@cache
def typological_distance() -> pd.DataFrame:
    """Typological distance between the 15 languages: the mean absolute difference of their features.

    `data/typology.csv` holds a row a feature: name, meaning, the WALS chapter that treats it, and a value a language, 1 (yes),
    0 (no) or 0.5 (both, in part or optionally). The features are of the kind of URIEL's (Littell et al. 2017), most on
    syntax; the values were written for this project.

    Returns
    -------
    pandas.DataFrame
        [language x language], symmetric, 0 on the diagonal, at most 1.
    """
    with (files(__package__) / "data" / "typology.csv").open(encoding="utf-8", newline="") as handle:
        table = pd.DataFrame(csv.DictReader(handle)).drop(columns=["meaning", "wals"]).set_index("feature").astype(float)
    distance = squareform(pdist(table.T, "cityblock")) / len(table)
    return pd.DataFrame(distance, index=table.columns, columns=table.columns)
