"""Worked examples: how they look, that a seed fixes them, and that they give nothing away."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bridgex_nb as bx
from bridgex_nb.evaluation import _plan
from bridgex_nb.evaluation._options import AnswerOptions
from bridgex_nb.evaluation._reading import fold


def make_plan(task, data, bridges, **options):
    return _plan.make_plan(task, data, bridges, AnswerOptions(**options))


def words(src, tgt, count=40):
    lexicon = bx.core_lexicon(src, tgt)
    return lexicon.keep(list(lexicon.entries)[:count])


def test_examples_stand_before_the_question_with_their_answers():
    pool = bx.Lexicon("en", "tl", {"water": ["tubig"], "sun": ["araw", "sikat"]})
    plan = make_plan("bli", words("sw", "tl"), ["en"], shots=1, shots_in="bridge", examples=pool)
    assert {row.head for row in plan.rows} <= {'English:"water"→Tagalog:"tubig"\n\n', 'English:"sun"→Tagalog:"araw"\n\n'}


def test_examples_with_choices_show_the_letter(shared_data):
    items = bx.task_items("causal", "sw", "it", folder=shared_data)
    plan = make_plan("causal", items.head(3), [None], shots=2, examples=items)
    head = plan.rows[0].head
    assert head.count("Answer: A\n\n") + head.count("Answer: B\n\n") == 2
    assert head.startswith('Premise: kiswahili:"')
    assert make_plan("causal", items.head(3), [None], shots=2, examples=items, scoring="texts").rows[0].head.count("\nA. ") == 0


@pytest.mark.parametrize("shots_in", ["src", "bridge", "tgt"])
def test_the_language_of_examples(shots_in, shared_data):
    pairs = [("sw", "fi"), ("en", "fi"), ("fr", "fi"), ("fi", "fi")]
    pool = [bx.task_items("topic", *pair, folder=shared_data) for pair in pairs]
    plan = make_plan("topic", pool[0].head(5), [None, "en", "fr"], shots=2, shots_in=shots_in, examples=pool)
    names = {"en": "English", "fr": "Français", None: ""}
    for row in plan.rows:
        autonym = {"src": "kiswahili", "bridge": names[row.bridge], "tgt": "suomi"}[shots_in]
        assert row.head.count(f'Text: {autonym}:"') == (2 if autonym else 0)
        assert row.head.count("Text: ") == (2 if autonym else 0)
    # The same items in every language, since items have the same names.
    shown = [frozenset(frame.item[[text in row.head for text in frame.text]]) for frame in pool for row in plan.rows]
    assert len(set(shown) - {frozenset()}) == 1


@settings(max_examples=25, deadline=None)
@given(shots=st.integers(1, 8), seed=st.integers(0, 2**32), shots_in=st.sampled_from(["src", "bridge"]))
def test_no_word_is_asked_whose_answer_an_example_shows(shots, seed, shots_in):
    pool = [words(*pair) for pair in (("sw", "tl"), ("en", "tl"), ("es", "tl"))]
    plan = make_plan("bli", pool[0], [None, "en", "es"], shots=shots, shots_in=shots_in, examples=pool, seed=seed)
    heads = {row.head for row in plan.rows}
    shown = [line.rsplit('"', 2)[1] for head in heads for line in head.splitlines() if line]
    asked = {bridge: [row.item["item"] for row in plan.rows if row.bridge == bridge] for bridge in (None, "en", "es")}
    assert asked[None] == asked["en"] == asked["es"]
    assert asked[None]
    for item in (row.item for row in plan.rows):
        assert not {fold(word) for word in item["gold"]} & {fold(word) for word in shown}
        assert not any(f'kiswahili:"{item["text"]}"' in head for head in heads)


def test_another_question_about_an_example_s_passage_is_not_asked(shared_data):
    items = bx.task_items("mrc", "de", "en", folder=shared_data).head(60)
    for seed in range(5):
        plan = make_plan("mrc", items, [None], shots=6, seed=seed)
        asked = pd.DataFrame([row.item for row in plan.rows])
        assert not any(text in plan.rows[0].head for text in asked.text)
        drawn = items[[text in plan.rows[0].head for text in items.text]]
        assert len(drawn) > 6  # some passage has two questions
        assert len(asked) == len(items) - len(drawn)


def test_the_seed_decides():
    heads = [make_plan("bli", words("sw", "tl"), [None], shots=3, seed=seed).rows[0].head for seed in (0, 0, 1)]
    assert heads[0] == heads[1] != heads[2]


POOL = [words("sw", code) for code in ("tl", "en", "es")]


def test_examples_of_both_hops_stand_before_both():
    lexicons = [
        bx.Lexicon("sw", "tl", {"moto": ["apoy"], "maji": ["tubig"]}),
        bx.Lexicon("sw", "en", {"moto": ["fire"], "maji": ["water"], "jua": ["sun"]}),
    ]
    plan = make_plan("bli", words("sw", "tl"), [None, "en"], shots=1, shots_for="hops", examples=lexicons)
    bridged = {(row.head, row.hop1_prompt[: row.hop1_prompt.index("\n\n") + 2]) for row in plan.rows if row.bridge}
    (heads,) = bridged
    word, b, t = ("moto", "fire", "apoy") if "moto" in heads[0] else ("maji", "water", "tubig")
    assert heads == (
        f'kiswahili:"{word}"→English:"{b}"→Tagalog:"{t}"\n\n',
        f'kiswahili:"{word}"→English:"{b}"\n\n',
    )
    assert {row.head for row in plan.rows if not row.bridge} == {f'kiswahili:"{word}"→Tagalog:"{t}"\n\n'}
    assert all(row.hop1_prompt.endswith(f'\n\nkiswahili:"{row.item["text"]}"→English:') for row in plan.rows if row.bridge)
    card = plan.options
    assert (card["shots"], card["shots_for"]) == (1, "hops")


@settings(max_examples=15, deadline=None)
@given(shots=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_hop_examples_give_nothing_away_and_are_the_same_words_for_every_bridge(shots, seed):
    plan = make_plan("bli", POOL[0], [None, "en", "es"], shots=shots, shots_for="hops", examples=POOL, seed=seed)
    shown = {row.bridge: [line.split('"')[1::2] for line in row.head.split("\n") if line] for row in plan.rows}
    assert [len(line) for line in shown["en"]] == [3] * shots
    assert [line[0] for line in shown["en"]] == [line[0] for line in shown["es"]] == [line[0] for line in shown[None]]
    asked = {bridge: [row.item["item"] for row in plan.rows if row.bridge == bridge] for bridge in (None, "en", "es")}
    assert asked[None] == asked["en"] == asked["es"]
    assert asked[None]
    for row in plan.rows:
        word = row.item["item"]
        assert word not in [line[0] for line in shown[None]]
        assert not {fold(form) for form in row.item["gold"]} & {fold(line[-1]) for line in shown[None]}
        for bridge, lexicon in (("en", POOL[1]), ("es", POOL[2])):
            assert not {fold(form) for form in lexicon.entries.get(word, [])} & {fold(line[1]) for line in shown[bridge]}


def test_hop_examples_of_passages_are_the_passages_in_the_bridge(shared_data):
    """Belebele is here in German and English only: English passages take the place of German ones in both hops."""
    pool = [bx.task_items("mrc", "de", "en", folder=shared_data), bx.task_items("mrc", "de", "de", folder=shared_data)]
    pool[1] = pool[1].assign(tgt="fr")  # the copy of a passage stands for its translation into French
    plan = make_plan("mrc", pool[0].head(5), [None, "fr"], shots=1, shots_for="hops", examples=pool)
    row = next(row for row in plan.rows if row.bridge)
    assert row.hop1_prompt.count("Translate the following text from deu_Latn to fra_Latn:\n") == 2
    example = row.hop1_prompt.split("\nTranslation: ")[1].split("\n\n")[0]
    assert f"\nPassage: {example}\n" in row.head


def test_hop_examples_need_the_bridge_words(mini):
    with pytest.raises(bx.InputError, match="no items of sw-en to draw examples from; pass them as examples="):
        make_plan("bli", words("sw", "tl"), ["en"], shots=1, shots_for="hops", examples=words("sw", "tl"))
    # `evaluate` knows where they are.
    table = bx.evaluate(mini, "bli", "sw", "tl", [None, "en"], limit=4, shots=1, shots_for="hops")
    assert table.n.nunique() == 1


def test_examples_of_both_hops_of_words_come_from_the_core_lexicon():
    asked = words("sw", "tl", 20)
    given = [bx.core_lexicon("sw", code) for code in ("tl", "en", "fr")]
    plan = make_plan("bli", asked, [None, "en", "fr"], shots=3, shots_for="hops")
    same = make_plan("bli", asked, [None, "en", "fr"], shots=3, shots_for="hops", examples=given)
    assert [(row.head, row.hop1_prompt) for row in plan.rows] == [(row.head, row.hop1_prompt) for row in same.rows]
    assert {row.head.count("\n\n") for row in plan.rows} == {3}


def test_words_outside_the_core_lexicon_need_examples_of_their_own():
    hindi = bx.Lexicon("hi", "ur", {"पानी": ["پانی"], "आग": ["آگ"]})
    with pytest.raises(bx.InputError, match=r"pass lexicons to draw the examples from: examples=\[hi-ur, hi-en\]"):
        make_plan("bli", hindi, [None, "en"], shots=1, shots_for="hops")
