"""Other words in the place of the bridge word: what they are, that they are asked, and that nothing takes them for real."""

import pandas as pd
import pytest
from scipy import stats

import bridgex_nb as bx
from bridgex_nb.evaluation import CONTROLS, fold
from bridgex_nb.evaluation._reading import read_answer


@pytest.fixture(scope="module")
def few():
    return bx.core_lexicon("sw", "tl").sample(30)


@pytest.fixture(scope="module")
def items(mini, few):
    return bx.bridge_controls(mini, "bli", few, ["en", "ar"])


def test_one_row_per_item_bridge_and_control(items, few):
    counts = items.groupby(["bridge", "control"], sort=False).size().to_dict()
    assert counts == {("zero-shot", ""): 30} | {
        (bridge, control): 30 for control in ("model", *CONTROLS) for bridge in ("en", "ar")
    }
    assert items.columns.tolist()[:5] == ["src", "tgt", "bridge", "control", "item"]
    assert items.bridge_confidence.notna().equals(items.control == "model")
    assert items.gold_logprob.lt(0).all()
    card = items.attrs["card"]
    assert (card["function"], card["options"]["controls"]) == ("bridge_controls", list(CONTROLS))


def test_real_rows_are_those_of_answers(mini, items, few):
    real = items[items.control.isin(["", "model"])].drop(columns=["control", "gold_logprob"])
    expected = bx.answers(mini, "bli", few, [None, "en", "ar"])
    pd.testing.assert_frame_equal(real.reset_index(drop=True), expected, check_exact=False, rtol=1e-4)


def test_what_each_control_says(items, in_script):
    for bridge in ("en", "ar"):
        accepted = bx.core_lexicon("sw", bridge).entries
        targets = bx.core_lexicon("sw", "tl").entries
        every = {fold(form) for forms in accepted.values() for form in forms}
        first = {forms[0]: word for word, forms in accepted.items()}
        for row in items[items.bridge == bridge].itertuples():
            own = {fold(form) for form in accepted[row.item]}
            said = row.bridge_text
            if row.control == "gold":
                assert said == accepted[row.item][0]
            elif row.control == "source":
                assert said == row.item
            elif row.control == "wrong":
                assert fold(said) in every - own
                assert not {fold(form) for form in targets[first[said]]} & {fold(form) for form in targets[row.item]}
            elif row.control == "nonsense":
                assert fold(said) not in every
                assert in_script(said, bridge)
                assert abs(len(said) - max(2, len(accepted[row.item][0]))) <= 1  # two spaces in a row become one


def test_every_prompt_by_hand(mini, items):
    """One at a time: what is written behind the prompt with that word in it, and log P of the accepted answers."""
    names = {code: bx.language(code).autonym for code in bx.LANGUAGES}
    for row in items.sample(20, random_state=0).itertuples():
        link = "" if row.bridge == "zero-shot" else f'→{names[row.bridge]}:"{row.bridge_text}"'
        prompt = f'kiswahili:"{row.item}"{link}→Tagalog:'
        (output,) = bx.complete(mini, [prompt])
        golds = [f'"{gold}"' for gold in row.gold.split("|")]
        assert row.output == output
        assert row.correct == (read_answer(output, "tl") in {fold(gold) for gold in row.gold.split("|")})
        assert row.gold_logprob == pytest.approx(bx.loglikelihood(mini, golds, [prompt] * len(golds)).logprob.max(), abs=1e-3)


def test_the_seed_decides(mini, few, items):
    again = bx.bridge_controls(mini, "bli", few, ["en", "ar"])
    pd.testing.assert_series_equal(again.bridge_text, items.bridge_text)
    other = bx.bridge_controls(mini, "bli", few.keep(list(few.entries)[:8]), ["en"], controls=["wrong", "nonsense"], seed=1)
    before = items[items["item"].isin(other["item"]) & (items.bridge == "en")]
    for control in ("wrong", "nonsense"):
        texts = [table[table.control == control].bridge_text.tolist() for table in (before, other)]
        assert texts[0] != texts[1]


def test_gains_are_those_of_compare_one_control_at_a_time(items):
    table = bx.control_gains(items)
    assert table.bridge.tolist() == ["en"] * 5 + ["ar"] * 5
    assert table.control.tolist() == ["model", *CONTROLS] * 2
    zero = items[items.control == ""].set_index("item")
    for row in table.itertuples():
        mine = items[(items.bridge == row.bridge) & (items.control == row.control)].set_index("item")
        difference = mine.score - zero.score
        helped, harmed = int((difference > 0).sum()), int((difference < 0).sum())
        assert (row.gain, row.helped, row.harmed) == (pytest.approx(difference.mean()), helped, harmed)
        assert row.p == pytest.approx(min(1.0, 2 * stats.binom.cdf(min(helped, harmed), helped + harmed, 0.5)))
        assert row.p_holm >= row.p
        moved = mine.gold_logprob - zero.gold_logprob
        assert row.gold_logprob == pytest.approx(mine.gold_logprob.mean())
        assert row.logprob_gain == pytest.approx(moved.mean())
        half = 1.96 * moved.std() / len(moved) ** 0.5
        assert (row.logprob_low, row.logprob_high) == (
            pytest.approx(moved.mean() - half, abs=0.3 * half + 0.05),
            pytest.approx(moved.mean() + half, abs=0.3 * half + 0.05),
        )
    assert table.attrs["card"]["inputs"]["items"]["function"] == "bridge_controls"


def test_content_not_format_helps_bridgex_mini(items):
    """It was trained on chains whose bridge word means the same: the right word helps, its place alone does not."""
    gain = bx.control_gains(items).set_index(["bridge", "control"]).gain["en"]
    assert gain["gold"] >= gain["model"] > 0.2
    assert abs(gain["source"]) < 0.2
    assert max(gain["wrong"], gain["nonsense"]) <= 0


CONSUMERS = {
    "compare": bx.compare,
    "compare with a baseline": lambda items: bx.compare(items[items.control == "model"], items[items.control == "gold"]),
    "regret": lambda items: bx.regret(items, {}),
    "leaderboard": lambda items: bx.leaderboard(None, items),
    "side_by_side": bx.side_by_side,
    "accuracy": bx.accuracy,
    "translation_scores": bx.translation_scores,
}


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_no_consumer_takes_controls_for_real_rows(items, consumer):
    gold_only = items[items.control.isin(["", "gold"])]
    tables = [items] if "baseline" in consumer else [items, gold_only]
    for table in tables:
        with pytest.raises(bx.InputError, match=r"rows of bridge_controls.*control_gains compares those"):
            CONSUMERS[consumer](table)


def test_evidence_refuses_controls(mini, items):
    counts = bx.count_active(mini, {"sw": ["moto"], "tl": ["apoy"], "en": ["fire"]})
    with pytest.raises(bx.InputError, match="rows of bridge_controls"):
        bx.Evidence(mini, counts, items=items)


def test_real_rows_go_on_to_every_consumer(items):
    real = items[items.control.isin(["", "model"])]
    assert bx.compare(real).bridge.tolist() == ["en", "ar"]
    assert len(bx.side_by_side(real)) == 30
    by_control = bx.accuracy(items, by=("src", "tgt", "bridge", "control"))
    assert len(by_control) == 11


def test_items_without_a_bridge_word_are_left_out(mini):
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"], "xyz": ["zyx"]})
    with pytest.warns(UserWarning, match="sw-tl: 1 of 3 items have no translation into en: left out"):
        table = bx.bridge_controls(mini, "bli", lexicon, ["en"], controls=["gold"])
    assert table["item"].unique().tolist() == ["moto", "maji"]
    own = bx.Lexicon("sw", "en", {"moto": ["blaze"], "maji": ["liquid"], "xyz": ["nothing"]})
    table = bx.bridge_controls(mini, "bli", lexicon, ["en"], controls=["gold"], translations=own)
    assert table[table.control == "gold"].bridge_text.tolist() == ["blaze", "liquid", "nothing"]


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
def test_controls_of_sentences(mini, shared_data):
    sentences = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=3)
    english = bx.task_items("translation", "sw", "en", folder=shared_data)
    table = bx.bridge_controls(
        mini, "translation", sentences, ["en"], controls=["gold", "wrong"], translations=english, max_new_tokens=2
    )
    known = english.set_index("item").translated
    golds = table[table.control == "gold"]
    assert golds.bridge_text.tolist() == known[golds["item"]].tolist()
    assert set(table[table.control == "wrong"].bridge_text) <= set(known) - set(golds.bridge_text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"controls": ["best"]}, "unknown control 'best'; choose from gold, wrong, source, nonsense"),
        ({"controls": "gold"}, "controls needs a list of names"),
        ({"controls": []}, "controls needs a list of names"),
        ({"controls": ["gold", "gold"]}, "'gold' is given twice"),
        ({"bridges": [None, "en"]}, "without None: zero-shot is always asked"),
        ({"bridges": []}, "needs bridge languages"),
        ({"translations": bx.core_lexicon("sw", "fr")}, "translations has no items of sw-en"),
        ({"task": "topic"}, r"topic: say what the texts are in the bridges: translations=\[task_items\('topic', src, bridge\)"),
        ({"translations": bx.Lexicon("sw", "en", {"nobody": ["x"]})}, "no item has a translation into en"),
    ],
)
def test_bad_input_is_named(options, message):
    data = bx.core_lexicon("sw", "tl")
    if "task" in options:
        data = pd.DataFrame([{"src": "sw", "tgt": "tl", "item": 0, "text": "x", "category": "health"}])
    arguments = {"task": "bli", "data": data, "bridges": ["en"]} | options
    with pytest.raises(bx.InputError, match=message):
        bx.bridge_controls(None, **arguments)


def test_too_few_words_to_draw_from_are_said(mini):
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"]})
    one = bx.Lexicon("sw", "en", {"moto": ["fire"]})
    with pytest.raises(bx.InputError, match="no wrong word for 'moto' among 1 translations"):
        bx.bridge_controls(mini, "bli", lexicon, ["en"], controls=["wrong"], translations=one)
    with pytest.raises(bx.InputError, match="1 translations are too few to make a nonsense word like 'fire'"):
        bx.bridge_controls(mini, "bli", lexicon, ["en"], controls=["nonsense"], translations=one)


def test_only_controlled_tables_have_gains(mini, few):
    with pytest.raises(bx.InputError, match="not rows of `bridge_controls`: no column control"):
        bx.control_gains(bx.answers(mini, "bli", few.keep(["moto"]) if "moto" in few.entries else few, [None, "en"]))


def test_a_bridge_that_is_an_end_of_every_pair_is_refused(mini):
    words = bx.core_lexicon("sw", "tl").keep(["moto", "maji", "jua"])
    with pytest.raises(bx.InputError, match="no bridge is left: sw is the source or the target"):
        bx.bridge_controls(mini, "bli", words, ["sw"])
    with pytest.raises(bx.InputError, match="needs bridge languages"):
        bx.bridge_controls(mini, "bli", words, "en")
