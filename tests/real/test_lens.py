"""Which language stands behind the layers of gemma-3-270m while it translates a word."""

import pytest

import bridgex_nb as bx
from bridgex_nb.lens import pivot

pytestmark = pytest.mark.real


@pytest.mark.parametrize("pair", [("fr", "zh"), ("zh", "de")])
def test_english_rises_where_it_is_neither_source_nor_target(gemma, pair):
    """Above its null in the layers before the target rises, first among six bridges, and gone at the output."""
    lens = bx.language_lens(gemma, bx.core_lexicon(*pair).sample(30), shots=4)
    table = pivot(lens)
    print(f"\n{'-'.join(pair)}:\n{table.round(3).to_string()}")
    assert table.attrs["pivot"] == "en"
    english = lens.table[lens.table.language == "en"].set_index("layer")
    best = english.excess.idxmax()
    assert english.excess_low[best] > 0
    assert 11 < best < 17
    assert english.probability[17] < english.probability[best] / 4
    target = lens.table[lens.table.language == pair[1]].set_index("layer")
    assert target.probability.idxmax() >= 16


def test_the_last_layer_is_the_model(gemma):
    words = bx.core_lexicon("fr", "zh").sample(3)
    lens = bx.language_lens(gemma, words, ["en"], resamples=10)
    for s, word in enumerate(words.entries):
        ids = gemma.tokenizer(bx.word_prompt("fr", "zh", word) + '"', return_tensors="pt")["input_ids"]
        chances = gemma.hf_model(ids).logits[0, -1].float().softmax(dim=0)
        first = {int(token) for token in lens.first_tokens[1, s] if token >= 0}
        assert int(chances.argmax()) == int(lens.likeliest[-1, s])
        if first.isdisjoint(lens.first_tokens[[0, 2], s].flatten().tolist()):
            assert lens.probabilities[-1, 1, s].item() == pytest.approx(chances[list(first)].sum().item(), rel=1e-4, abs=1e-6)
