"""`pivot`: the language, neither source nor target, that a model's middle layers go through."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..datasets._languages import language
from ..exceptions import InputError
from ..stats._resampling import percentile_interval
from ..utils._run_card import run_card
from ._lens_result import LanguageLens
from ._resample_words import draw_words, mean_over_words


def pivot(lens: LanguageLens, bridges: Sequence[str] | None = None) -> pd.DataFrame:
    """How much of each bridge language stands behind the layers before the target language rises.

    A language's score is its probability above the null (`LanguageLens.nulls`), summed over the layers before the first one
    behind which the target's probability above its null reaches half of its maximum over the layers. The pivot of a pair is the
    language with the highest score, if that is above 0: where no interval is, none was found.

    Parameters
    ----------
    lens : LanguageLens
        Of `language_lens`.
    bridges : sequence of str, optional
        Languages to compare; by default all that were looked for besides source and target.

    Returns
    -------
    pandas.DataFrame
        One row per bridge, highest score first: language, score, low, high (95 % bootstrap interval over the words, the layers
        found anew in each draw), first (share of the draws in which the score is the highest and above 0), words (how many
        count). In ``.attrs``: "pivot", the first language if its interval is above 0 and otherwise None; "layers", how many
        layers count; "card". Languages without a word that counts are not in the table (`LanguageLens.dropped`).

    Raises
    ------
    InputError
        If a bridge is source or target or was not looked for, or none has a word that counts.

    Notes
    -----
    Wendler et al. 2024, arXiv 2402.10588, read the latent language off curves; the score, its null and the half of the maximum
    are this project's.

    Examples
    --------
    >>> lens = language_lens(load_model(), core_lexicon("sw", "tl").sample(100), ["en", "de"])
    >>> bx.lens.pivot(lens).attrs["pivot"]
    'en'
    """
    if isinstance(bridges, str):
        raise InputError(f"bridges={bridges!r}: give a list of language codes, such as [{bridges!r}]")
    found = [code for code in lens.languages if code not in (lens.src, lens.tgt)]
    given = found if bridges is None else list(dict.fromkeys(language(code).code for code in bridges))
    for code in given:
        if code not in found:
            why = "an end of the pair" if code in (lens.src, lens.tgt) else "not among the languages that the lens looked for"
            raise InputError(f"{code!r} is {why}; it looked for {' '.join(found)}")
    counted = dict(zip(lens.dropped.language, lens.dropped.words, strict=True))
    codes = [code for code in given if counted[code]]
    if not codes:
        raise InputError(f"no word of {' or '.join(given)} begins with a token of its own; look for fewer languages at once")
    draws = draw_words(len(lens.words), lens.card)
    places = [lens.languages.index(code) for code in (*codes, lens.tgt)]
    excess = (lens.probabilities - lens.nulls)[:, places]
    whole = mean_over_words(excess)[None]
    drawn = mean_over_words(excess, draws)
    (score,), (layers,) = _before_the_target(whole)
    scores, _ = _before_the_target(drawn)
    low, high = percentile_interval(scores)
    best = scores.argmax(axis=1)
    first = [float(((best == k) & (scores[:, k] > 0)).mean()) for k in range(len(codes))]
    table = pd.DataFrame({"language": codes, "score": score, "low": low, "high": high, "first": first})
    table["words"] = [counted[code] for code in codes]
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    table.attrs["pivot"] = str(table.language[0]) if table.low[0] > 0 else None
    table.attrs["layers"] = int(layers)
    table.attrs["card"] = run_card("pivot", lens.card, options={"bridges": codes}, inputs={"lens": lens.card})
    return table


def _before_the_target(excess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums [R, K] over the layers before the target rises, and how many these are, [R].

    Parameters
    ----------
    excess : numpy.ndarray
        [R, L, K + 1], the target last. Where it is nowhere above its null, it does not rise and all layers count.
    """
    target = np.nan_to_num(excess[:, :, -1])
    highest = target.max(axis=1, keepdims=True)
    risen = (target >= highest / 2) & (highest > 0)
    before = ~np.maximum.accumulate(risen, axis=1)
    return (np.nan_to_num(excess[:, :, :-1]) * before[:, :, None]).sum(axis=1), before.sum(axis=1)
