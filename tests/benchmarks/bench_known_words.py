"""Which words three models translate, with SmolLM2 (trained on English) as the negative control of gemma-3-270m.

BRIDGEX_KNOWN_WORDS=docs/known_words.csv pytest -s -n 0 tests/benchmarks/bench_known_words.py
"""

import os

import pandas as pd

import bridgex_nb as bx
from tests.real.conftest import gemma, smollm2  # noqa: F401  (fixtures)

#: Into English, out of English, and between others; the first pair of each is one that many models know.
PAIRS = ("zh-en", "de-en", "id-en", "sw-en", "en-zh", "en-de", "en-sw", "zh-ja", "fr-es", "id-tl", "sw-tl")
WORDS, SHOTS = 40, 4


def known_words(model: bx.NeuronModel) -> pd.DataFrame:
    """Accuracy and log P of the gold answer behind four examples, by pair."""
    lexicons = [bx.core_lexicon(*pair.split("-")).sample(WORDS + SHOTS) for pair in PAIRS]
    items = bx.answers(model, "bli", lexicons, shots=SHOTS, gold_logprobs=True)
    table = bx.accuracy(items)
    table.insert(0, "model", model.card["model"])
    return table.drop(columns=["bridge", "correct"]).round(4)


def test_a_model_of_english_knows_fewer_words(gemma, smollm2):  # noqa: F811
    tables = [known_words(model) for model in (gemma, smollm2, bx.load_model())]
    table = pd.concat(tables, ignore_index=True)
    print("\n", table.to_string())
    if path := os.environ.get("BRIDGEX_KNOWN_WORDS"):
        table.to_csv(path, index=False, lineterminator="\n")
    mean = table.groupby("model", sort=False)[["accuracy", "gold_logprob"]].mean()
    assert (mean.iloc[0] > mean.iloc[1]).all()
