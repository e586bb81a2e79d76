"""Several bridges at once: one answer to each item from the answers through each of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..datasets._languages import language
from ..exceptions import InputError
from ._answer_table import card_from_items, require_columns, scores_by_pair
from ._plan import ZERO_SHOT
from ._reading import fold

#: How answers are combined.
WAYS = ("vote", "confidence", "max")

#: Columns of `answers` that say how sure the model is.
CONFIDENCES = ("bridge_confidence", "confidence", "logprobs")


def combine(items: pd.DataFrame, bridges: Sequence[str | None], by: str = "vote") -> pd.DataFrame:
    """One answer to each item from its answers through several bridges.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task, through these bridges at least.
    bridges : sequence of str or None
        Two or more bridge languages; None is zero-shot. Pairs of which one is source or target are left out.
    by : {"vote", "confidence", "max"}
        "vote": the answer that most bridges give; between as many votes, the surer answer. "confidence": a vote counts as much
        as the answer is sure, and votes for the same answer add up. "max": the surest answer.

    Returns
    -------
    pandas.DataFrame
        Rows like those of `items`, one per item: bridge is such as "en+fr by vote", `route` is the bridge whose answer is
        taken (of those that gave it, the surest), and all other columns are those of its row. With them in one table, the
        combination is one more bridge (``pandas.concat([items, combine(items, ["en", "fr"])])``): `accuracy`, `compare` and
        `translation_scores` take it so. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If there are fewer than two bridges, one is unknown or given twice, `by` is unknown, no pair is left, a pair was not
        asked through one of the bridges, or the answers have no confidence.

    Notes
    -----
    How sure an answer is: P(b | text) P(answer | text, b), the model's probability of its translation into the bridge times
    that of its answer behind it; zero-shot has the second alone. Each is that of a token, the geometric mean: exp of the
    columns bridge_confidence and confidence; where choices were scored, the share of the chosen one among the choices. Answers
    are the same if they are in the form that exact match compares (`fold`). An empty answer wins only where all are empty.

    In multi-pivot translation, Mohammadshahi, Vamvas and Sennrich (arXiv 2311.07439) combine the distributions of the next
    token at every step: MultiAvg takes their mean over the pivots, MaxEns (`max_ensemble`) their maximum. "confidence" and
    "max" choose among whole answers instead, which each bridge has given by itself: nothing is asked again, and no answer mixes
    the tokens of two. They also weigh in the first hop, which the paper takes as given. Of sentences, which seldom agree word
    for word, all three ways take the surest.

    Examples
    --------
    >>> items = answers(load_model(), "bli", core_lexicon("sw", "tl").sample(30), ["en", "fr", "es"])
    >>> accuracy(combine(items, ["en", "fr", "es"])).bridge.tolist()
    ['en+fr+es by vote']
    """
    names = check_bridges(bridges)
    check_way(by)
    require_columns(items, ("src", "tgt", "bridge", "item", "answer", *CONFIDENCES, "score"))
    fitting = [pair for pair in scores_by_pair(items) if set(pair).isdisjoint(names)]
    if not fitting:
        raise InputError(f"no pair is left: one of {', '.join(names)} is the source or the target of each")
    taken: list[int] = []
    numbered = items.reset_index(drop=True).assign(logprob=path_logprobs(items).to_numpy())
    for (src, tgt), rows in numbered.groupby(["src", "tgt"], sort=False):
        if (src, tgt) not in fitting:
            continue
        if lacking := [name for name in names if name not in set(rows.bridge)]:
            raise InputError(f"{src}-{tgt} was not asked through {', '.join(lacking)}")
        used = rows[rows.bridge.isin(names)]
        used = used.iloc[used.bridge.map(names.index).argsort(kind="stable")]
        by_item: dict[object, list[tuple[int, str, float]]] = {name: [] for name in rows["item"]}
        for name, *found in zip(used["item"], used.index, map(fold, used.answer), used.logprob, strict=True):
            by_item[name].append(tuple(found))
        taken += [_winner(found, by) for found in by_item.values()]
    table = items.drop(columns="route", errors="ignore").iloc[taken].reset_index(drop=True)
    table.insert(list(table).index("bridge") + 1, "route", table.bridge)
    table["bridge"] = f"{'+'.join(names)} by {by}"
    table.attrs["card"] = card_from_items("combine", items, bridges=names, by=by)
    return table


def check_bridges(bridges: Sequence[str | None]) -> list[str]:
    """The bridges as they are named in tables."""
    if isinstance(bridges, str) or len(bridges) < 2:
        raise InputError("combine needs two bridges or more, such as ['en', 'fr']")
    names = [ZERO_SHOT if bridge in (None, ZERO_SHOT) else language(bridge).code for bridge in bridges]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{repeated[0]!r} is given twice among the bridges to combine")
    return names


def check_way(by: str) -> None:
    """Refuse an unknown way of combining."""
    if by not in WAYS:
        raise InputError(f"answers are combined by {', '.join(WAYS)}; not by {by!r}")


def answer_logprobs(items: pd.DataFrame) -> pd.Series:
    """How sure the model is of each answer: mean log-probability per token, or log of the chosen one's share of the choices.

    Raises
    ------
    InputError
        If an answer has neither.
    """
    logprobs = items.confidence.astype(float).copy()
    scored = items.logprobs.notna().to_numpy()
    logprobs[scored] = [-float(np.logaddexp.reduce(np.array(row) - max(row))) for row in items.logprobs[scored]]
    if logprobs.isna().any():
        raise InputError(f"{int(logprobs.isna().sum())} answers have neither a confidence nor scored choices")
    return logprobs


def path_logprobs(items: pd.DataFrame) -> pd.Series:
    """How sure the model is of both hops together; of the answer alone in zero-shot."""
    return items.bridge_confidence.astype(float).fillna(0.0) + answer_logprobs(items)


def _winner(found: list[tuple[int, str, float]], by: str) -> int:
    """The number of the row whose answer is taken, from (number, answer, log-probability) of the rows of one item."""
    answered = [row for row in found if row[1]] or found
    votes: dict[str, float] = {}
    for _, answer, logprob in answered:
        votes[answer] = votes.get(answer, 0.0) + {"vote": 1.0, "confidence": np.exp(logprob), "max": 0.0}[by]
    return max(answered, key=lambda row: (votes[row[1]], row[2]))[0]
