"""How much text there is on the web in each language: what a model has probably read most of."""

import csv
from functools import cache
from importlib.resources import files

import pandas as pd


@cache
def web_tokens() -> pd.Series:
    """Billions of tokens of each language in mC4, a crawl of the web: how much data of it a model has probably seen.

    The mixture that a model was trained on is seldom published, and differs from it.

    Returns
    -------
    pandas.Series
        language -> billions of tokens, for 94 languages; one that is not in it is not known, not rare.

    Notes
    -----
    mT5 (Xue et al. 2021, arXiv 2010.11934), the table of mC4's languages in the appendix. Its `iw` is Hebrew and its `fil`
    Tagalog here; text in a second script is left out.

    Examples
    --------
    >>> float(web_tokens()["sw"]), int(web_tokens()["en"])
    (1.0, 2733)
    """
    with (files(__package__) / "data" / "web_tokens.csv").open(encoding="utf-8", newline="") as handle:
        return pd.Series({row["language"]: float(row["tokens"]) for row in csv.DictReader(handle)}, name="tokens")
