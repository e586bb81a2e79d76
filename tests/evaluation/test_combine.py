"""Several bridges at once: which answer is taken, and that a combination is one more bridge wherever answers go."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

import bridgex_nb as bx
from bridgex_nb.evaluation import fold


def made(pair=("sw", "tl"), gold="apoy", logprobs=None, **answered):
    """Rows of one item: bridge=(answer, probability of a token of it), "zero" is zero-shot."""
    rows = []
    for bridge, (answer, share) in answered.items():
        row = {"src": pair[0], "tgt": pair[1], "bridge": "zero-shot" if bridge == "zero" else bridge, "item": "moto"}
        row |= {
            "bridge_text": f"{bridge} word",
            "bridge_confidence": np.nan,
            "confidence": np.log(share),
            "logprobs": logprobs,
            "answer": answer,
        }
        rows.append(row | {"score": float(answer == gold), "correct": answer == gold, "gold_logprob": -share})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def items(mini):
    lexicons = [bx.core_lexicon(*pair).sample(25) for pair in (("sw", "tl"), ("ar", "he"), ("en", "sw"))]
    return bx.answers(mini, "bli", lexicons, [None, "en", "fr", "es", "it"], gold_logprobs=True)


@pytest.mark.parametrize(
    ("by", "answered", "taken"),
    [
        ("vote", {"en": ("tubig", 0.9), "fr": ("apoy", 0.2), "es": ("Apoy", 0.3)}, "es"),
        ("confidence", {"en": ("tubig", 0.9), "fr": ("apoy", 0.2), "es": ("apoy", 0.3)}, "en"),
        ("confidence", {"en": ("tubig", 0.4), "fr": ("apoy", 0.2), "es": ("apoy", 0.3)}, "es"),
        ("max", {"en": ("tubig", 0.4), "fr": ("apoy", 0.2), "es": ("apoy", 0.3)}, "en"),
        ("vote", {"en": ("tubig", 0.4), "fr": ("apoy", 0.5), "es": ("araw", 0.3)}, "fr"),
        ("vote", {"en": ("", 0.9), "fr": ("apoy", 0.5), "es": ("", 0.9)}, "fr"),
        ("max", {"en": ("", 0.8), "fr": ("", 0.9)}, "fr"),
        ("max", {"en": ("apoy", 0.5), "fr": ("tubig", 0.5)}, "en"),
        ("vote", {"zero": ("apoy", 0.5), "fr": ("tubig", 0.6), "es": ("apoy", 0.1)}, "zero-shot"),
    ],
)
def test_which_answer_is_taken(by, answered, taken):
    """A vote's ties go to the surer answer, an empty answer has no vote unless there is no other."""
    table = made(**answered)
    (row,) = bx.combine(table, [None if code == "zero" else code for code in answered], by).itertuples()
    assert row.route == taken
    assert row.bridge == "+".join(table.bridge) + f" by {by}"
    (expected,) = table[table.bridge == taken].itertuples()
    assert (row.answer, row.bridge_text, row.gold_logprob) == (expected.answer, expected.bridge_text, expected.gold_logprob)


@pytest.mark.parametrize("by", ["vote", "confidence", "max"])
def test_every_item_of_real_answers_by_hand(items, by):
    bridges = ["fr", "en", "es", "it"]
    table = bx.combine(items, bridges, by)
    assert set(zip(table.src, table.tgt, strict=True)) == {("sw", "tl"), ("ar", "he")}  # English is an end of en-sw
    keyed = items.set_index(["src", "tgt", "bridge", "item"])
    for row in table.itertuples():
        shares, counts = defaultdict(list), defaultdict(int)
        for bridge in bridges:
            asked = keyed.loc[row.src, row.tgt, bridge, row.item]
            shares[fold(asked.answer)].append(np.exp(asked.bridge_confidence + asked.confidence))
            counts[fold(asked.answer)] += 1
        if len(shares) > 1:
            shares.pop("", None)
        rank = {
            "vote": {answer: (counts[answer], max(found)) for answer, found in shares.items()},
            "confidence": {answer: sum(found) for answer, found in shares.items()},
            "max": {answer: max(found) for answer, found in shares.items()},
        }[by]
        assert fold(row.answer) == max(rank, key=rank.get)
        assert row.score == keyed.loc[row.src, row.tgt, row.route, row.item].score
    options = table.attrs["card"]["options"]
    assert (options["bridges"], options["by"]) == (bridges, by)


def test_the_order_of_rows_and_items_makes_no_difference(items):
    table = bx.combine(items, ["en", "fr", "es"])
    again = bx.combine(items.sample(frac=1, random_state=0), ["en", "fr", "es"])
    both = [part.sort_values(["src", "item"], ignore_index=True) for part in (table, again)]
    pd.testing.assert_frame_equal(*both)


def test_an_answer_is_as_sure_as_both_hops():
    """French wins, 0.8 x 0.5, over English, 0.3 x 0.9, and loses to zero-shot, which has one hop, 0.45."""
    table = made(en=("tubig", 0.9), fr=("apoy", 0.5), zero=("araw", 0.45))
    table["bridge_confidence"] = np.log([0.3, 0.8, np.nan])
    for by in ("vote", "confidence", "max"):
        assert bx.combine(table, ["en", "fr"], by).route.tolist() == ["fr"]
        assert bx.combine(table, ["en", None, "fr"], by).route.tolist() == ["zero-shot"]


def test_scored_choices_are_as_sure_as_their_share():
    """German is surer of its choice by the shares, 0.8 to 0.6, though its log-likelihoods are lower."""
    first = made(en=("kalt", 1.0)).assign(confidence=np.nan, logprobs=[list(np.log([0.06, 0.04]))])
    second = made(de=("heiß", 1.0)).assign(confidence=np.nan, logprobs=[list(np.log([0.001, 0.004]))])
    assert bx.combine(pd.concat([first, second]), ["en", "de"], "max").answer.tolist() == ["heiß"]


def test_a_combination_is_one_more_bridge(items):
    both = pd.concat([items, bx.combine(items, ["en", "fr"]), bx.combine(items, ["en", "fr"], "max")])
    compared = bx.compare(both, resamples=50)
    name = "en+fr by vote"
    assert compared.bridge.tolist().count(name) == compared.bridge.tolist().count("en+fr by max") == 2
    row = compared[(compared.src == "sw") & (compared.bridge == name)].iloc[0]
    assert row.score == pytest.approx(bx.combine(items, ["en", "fr"]).query("src == 'sw'").score.mean())
    again = bx.combine(both, ["en", "fr", "it"])  # rows of a combination, and numbers of rows that occur twice, do no harm
    pd.testing.assert_frame_equal(again, bx.combine(items, ["en", "fr", "it"]))
    assert len(bx.side_by_side(both[both.src != "en"])) == 50


@pytest.mark.parametrize("combine_by", ["vote", "max"])
def test_evaluate_asks_through_the_parts_and_shows_what_is_wanted(mini, combine_by):
    lexicon = bx.core_lexicon("sw", "tl").sample(15)
    wanted = [("en", "fr"), None, "es", (None, "es")]
    table = bx.evaluate(mini, "bli", "sw", "tl", wanted, lexicon=lexicon, combine_by=combine_by)
    names = [f"en+fr by {combine_by}", "zero-shot", "es", f"zero-shot+es by {combine_by}"]
    assert table.bridge.tolist() == names
    items = bx.answers(mini, "bli", lexicon, [None, "es", "en", "fr"])
    by_hand = [bx.combine(items, ["en", "fr"], combine_by), *(items[items.bridge == code] for code in ("zero-shot", "es"))]
    by_hand.append(bx.combine(items, [None, "es"], combine_by))
    assert table.correct.tolist() == [part.correct.sum() for part in by_hand]
    options = table.attrs["card"]["options"]
    assert (options["combined"], options["combine_by"]) == ([["en", "fr"], ["zero-shot", "es"]], combine_by)


def test_a_grid_combines_where_no_part_is_an_end(mini):
    grid = bx.evaluate_grid(mini, ["bli"], [("sw", "tl"), ("en", "sw")], ["es", ("en", "fr")], limit=5)
    assert grid.bridge.tolist() == ["zero-shot", "es", "en+fr by vote", "zero-shot", "es"]
    assert grid.tgt.tolist() == ["tl"] * 3 + ["sw"] * 2


def test_sentences_are_combined_too(mini, shared_data):
    options = {"folder": shared_data, "limit": 3, "max_new_tokens": 8, "combine_by": "max"}
    table = bx.evaluate(mini, "translation", "sw", "tl", ["en", ("en", "fr")], **options)
    assert table.bridge.tolist() == ["en", "en+fr by max"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["en"],), "combine needs two bridges or more"),
        (("en",), "combine needs two bridges or more"),
        ((["en", "en"],), "'en' is given twice"),
        ((["en", "xx"],), "unknown language 'xx'"),
        ((["en", "fr"], "mean"), "combined by vote, confidence, max; not by 'mean'"),
        ((["en", "es"],), "sw-tl was not asked through es"),
        ((["en", "tl"],), "no pair is left: one of en, tl"),
    ],
)
def test_what_cannot_be_combined_is_refused(arguments, message):
    with pytest.raises(bx.InputError, match=message):
        bx.combine(made(en=("apoy", 0.5), fr=("apoy", 0.5)), *arguments)


def test_answers_without_a_confidence_are_refused():
    table = made(en=("apoy", 0.5), fr=("apoy", 0.5))
    with pytest.raises(bx.InputError, match="no column confidence"):
        bx.combine(table.drop(columns="confidence"), ["en", "fr"])
    with pytest.raises(bx.InputError, match="2 answers have neither a confidence nor scored choices"):
        bx.combine(table.assign(confidence=np.nan), ["en", "fr"])


@pytest.mark.parametrize(
    ("bridges", "options", "message"),
    [
        ([("en", "tl")], {}, "'tl' cannot be the bridge"),
        ([("en",)], {}, "combine needs two bridges or more"),
        ([("en", "fr"), ("en", "fr")], {}, "is given twice among the bridges"),
        (["en"], {"combine_by": "max"}, "combine_by='max' needs several bridges at once"),
        ([("en", "fr")], {"combine_by": "mean"}, "not by 'mean'"),
    ],
)
def test_combinations_are_checked_before_the_model_runs(bridges, options, message):
    with pytest.raises(bx.InputError, match=message):
        bx.evaluate(None, "bli", "sw", "tl", bridges, **options)


def test_a_combination_that_fits_no_pair_is_refused_by_the_grid():
    with pytest.raises(bx.InputError, match="one of en, sw is the source or the target of every pair"):
        bx.evaluate_grid(None, ["bli"], [("sw", "tl"), ("en", "fi")], [("en", "sw")])


def test_answers_go_through_one_bridge_at_a_time():
    with pytest.raises(bx.InputError, match=r"one bridge at a time; combine\(items, \['en', 'fr'\]\) makes one of several"):
        bx.answers(None, "bli", bx.core_lexicon("sw", "tl"), [("en", "fr")])
