"""Correlation of two scores over languages, with 95 % intervals."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import norm, pearsonr, spearmanr

from ..exceptions import InputError
from ..utils._run_card import run_card


def correlate(scores: pd.Series, task_scores: pd.Series | Mapping[str, float]) -> pd.DataFrame:
    """Correlation of scores of languages with the model's task scores in them.

    Parameters
    ----------
    scores : pandas.Series
        Indexed by language, for instance ``result.table.set_index("language").score`` of an `Alignment`.
    task_scores : pandas.Series or mapping of str to float
        Language -> score, in any order. Languages that only one of the two has, or whose value is missing, are left out.

    Returns
    -------
    pandas.DataFrame
        Rows pearson and spearman; columns r, low, high (95 % interval), p (two-sided, null hypothesis of no correlation),
        languages (their number). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If fewer than three languages are in both, a language is listed twice, or all values of one side are the same.

    Notes
    -----
    Intervals from Fisher's z with standard error 1 / sqrt(n - 3), for Spearman sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright
    2000, Psychometrika 65). With three languages the interval is [-1, 1].

    Examples
    --------
    >>> import pandas as pd
    >>> alignment_scores = pd.Series({"de": 0.9, "sw": 0.3, "fi": 0.5, "hu": 0.6})
    >>> correlate(alignment_scores, {"sw": 41.0, "fi": 55.0, "hu": 57.0, "de": 80.0}).r.round(3).tolist()
    [0.993, 1.0]
    """
    pair = {"scores": pd.Series(scores, dtype=float), "task_scores": pd.Series(task_scores, dtype=float)}
    for name, values in pair.items():
        if not values.index.is_unique:
            raise InputError(f"{name} has {values.index[values.index.duplicated()][0]!r} twice; give each language one score")
    both = pd.concat(pair, axis=1, join="inner").dropna()
    n = len(both)
    if n < 3:
        raise InputError(f"{n} language(s) have a value in both ({', '.join(map(str, both.index))}); a correlation needs three")
    for name in pair:
        if both[name].nunique() == 1:
            raise InputError(f"{name}: {both[name].iloc[0]:g} for every common language; their correlation is undefined")
    rows = {}
    for name, test, spread in (("pearson", pearsonr, lambda r: 1.0), ("spearman", spearmanr, lambda r: 1 + r * r / 2)):
        result = test(both.scores, both.task_scores)
        r = float(result.statistic)
        with np.errstate(divide="ignore"):  # r = 1: the interval is a point
            z = np.arctanh(r) + norm.ppf([0.025, 0.975]) * np.sqrt(spread(r) / (n - 3)) if n > 3 else [-np.inf, np.inf]
        rows[name] = (r, *np.tanh(z), float(result.pvalue), n)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["r", "low", "high", "p", "languages"])
    data = {"languages": list(both.index), "scores": both.scores.tolist(), "task_scores": both.task_scores.tolist()}
    sources = {"scores": getattr(scores, "attrs", {}), "task_scores": getattr(task_scores, "attrs", {})}
    inputs = {name: attrs["card"] for name, attrs in sources.items() if "card" in attrs}
    table.attrs["card"] = run_card("correlate", {}, data=data, inputs=inputs)
    return table
