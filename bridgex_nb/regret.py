"""Did the bridge help, and was the right one chosen: bridges against zero-shot, and selectors of bridges by their regret."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from .activations import count_active
from .corpora import core_sentences
from .errors import InputError
from .languages import LANGUAGES
from .model import NeuronModel
from .progress import outer_bar
from .resampling import holm, percentile_interval
from .selectors import SELECTORS, Evidence, select_bridges
from .xicl import ZERO_SHOT


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


def regret(
    items: pd.DataFrame,
    scores: Mapping[tuple[str, str], pd.DataFrame],
    baseline: str = "english",
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """How much accuracy is lost by using the bridges that selectors choose instead of the best ones.

    Regret of a selector on a pair = accuracy of the best bridge - accuracy of the one it chooses; a selector's regret is the
    mean over the pairs. Where several bridges share the highest score, they are chosen with equal probability and the mean of
    their accuracies counts: a selector that cannot decide is one that chooses at random.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for one task; zero-shot rows are not looked at.
    scores : mapping of (str, str) to pandas.DataFrame
        (src, tgt) -> [bridge x selector], for instance of `select_bridges`, with the bridges of the pair's items.
    baseline : str
        The selector that all others are compared with.
    resamples : int
        Bootstrap draws.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        A row a selector, in the order of the columns of the scores, then the oracle, which always knows the best: selector,
        regret with low and high (95 % interval), accuracy (of the chosen bridges, mean over the pairs), lead (accuracy less
        the baseline's) with lead_low and lead_high, hits (pairs in which the best bridge is chosen), spearman (rank
        correlation of scores and accuracies of the bridges of a pair, mean over the pairs where it exists), spearman_pooled
        (the same over the bridges of all pairs together).

    Raises
    ------
    InputError
        If a pair has items and no scores or other bridges than them, a score is missing, selectors differ between pairs, the
        baseline is not among them, an item is not there for every bridge of its pair, or stands twice.

    Notes
    -----
    The highest of several measured accuracies lies above the accuracy of the truly best bridge, the more so the closer the
    bridges are: taken as it is, it makes every regret too large, by the same amount. How much a maximum rises when the items
    are drawn again is the bootstrap estimate of that bias (Efron and Tibshirani 1993, section 10.3); it is taken off the best
    accuracy of each pair, and twice off that of each draw, which has it twice. What is left may fall below 0 and is then 0.
    Where bridges tie, the estimate catches about half of the bias. `lead` holds no maximum (but the oracle's) and no such
    bias: it is the number that tells two selectors apart.

    A draw takes pairs with replacement, and items with replacement within each pair; the best bridge is found anew in each
    draw, the choices of the selectors are held. Drawing both counts the noise of items twice, which makes intervals wide where
    items are few; with few pairs that differ much they are somewhat narrow (about 90 % instead of 95 % for fifteen). Pairs
    count as independent, though they have languages in common.

    Examples
    --------
    >>> scores = {pair: select_bridges(evidence, *pair) for pair in PAIRS}  # doctest: +SKIP
    >>> regret(items, scores).set_index("selector").regret["hsic"]  # doctest: +SKIP
    """
    by_pair = {pair: right.drop(columns=ZERO_SHOT, errors="ignore") for pair, right in _by_pair(items).items()}
    scores = {pair: _scores_of(pair, right, scores) for pair, right in by_pair.items()}
    names = next(iter(scores.values())).columns
    for (src, tgt), one in scores.items():
        if list(one.columns) != list(names):
            raise InputError(f"{src}-{tgt} has scores of {', '.join(one)}, the first pair of {', '.join(names)}")
    if baseline not in names:
        raise InputError(f"the baseline {baseline!r} is not among the selectors {', '.join(names)}")
    rng = np.random.default_rng(seed)
    measured, drawn, hits, spearmans = [], [], [], []
    for pair, right in by_pair.items():
        accuracy = right.mean()
        again = _draw_accuracies(right, resamples, rng)[right.columns]
        chosen = (scores[pair] == scores[pair].max()).astype(float)
        chosen /= chosen.sum()
        best, best_again = accuracy.max(), again.to_numpy().max(axis=1)
        optimism = best_again.mean() - best
        measured.append([*(accuracy @ chosen), best - optimism])
        drawn.append(np.column_stack([again @ chosen, best_again - 2 * optimism]))
        hits.append([*chosen[accuracy == best].sum(), 1.0])
        spearmans.append([*scores[pair].rank().corrwith(accuracy.rank()), 1.0])
    measured, drawn = np.array(measured), np.stack(drawn, axis=1)  # [P, selectors], [R, P, selectors]
    pairs = len(measured)
    shares = rng.multinomial(pairs, np.full(pairs, 1 / pairs), size=resamples) / pairs
    mean, means = measured.mean(axis=0), np.einsum("rp,rps->rs", shares, drawn)
    base = names.get_loc(baseline)
    low, high = percentile_interval(means[:, -1:] - means)
    lead_low, lead_high = percentile_interval(means - means[:, [base]])
    return pd.DataFrame(
        {
            "selector": [*names, "oracle"],
            "regret": (mean[-1] - mean).clip(min=0),
            "low": low.clip(min=0),
            "high": high.clip(min=0),
            "accuracy": mean,
            "lead": mean - mean[base],
            "lead_low": lead_low,
            "lead_high": lead_high,
            "hits": np.sum(hits, axis=0),
            "spearman": pd.DataFrame(spearmans).mean().to_numpy(),
            "spearman_pooled": [*_pooled_spearman(by_pair, scores), 1.0],
        }
    )


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


def _scores_of(pair: tuple[str, str], right: pd.DataFrame, scores: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Scores of the bridges of a pair, in the order of its items' columns."""
    name = "-".join(pair)
    if pair not in scores:
        raise InputError(f"there are no scores for {name}")
    if right.empty or set(scores[pair].index) != set(right.columns):
        raise InputError(
            f"{name} has scores of {', '.join(scores[pair].index)}, and answers through {', '.join(right) or 'no bridge'}"
        )
    one = scores[pair].loc[right.columns].astype(float)
    if one.isna().any(axis=None):
        raise InputError(f"{name}: {one.columns[one.isna().any()][0]} has no score (NaN) for a bridge; -inf is never chosen")
    return one


def _draw_accuracies(right: pd.DataFrame, resamples: int, rng: np.random.Generator) -> pd.DataFrame:
    """Accuracies [resamples x bridge] on items drawn with replacement.

    Items with the same answers right are alike, so it is enough to draw how many there are of each kind.
    """
    kinds, counts = np.unique(right.to_numpy(), axis=0, return_counts=True)
    drawn = rng.multinomial(len(right), counts / len(right), size=resamples)
    return pd.DataFrame(drawn @ kinds / len(right), columns=right.columns)


def _pooled_spearman(by_pair: Mapping, scores: Mapping) -> pd.Series:
    """Rank correlation of each selector's scores with accuracy over the bridges of all pairs."""
    accuracy = pd.concat([by_pair[pair].mean() for pair in scores], ignore_index=True)
    return pd.concat(list(scores.values()), ignore_index=True).rank().corrwith(accuracy.rank())
