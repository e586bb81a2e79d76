"""`rank_bridges` with intervals at the size of a real model."""

import time
from collections import Counter

import pytest

import bridgex_nb as bx

pytestmark = pytest.mark.real

#: Source, target and the candidates; other languages do not matter to their ranking.
CODES = ("zh", "ja", *bx.BRIDGES)


@pytest.fixture(scope="module")
def counts(gemma):
    """Of the first sentences of each language."""
    sentences = bx.core_sentences()
    return bx.count_active(gemma, {code: sentences[code][:30] for code in dict.fromkeys(CODES)})


def test_one_pair_is_ranked_in_seconds(gemma, counts):
    """The processor's: 10 s on two cores, whatever else the machine does."""
    probe = bx.probe(gemma, bx.core_lexicon("zh", "ja"))
    assert probe.values.shape == (18, 2048, len(bx.core_lexicon("zh", "ja")))
    sets, redraws = bx.top_neurons(counts, 0.05), bx.redraw_sets(counts, 0.05)
    assert all(len(redrawn) == len(sets) for redrawn in redraws)
    start = time.process_time()
    ranking = bx.rank_bridges(probe, sets, redraws=redraws)
    taken = time.process_time() - start
    print(f"\n{ranking.summary}\nranked in {taken:.1f} s of the processor")
    table = ranking.table
    assert Counter(table.bridge) == Counter(code for code in bx.BRIDGES if code not in ("zh", "ja"))
    assert table.notna().all(axis=None)
    assert (table.low <= table.high).all()
    assert (table.score > 0).all()
    assert table.wins.sum() == pytest.approx(1, abs=0.02)
    assert taken < 20
