"""Every bridge against zero-shot on the same items, and the answers side by side."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from ..datasets._languages import LANGUAGES
from ..exceptions import InputError
from ..stats._resampling import holm, percentile_interval
from ._xicl import ZERO_SHOT


def compare(items: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Every bridge against zero-shot, on the same items.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task: each item of a pair zero-shot and through each of the pair's bridges.
    resamples : int
        Bootstrap draws of the items.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        A row a pair and bridge: src, tgt, bridge, n, zero_shot and accuracy (shares of 1), gain (their difference), low and
        high (its 95 % interval), helped (items right only through the bridge), harmed (right only without it), p (McNemar),
        p_holm (the same, corrected over the rows).

    Raises
    ------
    InputError
        If a pair has no zero-shot rows or no bridge, an item is not there for every bridge of its pair, or stands twice.

    Notes
    -----
    The bootstrap is paired: an item is drawn with its answers through all bridges. McNemar's test (1947) is the exact one,
    two-sided: were the bridge of no effect, an item that only one of the two gets right would be as often the one's as the
    other's. Correction: Holm 1979.

    Examples
    --------
    >>> model = load_model()
    >>> table = compare(answers(model, "bli", core_lexicon("sw", "tl"), [None, "en"]))
    >>> bool(table.gain[0] > 0 and table.p_holm[0] < 0.05)
    True
    """
    rng = np.random.default_rng(seed)
    rows = []
    for (src, tgt), right in _by_pair(items).items():
        if ZERO_SHOT not in right:
            raise InputError(f"{src}-{tgt}: there are no zero-shot answers to compare with; add None to the bridges")
        bridges = right.columns.drop(ZERO_SHOT)
        if bridges.empty:
            raise InputError(f"{src}-{tgt}: there is nothing but zero-shot; add bridges")
        drawn = _draw_accuracies(right, resamples, rng)
        for bridge in bridges:
            difference = right[bridge] - right[ZERO_SHOT]
            helped, harmed = int((difference > 0).sum()), int((difference < 0).sum())
            p = binomtest(helped, helped + harmed).pvalue if helped + harmed else 1.0
            interval = percentile_interval(drawn[bridge] - drawn[ZERO_SHOT])
            accuracies = right[ZERO_SHOT].mean(), right[bridge].mean()
            rows.append((src, tgt, bridge, len(right), *accuracies, difference.mean(), *interval, helped, harmed, p))
    columns = ["src", "tgt", "bridge", "n", "zero_shot", "accuracy", "gain", "low", "high", "helped", "harmed", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table.p.to_numpy()))


def side_by_side(items: pd.DataFrame) -> pd.DataFrame:
    """What the model answers to an item zero-shot and through every bridge, in one row, to read what a bridge changes.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task.

    Returns
    -------
    pandas.DataFrame
        A row an item. Columns of two levels: src, tgt, word (or item), gold; then for each bridge bridge_word (or
        bridge_text), what the model said on the way, and answer, after ✓ where it is accepted and ✗ where it is not. A cell
        holds one language only, so that each script reads in its own direction (`plots.html_table`).

    Raises
    ------
    InputError
        If an item is not there for every bridge of its pair, or stands twice.

    Examples
    --------
    >>> side_by_side(answers(load_model(), "bli", core_lexicon("sw", "tl"), [None, "en"])).columns.tolist()[4:]
    [('zero-shot', 'answer'), ('en', 'bridge_word'), ('en', 'answer')]
    """
    _by_pair(items)
    name, way = _names(items)
    item = ["src", "tgt", name, "gold"]
    marked = items.assign(answer=np.where(items.correct, "✓ ", "✗ ") + items.answer)
    table = marked.pivot(index=item, columns="bridge", values=[way, "answer"]).swaplevel(axis=1)
    table = table.loc[pd.MultiIndex.from_frame(items[item].drop_duplicates())]
    bridges = [code for code in (ZERO_SHOT, *LANGUAGES) if code in set(items.bridge)]
    columns = [(bridge, part) for bridge in bridges for part in (way, "answer")]
    return table[columns].drop(columns=(ZERO_SHOT, way), errors="ignore").reset_index()


def _names(items: pd.DataFrame) -> tuple[str, str]:
    """The columns of `answers` that name an item and hold what the model said on the way to its answer."""
    return ("word", "bridge_word") if "word" in items else ("item", "bridge_text")


def _by_pair(items: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """(src, tgt) -> what is right, float [item x bridge], bridges in their order."""
    name, _ = _names(items)
    missing = {"src", "tgt", "bridge", name, "correct"} - set(items.columns)
    if missing or items.empty:
        raise InputError(f"the rows of `answers` are needed, an item each; {', '.join(sorted(missing)) or 'every row'} missing")
    tables = {}
    for (src, tgt), rows in items.groupby(["src", "tgt"], sort=False):
        twice = rows[rows.duplicated([name, "bridge"])]
        if len(twice):
            one = twice.iloc[0]
            raise InputError(f"{src}-{tgt}: {one[name]!r} through {one.bridge} stands twice; take the items of one task")
        right = rows.pivot(index=name, columns="bridge", values="correct")[list(rows.bridge.unique())]
        lacking = right.columns[right.isna().any()]
        if len(lacking):
            gaps = int(right[lacking[0]].isna().sum())
            raise InputError(f"{src}-{tgt}: {lacking[0]} lacks {gaps} of the pair's {len(right)} items")
        tables[src, tgt] = right.astype(float)
    return tables


def _draw_accuracies(right: pd.DataFrame, resamples: int, rng: np.random.Generator) -> pd.DataFrame:
    """Accuracies [resamples x bridge] on items drawn with replacement.

    Items with the same answers right are alike, so it is enough to draw how many there are of each kind.
    """
    kinds, counts = np.unique(right.to_numpy(), axis=0, return_counts=True)
    drawn = rng.multinomial(len(right), counts / len(right), size=resamples)
    return pd.DataFrame(drawn @ kinds / len(right), columns=right.columns)
