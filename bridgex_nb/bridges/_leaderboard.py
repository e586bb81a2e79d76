"""Selectors of bridges side by side, the one with the least regret first."""

from collections.abc import Sequence

import pandas as pd

from ..activations._count_active import count_active
from ..datasets._corpora import core_sentences
from ..evaluation._answer_table import scores_by_pair
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..similarity._evidence import Evidence
from ..stats._resampling import check_resamples
from ..utils._progress import outer_bar
from ..utils._run_card import data_card, run_card
from ._regret import regret
from ._selectors import SELECTORS, cost_of, scores_and_parts, select_options

#: Columns of what a selector costs.
COST = ["texts", "tokens"]


def leaderboard(
    evidence: Evidence | NeuronModel,
    items: pd.DataFrame,
    selectors: Sequence[str] | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Selectors of bridges, the one with the least regret first.

    Parameters
    ----------
    evidence : Evidence or NeuronModel
        What the selectors look at. For a model, that is its `Evidence` with counts over the core sentences.
    items : pandas.DataFrame
        Rows of `answers` of the same model, for one task.
    selectors : sequence of str, optional
        Names in `SELECTORS`; all by default. `english`, `random` and the oracle are always included.
    resamples, seed
        As in `regret`.

    Returns
    -------
    pandas.DataFrame
        The table of `regret` with always-English as the baseline, sorted by regret. `random` is what choosing at random gives
        on average, not the one order of `select_bridges`; its regret is the headroom. Two more columns say what each selector
        costs: texts and tokens, what the model reads for its scores alone (`counting`), divided by the number of pairs; missing
        (NaN) for the oracle, and where it is not known. What pairs have in common, such as the sentences of a language, is read
        once for all of them; counts and items cost what they would if they were not there already. The row of `headroom` is in
        ``.attrs["headroom"]``, the scores by pair in ``.attrs["by_pair"]``, the run card in ``.attrs["card"]``.

    Raises
    ------
    InputError
        As `select_bridges` and `regret`, or if there are rows of `combine`, `max_ensemble` or `route`.

    Examples
    --------
    >>> items = answers(model, "bli", [core_lexicon(*pair) for pair in PAIRS], BRIDGES)  # doctest: +SKIP
    >>> leaderboard(model, items).selector[1]  # the oracle is first  # doctest: +SKIP
    """
    check_resamples(resamples)
    if "route" in items:
        raise InputError(
            "a leaderboard is of single bridges, and among these rows are some of several together or of a router; "
            "routing_regret compares those"
        )
    names = list(dict.fromkeys([*(SELECTORS if selectors is None else selectors), "english"]))
    computed = [name for name in names if name != "random"]
    by_pair = scores_by_pair(items)
    if isinstance(evidence, NeuronModel):
        shots = items.attrs.get("card", {}).get("options", {}).get("shots", 0)
        evidence = Evidence(evidence, count_active(evidence, core_sentences()), items=items, shots=shots)
    scores, parts = {}, {name: set() for name in computed}
    with outer_bar(list(by_pair), desc="selecting", unit="pair") as progress:
        for src, tgt in progress:
            bridges = by_pair[src, tgt].columns.drop(ZERO_SHOT, errors="ignore")
            table, asked = scores_and_parts(evidence, src, tgt, list(bridges), computed)
            scores[src, tgt] = table.assign(random=0.0)
            for name in computed:
                parts[name] |= asked[name]
    table = regret(items, scores, "english", resamples=resamples, seed=seed)
    costs = {"random": dict.fromkeys(COST, 0)} | {name: cost_of(evidence, asked) or {} for name, asked in parts.items()}
    for column in COST:
        table[column] = [costs.get(name, {}).get(column, float("nan")) / len(by_pair) for name in table.selector]
    # The oracle comes before a selector that is as good.
    table = table.iloc[::-1].sort_values(["regret", "score"], ascending=[True, False], kind="stable").reset_index(drop=True)
    options = select_options(evidence, list(by_pair), computed) | {"selectors": names, "resamples": resamples, "seed": seed}
    inputs = {
        "evidence": {
            "function": "Evidence",
            "data": data_card(evidence.sentences),
            "options": {name: getattr(evidence, name) for name in ("rate", "exclude", "words", "shots", "seed")},
            "inputs": {"counts": evidence.counts.card},
        }
    }
    if "card" in items.attrs:
        inputs["items"] = items.attrs["card"]
    table.attrs["card"] = run_card("leaderboard", evidence.model.card, options=options, inputs=inputs)
    return table
