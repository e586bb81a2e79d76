"""The table of answers that everything behind `answers` computes from: its scores by pair, bootstrap draws, and its card."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..exceptions import InputError
from ..utils._run_card import RunCard, run_card

#: What `control` is where the bridge text is the model's own translation.
MODEL = "model"


def require_columns(items: pd.DataFrame, names: Iterable[str]) -> None:
    """Check that these are rows of `answers`.

    Raises
    ------
    InputError
        If a column is missing or there are no rows.
    """
    missing = [name for name in names if name not in items]
    if missing:
        raise InputError(f"these are not rows of `answers`: no column {', '.join(missing)}")
    if items.empty:
        raise InputError("the table of `answers` has no rows")


def refuse_controls(items: pd.DataFrame) -> None:
    """Check that every bridge text is the model's own translation.

    Raises
    ------
    InputError
        If there are rows of `bridge_controls` with another one.
    """
    if "control" not in items:
        return
    others = [name for name in items.control.unique() if name not in ("", MODEL)]
    if others:
        raise InputError(
            f"there are rows of bridge_controls ({', '.join(map(str, others))}), where the bridge text is not the model's own; "
            "control_gains compares those, and items[items.control.isin(['', 'model'])] leaves them out"
        )


def scores_by_pair(items: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """(src, tgt) -> the scores of its items, float [item x bridge], bridges in the order of the rows.

    Raises
    ------
    InputError
        If these are not rows of `answers`, an item was not asked through every bridge of its pair or appears twice, or the
        bridge text is not the model's own (`bridge_controls`).
    """
    require_columns(items, ("src", "tgt", "bridge", "item", "score"))
    refuse_controls(items)
    tables = {}
    for (src, tgt), rows in items.groupby(["src", "tgt"], sort=False):
        repeated = rows[rows.duplicated(["item", "bridge"])]
        if len(repeated):
            first = repeated.iloc[0]
            raise InputError(f"{src}-{tgt}: {first['item']!r} through {first.bridge} appears twice; pass one task's answers")
        scores = rows.pivot(index="item", columns="bridge", values="score")[list(rows.bridge.unique())]
        incomplete = scores.columns[scores.isna().any()]
        if len(incomplete):
            gaps = int(scores[incomplete[0]].isna().sum())
            raise InputError(f"{src}-{tgt}: {incomplete[0]} lacks {gaps} of the pair's {len(scores)} items")
        tables[src, tgt] = scores.astype(float)
    return tables


def draw_mean_scores(scores: pd.DataFrame, resamples: int, rng: np.random.Generator) -> pd.DataFrame:
    """Mean scores [resamples x bridge] of items drawn with replacement.

    Items with the same scores are interchangeable, so it is enough to draw how many there are of each kind.
    """
    kinds, counts = np.unique(scores.to_numpy(), axis=0, return_counts=True)
    drawn = rng.multinomial(len(scores), counts / len(scores), size=resamples)
    return pd.DataFrame(drawn @ kinds / len(scores), columns=scores.columns)


def card_from_items(function: str, items: pd.DataFrame, **options) -> RunCard:
    """The run card of a result computed from rows of `answers`."""
    source = items.attrs.get("card")
    return run_card(function, source or {}, options=options, inputs={"items": source} if source else None)
