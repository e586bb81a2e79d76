"""Scores of a table of answers: accuracy, and chrF and BLEU of translations."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sacrebleu.metrics import BLEU, CHRF
from scipy.stats import binomtest

from ..exceptions import InputError
from ..stats._resampling import check_resamples, percentile_interval
from ..utils._run_card import run_card
from ._answer_table import card_from_items, refuse_controls, require_columns

#: chrF2: character n-grams of up to this order, recall weighs this much more than precision.
CHRF_ORDER, CHRF_BETA = 6, 2


def accuracy(items: pd.DataFrame, by: Sequence[str] = ("src", "tgt", "bridge")) -> pd.DataFrame:
    """Accuracy with its 95 % Wilson interval.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for a task whose answers are right or wrong.
    by : sequence of str
        Columns: one row of the result per combination of their values.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then n, correct, accuracy, low, high (0 to 1), copy (what writing the source text as the answer
        would score: in bli the share of items whose word is an accepted translation of itself; missing where answers are
        choices) and, where the items have it, gold_logprob (mean). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a column is missing, answers are neither right nor wrong (the task translation), or rows of `bridge_controls` are
        not told apart by their control.
    """
    require_columns(items, (*by, "correct"))
    if "control" not in by:
        refuse_controls(items)
    if items.correct.isna().any():
        raise InputError(
            f"{int(items.correct.isna().sum())} answers are neither right nor wrong; translation_scores scores those of the "
            "task translation"
        )
    table = items.astype({"correct": bool}).groupby(list(by), sort=False).correct.agg(n="size", correct="sum").reset_index()
    table["accuracy"] = table.correct / table.n
    counts = zip(table.correct, table.n, strict=True)
    intervals = [binomtest(int(correct), int(n)).proportion_ci(method="wilson") for correct, n in counts]
    table["low"], table["high"] = [interval.low for interval in intervals], [interval.high for interval in intervals]
    table = _with_means(table, items, by)
    table.attrs["card"] = card_from_items("accuracy", items, by=list(by))
    return table


def by_gold_logprob(items: pd.DataFrame) -> pd.DataFrame:
    """The same answers, scored by how likely the model finds the accepted answer.

    Where a model gets few answers right, exact match is 0 whatever the bridge, and bridges differ in the log-probability of the
    accepted answer alone. What compares answers (`compare`, `headroom`, `regret`, `leaderboard`) then does so in nats.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` with `gold_logprobs`.

    Returns
    -------
    pandas.DataFrame
        The rows with gold_logprob as their score, and correct missing. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the rows have no gold_logprob.

    Examples
    --------
    >>> items = answers(load_model(), "bli", core_lexicon("sw", "tl").keep(["moto"]), [None, "en"], gold_logprobs=True)
    >>> bool(by_gold_logprob(items).score.max() < 0)
    True
    """
    require_columns(items, ["score"])
    if "gold_logprob" not in items:
        raise InputError("the rows have no gold_logprob; ask for it: answers(..., gold_logprobs=True)")
    table = items.assign(score=items.gold_logprob, correct=pd.array([pd.NA] * len(items), dtype="boolean"))
    if card := items.attrs.get("card"):
        options = card["options"] | {"score": "gold_logprob"}
        table.attrs["card"] = run_card("by_gold_logprob", card, data=card["data"], options=options, inputs={"items": card})
    return table


def translation_scores(items: pd.DataFrame, *, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """chrF of translations with its 95 % bootstrap interval over sentences, and BLEU beside it.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for the task translation.
    resamples : int
        Bootstrap draws of the sentences.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One row per pair and bridge: src, tgt, bridge, n, chrf, low, high, bleu, copy (0 to 100; copy is what the source
        sentences themselves would score, as the mean of the sentences' chrF) and, where the items have it, gold_logprob
        (mean). The run card, with sacrebleu's signatures, is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a column is missing, answers are right or wrong (all other tasks), or `resamples` is less than 1.

    Notes
    -----
    chrF2 (Popović 2015) and BLEU of the whole set, by sacrebleu (Post 2018). BLEU splits Chinese with the tokenizer "zh",
    Japanese into characters and all others with "13a", so it cannot be compared between languages.
    """
    check_resamples(resamples)
    require_columns(items, ("src", "tgt", "bridge", "answer", "gold"))
    refuse_controls(items)
    if "correct" in items and items.correct.notna().any():
        raise InputError("these answers are right or wrong, not translations of sentences; accuracy scores them")
    rng, rows, signatures = np.random.default_rng(seed), [], {}
    for (src, tgt, bridge), group in items.groupby(["src", "tgt", "bridge"], sort=False):
        outputs, golds = group.answer.tolist(), group.gold.tolist()
        chrf, bleu = CHRF(), BLEU(tokenize={"zh": "zh", "ja": "char"}.get(tgt, "13a"))
        scores = chrf.corpus_score(outputs, [golds]).score, bleu.corpus_score(outputs, [golds]).score
        # Not sacrebleu's own bootstrap: its mean fails where some draws have a score of 0 and others do not.
        counts = np.array([chrf_counts(output, gold) for output, gold in zip(outputs, golds, strict=True)])
        draws = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size=resamples)
        low, high = percentile_interval(chrf_of_counts(np.tensordot(draws, counts, axes=1)))
        rows.append((src, tgt, bridge, len(group), scores[0], low, high, scores[1]))
        signatures["chrf"], signatures[f"bleu {tgt}"] = str(chrf.get_signature()), str(bleu.get_signature())
    table = pd.DataFrame(rows, columns=["src", "tgt", "bridge", "n", "chrf", "low", "high", "bleu"])
    table = _with_means(table, items, ("src", "tgt", "bridge"))
    if "copy" in table:
        table["copy"] *= 100
    table.attrs["card"] = card_from_items("translation_scores", items, resamples=resamples, seed=seed, metrics=signatures)
    return table


def _with_means(table: pd.DataFrame, items: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """A table with a row per group of items, in their order, and the means of their copy and gold_logprob where they are."""
    means = [name for name in ("copy", "gold_logprob") if name in items and name not in by]
    if not means:
        return table
    return table.assign(**items.groupby(list(by), sort=False)[means].mean().reset_index(drop=True))


def sentence_chrf(output: str, gold: str) -> float:
    """chrF2 of one sentence, 0 to 100 (sacrebleu)."""
    return CHRF().sentence_score(output, [gold]).score


def chrf_counts(output: str, gold: str) -> np.ndarray:
    """Character n-grams of a sentence, spaces left out: int [order, (of the output, of the gold, of both)].

    Where the gold is shorter than n, n-grams of the output are not counted, as in sacrebleu.
    """
    texts = ["".join(text.split()) for text in (output, gold)]
    counts = []
    for n in range(1, CHRF_ORDER + 1):
        written, expected = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in texts)
        counts.append((written.total() if expected else 0, expected.total(), (written & expected).total()))
    return np.array(counts)


def chrf_of_counts(counts: np.ndarray) -> np.ndarray:
    """chrF2 [...], 0 to 100, of the sums of `chrf_counts` over sentences, [..., order, 3]."""
    written, expected, both = np.moveaxis(counts, -1, 0)
    present = (written > 0) & (expected > 0)
    orders = present.sum(axis=-1).clip(min=1)
    precision = np.where(present, both / written.clip(min=1), 0.0).sum(axis=-1) / orders
    recall = np.where(present, both / expected.clip(min=1), 0.0).sum(axis=-1) / orders
    denominator = CHRF_BETA**2 * precision + recall
    return 100 * ((1 + CHRF_BETA**2) * precision * recall / np.where(denominator > 0, denominator, 1))
