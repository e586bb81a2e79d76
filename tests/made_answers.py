"""Tables of answers with chosen scores, for tests of what is computed from them."""

import numpy as np
import pandas as pd
from scipy import stats


def rows(src, tgt, **scores):
    """Rows as `answers` returns them; scores: bridge -> one score per item ("zero" is zero-shot).

    Scores between 0 and 1 are those of translations, which are neither right nor wrong.
    """
    binary = all(np.isin(np.array(values, dtype=float), [0, 1]).all() for values in scores.values())
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "src": src,
                    "tgt": tgt,
                    "bridge": {"zero": "zero-shot"}.get(bridge, bridge),
                    "item": [f"word {i}" for i in range(len(values))],
                    "score": np.array(values, dtype=float),
                    "correct": pd.array(np.array(values) == 1 if binary else [pd.NA] * len(values), dtype="boolean"),
                }
            )
            for bridge, values in scores.items()
        ],
        ignore_index=True,
    )


def draw_right(rng, accuracies, n):
    """Which of n items are right through bridges of given accuracies; an item hard for one bridge is hard for all."""
    hard = rng.normal(size=(n, 1)) * 0.6**0.5 + rng.normal(size=(n, len(accuracies))) * 0.4**0.5
    return hard < stats.norm.ppf(accuracies)


def three_pairs():
    """Three pairs of 300 items: with three bridges, with two, and with one that changes nothing."""
    rng = np.random.default_rng(1)
    first, second = draw_right(rng, [0.5, 0.6, 0.52, 0.45], 300), draw_right(rng, [0.8, 0.78, 0.9], 300)
    same = rng.random(300) < 0.3
    return pd.concat(
        [
            rows("sw", "tl", zero=first[:, 0], en=first[:, 1], fr=first[:, 2], es=first[:, 3]),
            rows("ar", "he", zero=second[:, 0], en=second[:, 1], fr=second[:, 2]),
            rows("id", "sw", zero=same, en=same),
        ],
        ignore_index=True,
    )


def translations():
    """Scores between 0 and 1 of 60 sentences, where one bridge helps, and of 8, where none does."""
    rng = np.random.default_rng(2)
    zero, few = rng.beta(4, 6, 60), rng.beta(4, 6, 8)
    helped = (zero + rng.normal(0.05, 0.1, 60)).clip(0, 1)
    return pd.concat(
        [
            rows("sw", "tl", zero=zero, en=helped, fr=(zero + rng.normal(0, 0.1, 60)).clip(0, 1)),
            rows("ar", "he", zero=few, en=(few + rng.normal(0, 0.1, 8)).clip(0, 1)),
        ],
        ignore_index=True,
    )


def values(items, src, tgt, bridge):
    """The scores of one pair through one bridge."""
    return items[(items.src == src) & (items.tgt == tgt) & (items.bridge == bridge)].score.to_numpy()
