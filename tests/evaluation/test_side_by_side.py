"""Answers to one item in one row."""

import pandas as pd
import pytest

import bridgex_nb as bx


@pytest.fixture(scope="module")
def items(mini):
    """Two pairs of ten words; English cannot be the bridge between English and Swahili."""
    lexicons = [bx.core_lexicon("zh", "he"), bx.core_lexicon("en", "sw")]
    return bx.answers(mini, "bli", [lexicon.keep(list(lexicon.entries)[:10]) for lexicon in lexicons], [None, "en", "fr"])


def test_every_answer_is_in_the_row_of_its_item(items):
    table = bx.side_by_side(items)
    assert len(table) == 20
    assert table["item"].tolist() == items.drop_duplicates(["src", "tgt", "item"])["item"].tolist()
    for row in items.itertuples():
        shown = table[(table["src"] == row.src) & (table["tgt"] == row.tgt) & (table["item"] == row.item)].iloc[0]
        assert shown["gold", ""] == row.gold
        assert shown[row.bridge, "answer"] == ("✓ " if row.correct else "✗ ") + row.answer
        if row.bridge != "zero-shot":
            assert shown[row.bridge, "bridge_text"] == row.bridge_text
    assert ("zero-shot", "bridge_text") not in table
    assert table.loc[table["src"] == "en", "en"].isna().all(axis=None)
    assert table.attrs["card"]["function"] == "side_by_side"


@pytest.mark.filterwarnings("ignore:.*too long for the model's context")
def test_translations_show_their_chrf(mini, shared_data):
    sentences = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=3)
    items = bx.answers(mini, "translation", sentences, [None, "en"], max_new_tokens=8)
    table = bx.side_by_side(items)
    shown = pd.concat([table[bridge, "answer"] for bridge in ("zero-shot", "en")]).tolist()
    assert shown == [f"({100 * row.score:.0f}) {row.answer}" for row in items.itertuples()]
