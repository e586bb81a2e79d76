"""What a table of answers amounts to: accuracy, and chrF and BLEU of translations."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sacrebleu.metrics import BLEU, CHRF
from scipy.stats import binomtest

from ..stats._resampling import percentile_interval


def accuracy(items: pd.DataFrame, by: Sequence[str] = ("src", "tgt", "bridge")) -> pd.DataFrame:
    """Accuracy with its 95 % Wilson interval.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers`.
    by : sequence of str
        Columns whose combinations get a row each.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then n, correct, accuracy, low, high (shares of 1).
    """
    table = items.groupby(list(by), sort=False).correct.agg(n="size", correct="sum").reset_index()
    table["accuracy"] = table.correct / table.n
    intervals = [binomtest(int(k), int(n)).proportion_ci(method="wilson") for k, n in zip(table.correct, table.n, strict=True)]
    table["low"], table["high"] = [one.low for one in intervals], [one.high for one in intervals]
    table.attrs.update(items.attrs)
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
        src, tgt, bridge, n, chrf, low, high, bleu (0 to 100). sacrebleu's signatures are in ``.attrs["card"]``.

    Notes
    -----
    chrF2 (Popović 2015) and BLEU of the whole set, by sacrebleu (Post 2018). BLEU takes Chinese apart with the tokenizer "zh",
    Japanese into characters and all others with "13a", so it cannot be compared between languages.
    """
    rng, rows, signatures = np.random.default_rng(seed), [], {}
    for (src, tgt, bridge), some in items.groupby(["src", "tgt", "bridge"], sort=False):
        outputs, golds = some.answer.tolist(), [some.gold.tolist()]
        chrf, bleu = CHRF(), BLEU(tokenize={"zh": "zh", "ja": "char"}.get(tgt, "13a"))
        score = chrf.corpus_score(outputs, golds).score
        # Not sacrebleu's own bootstrap: its mean fails where some draws have a score of 0 and others not.
        counts = np.array(chrf._extract_corpus_statistics(outputs, golds))
        drawn = rng.multinomial(len(some), np.full(len(some), 1 / len(some)), size=resamples) @ counts
        low, high = percentile_interval([chrf._compute_f_score(one) for one in drawn.tolist()])
        rows.append((src, tgt, bridge, len(some), score, low, high, bleu.corpus_score(outputs, golds).score))
        signatures["chrf"], signatures[f"bleu {tgt}"] = str(chrf.get_signature()), str(bleu.get_signature())
    table = pd.DataFrame(rows, columns=["src", "tgt", "bridge", "n", "chrf", "low", "high", "bleu"])
    table.attrs["card"] = items.attrs.get("card", {}) | {"metrics": signatures}
    return table


def sentence_chrf(output: str, gold: str) -> float:
    """chrF2 of one sentence, 0 to 100 (sacrebleu)."""
    return CHRF().sentence_score(output, [gold]).score
