"""MEXA: `alignment` on hidden states, under its own name."""

import pandas as pd
import tiny

import bridgex_nb as bx

SENTENCES = {code: texts[:8] for code, texts in bx.core_sentences().items() if code in ("en", "sw", "tl")}


def test_mexa_is_the_alignment_of_hidden_states():
    model = tiny.load("gpt2")
    result = bx.mexa(model, SENTENCES, "en", resamples=50, seed=3, special_tokens=False)
    expected = bx.alignment(model, SENTENCES, "en", state="hidden", resamples=50, seed=3, special_tokens=False)
    pd.testing.assert_frame_equal(result.by_layer, expected.by_layer)
    pd.testing.assert_frame_equal(result.table, expected.table)
    assert result.state == "hidden"
    assert (result.card["function"], result.card["options"]) == ("mexa", expected.card["options"])
