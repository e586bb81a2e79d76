"""Selectors of bridges side by side, the one that loses least accuracy first."""

from collections.abc import Sequence

import pandas as pd

from ..activations._count_active import count_active
from ..datasets._corpora import core_sentences
from ..evaluation._compare import _by_pair
from ..evaluation._xicl import ZERO_SHOT
from ..models._neuron_model import NeuronModel
from ..similarity._evidence import Evidence
from ..utils._progress import outer_bar
from ._regret import regret
from ._selectors import SELECTORS, select_bridges


def leaderboard(
    evidence: Evidence | NeuronModel,
    items: pd.DataFrame,
    selectors: Sequence[str] | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Selectors of bridges, the one that loses least accuracy first.

    Parameters
    ----------
    evidence : Evidence or NeuronModel
        What the selectors look at. A model stands for its `Evidence` with counts of the core sentences.
    items : pandas.DataFrame
        Rows of `answers` of the same model, for one task.
    selectors : sequence of str, optional
        Names in `SELECTORS`; all by default. Always English, random and the oracle are always there.
    resamples, seed
        As in `regret`.

    Returns
    -------
    pandas.DataFrame
        The table of `regret` with always-English as the baseline, sorted. `random` is what choosing at random gives on
        average, not the one order of `select_bridges`.

    Raises
    ------
    InputError
        As `select_bridges` and `regret`.

    Examples
    --------
    >>> items = answers(model, "bli", [core_lexicon(*pair) for pair in PAIRS], BRIDGES)  # doctest: +SKIP
    >>> leaderboard(model, items).selector[1]  # the oracle is first  # doctest: +SKIP
    """
    names = list(dict.fromkeys([*(SELECTORS if selectors is None else selectors), "english"]))
    asked = [name for name in names if name != "random"]
    by_pair = _by_pair(items)
    if isinstance(evidence, NeuronModel):
        evidence = Evidence(evidence, count_active(evidence, core_sentences()), items=items)
    scores = {}
    with outer_bar(list(by_pair), desc="selecting", unit="pair") as bar:
        for src, tgt in bar:
            bridges = by_pair[src, tgt].columns.drop(ZERO_SHOT, errors="ignore")
            scores[src, tgt] = select_bridges(evidence, src, tgt, list(bridges), asked).assign(random=0.0)
    table = regret(items, scores, "english", resamples=resamples, seed=seed)
    # The oracle comes before a selector that is as good.
    table = table.iloc[::-1].sort_values(["regret", "accuracy"], ascending=[True, False], kind="stable")
    return table.reset_index(drop=True)
