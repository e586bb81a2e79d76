"""Selectors from a model's own answers: how sure it is of both hops."""

from collections.abc import Sequence

import pandas as pd

from ..similarity._evidence import Evidence


def _confidence(evidence, src, tgt, bridges, join):
    words = evidence.asked_words(src, tgt)
    scores = {}
    for bridge in bridges:
        first_hop, translations = evidence.confidence(src, bridge, words)
        second_hop, _ = evidence.confidence(bridge, tgt, translations)
        scores[bridge] = join((first_hop, second_hop))
    return pd.Series(scores)


def confidence_min(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """The model's confidence in the less certain of the two hops; no gold translation is needed.

    The words of the lexicon are translated into the bridge language, and the model's answers into the target. The confidence
    of a hop is the log-probability per token of its greedy answers, averaged over the words.
    """
    return _confidence(evidence, src, tgt, bridges, min)


def confidence_sum(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """As `confidence_min`, the sum over both hops.

    Notes
    -----
    The winner of a search: with bridgex-mini, about two thousand selectors (forms of HSIC, overlap, alignment, confidence and
    agreement of answers) were tried on seven of the study pairs, and the best of each family then on the other eight (notebook
    05). It runs the model as often as prompting through every bridge does, but needs no gold translation.
    """
    return _confidence(evidence, src, tgt, bridges, sum)
