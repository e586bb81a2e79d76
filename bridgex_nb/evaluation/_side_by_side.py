"""The answers to an item, zero-shot and through every bridge, in one row to read."""

import numpy as np
import pandas as pd

from ..datasets._languages import LANGUAGES
from ._answer_table import card_from_items, require_columns, scores_by_pair
from ._plan import ZERO_SHOT


def side_by_side(items: pd.DataFrame) -> pd.DataFrame:
    """What the model answers to an item zero-shot and through every bridge, in one row, to read what a bridge changes.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task.

    Returns
    -------
    pandas.DataFrame
        One row per item. Columns of two levels: src, tgt, item, gold; then for each bridge bridge_text, what the model
        translated the text into, and answer, which begins with ✓ if it is accepted and ✗ if it is not, or with its chrF (0 to
        100, in brackets) in translation. A cell holds one language only, so that each script reads in its own direction
        (`plots.html_table`). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If an item was not asked through every bridge of its pair or appears twice.

    Examples
    --------
    >>> side_by_side(answers(load_model(), "bli", core_lexicon("sw", "tl"), [None, "en"])).columns.tolist()[4:]
    [('zero-shot', 'answer'), ('en', 'bridge_text'), ('en', 'answer')]
    """
    require_columns(items, ("src", "tgt", "bridge", "item", "bridge_text", "answer", "gold", "score", "correct"))
    scores_by_pair(items)  # refuses what is incomplete or appears twice
    item = ["src", "tgt", "item", "gold"]
    if items.correct.isna().any():
        marks = [f"({100 * score:.0f}) " for score in items.score]
    else:
        marks = np.where(items.correct.astype(bool), "✓ ", "✗ ")
    marked = items.assign(answer=marks + items.answer.astype(object))
    table = marked.pivot(index=item, columns="bridge", values=["bridge_text", "answer"]).swaplevel(axis=1)
    table = table.loc[pd.MultiIndex.from_frame(items[item].drop_duplicates())]
    bridges = [code for code in dict.fromkeys((ZERO_SHOT, *LANGUAGES, *items.bridge)) if code in set(items.bridge)]
    columns = [(bridge, part) for bridge in bridges for part in ("bridge_text", "answer")]
    table = table[columns].drop(columns=(ZERO_SHOT, "bridge_text"), errors="ignore").reset_index()
    table.attrs["card"] = card_from_items("side_by_side", items)
    return table
