"""The bridge of each item, or none, chosen from how sure the model is."""

import numpy as np
import pandas as pd

from ..evaluation._answer_table import card_from_items, require_columns, scores_by_pair
from ..evaluation._combine import CONFIDENCES, answer_logprobs
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError
from ..utils._run_card import check_same_model, run_card

#: What `bridge` is in the rows that a router takes.
ROUTER = "router"

#: What the router looks at: is there a bridge or none, and the probabilities of the bridge text, of the answer behind it, and
#: of the zero-shot answer.
SEEN = ("zero_shot", "bridge_text", "answer", "zero_shot_answer")


def route(items: pd.DataFrame, calibration: pd.DataFrame | None = None) -> pd.DataFrame:
    """One answer to each item: through the bridge that promises most by the model's confidence, or through none.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task. Each item is routed among the bridges that its pair was asked through, zero-shot being
        one of them where it was asked.
    calibration : pandas.DataFrame, optional
        Rows of `answers` of other pairs, whose scores say what a confidence is worth. By default each pair is routed by what
        the other pairs of `items` say.

    Returns
    -------
    pandas.DataFrame
        Rows like those of `items`, one per item: bridge is "router", `route` the bridge that was taken, `promise` its expected
        score less the mean over the item's bridges, and all other columns are those of the row that was taken. With them in one
        table, the router is one more bridge (``pandas.concat([items, route(items)])``), as for `combine`. ``.attrs["weights"]``
        is pair -> what each probability is worth in score, the run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If there is one pair and no `calibration`, or `calibration` has a pair of `items` or is of another model, a pair was
        asked in one way only, the answers have no confidence, an item was not asked through every bridge of its pair or appears
        twice.

    Notes
    -----
    The score of an answer is regressed on four numbers: whether it is zero-shot, the probabilities of the bridge text and of
    the answer behind it, and, in zero-shot, the probability of the answer. These are means over tokens (exp of the columns
    bridge_confidence and confidence; of scored choices, the chosen one's share), on the scale of probabilities, so that one
    very unlikely token does not outweigh everything. Scores and numbers enter as differences from their mean over the bridges
    of the item (the within estimator of panel data): how hard an item or a pair is does not count, only which way of asking it
    is better. The fit is ordinary least squares. Of a bridge, the router knows these numbers alone, not which language it is.

    Every bridge is asked first: a router costs as many passes as all its bridges together.

    Examples
    --------
    >>> lexicons = [core_lexicon(*pair).sample(30) for pair in (("sw", "tl"), ("ar", "he"), ("zh", "he"))]
    >>> items = answers(load_model(), "bli", lexicons, [None, "en", "fr"])
    >>> routed = route(items)
    >>> bool(routed.score.mean() > items[items.bridge == "zero-shot"].score.mean())
    True
    """
    pairs = list(_checked(items))
    others = items if calibration is None else calibration
    if calibration is None and len(pairs) < 2:
        raise InputError("a router is calibrated on other pairs than it routes: give answers of several, or calibration=")
    if calibration is not None:
        if both := [pair for pair in _checked(calibration) if pair in pairs]:
            raise InputError(f"{'-'.join(both[0])} is in the calibration: a router is calibrated on other pairs than it routes")
        if "card" in calibration.attrs and "card" in items.attrs:
            check_same_model("the calibration is", calibration.attrs["card"], items.attrs["card"])
    seen, differences = _seen(items), _differences(others)
    of_others = list(zip(others.src, others.tgt, strict=True))
    taken, promises, weights = [], [], {}
    for pair, rows in items.reset_index(drop=True).groupby(["src", "tgt"], sort=False):
        elsewhere = differences[[other != pair for other in of_others]]
        worth = np.linalg.lstsq(elsewhere[:, :-1], elsewhere[:, -1], rcond=None)[0]
        weights["-".join(pair)] = dict(zip(SEEN, worth.tolist(), strict=True))
        worths = rows.assign(worth=seen[rows.index] @ worth)
        by_item = worths.groupby("item", sort=False).worth
        best = by_item.idxmax()
        taken += best.tolist()
        promises += (worths.worth[best] - by_item.mean().to_numpy()).tolist()
    table = items.drop(columns="route", errors="ignore").iloc[taken].reset_index(drop=True)
    table.insert(list(table).index("bridge") + 1, "route", table.bridge)
    table = table.assign(bridge=ROUTER, promise=promises)
    table.attrs["weights"] = weights
    table.attrs["card"] = _card(items, calibration)
    return table


def _checked(items: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """`scores_by_pair`, with something to choose in each pair."""
    require_columns(items, ("src", "tgt", "bridge", "item", "score", *CONFIDENCES))
    by_pair = scores_by_pair(items)
    for pair, scores in by_pair.items():
        if scores.shape[1] < 2:
            raise InputError(f"{'-'.join(pair)} was asked in one way only ({scores.columns[0]}); there is nothing to choose")
    return by_pair


def _seen(items: pd.DataFrame) -> np.ndarray:
    """What the router looks at in each row, [rows, `SEEN`]."""
    direct = (items.bridge == ZERO_SHOT).to_numpy()
    answer, text = np.exp(answer_logprobs(items).to_numpy()), np.exp(items.bridge_confidence.to_numpy(dtype=float))
    if np.isnan(text[~direct]).any():
        raise InputError("there are answers through a bridge without a bridge_confidence; a router needs those of `answers`")
    return np.column_stack([direct, np.where(direct, 0, text), np.where(direct, 0, answer), np.where(direct, answer, 0)])


def _differences(items: pd.DataFrame) -> np.ndarray:
    """What is seen in each row, then its score, each less its mean over the item's rows: [rows, `SEEN` and the score]."""
    values = pd.DataFrame(np.column_stack([_seen(items), items.score.to_numpy(dtype=float)]))
    keys = [items[name].to_numpy() for name in ("src", "tgt", "item")]
    return (values - values.groupby(keys).transform("mean")).to_numpy()


def _card(items: pd.DataFrame, calibration: pd.DataFrame | None) -> dict:
    if calibration is None:
        return card_from_items("route", items, calibration="the other pairs")
    cards = {"items": items.attrs.get("card"), "calibration": calibration.attrs.get("card")}
    known = {name: card for name, card in cards.items() if card}
    return run_card("route", cards["items"] or {}, options={"calibration": "given"}, inputs=known)
