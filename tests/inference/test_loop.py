"""The loop over batches: parts that fit into memory, rows to leave out, the progress bar, and the processes' shares."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tqdm.auto import tqdm

from bridgex_nb.inference import _loop
from bridgex_nb.inference._asking import ask
from bridgex_nb.inference._loop import batch_results

ERROR = torch.OutOfMemoryError("CUDA out of memory")


def limited(limit, sizes):
    """Rows as text, for at most `limit` rows at once."""

    def compute(rows):
        sizes.append(len(rows))
        if len(rows) > limit:
            raise ERROR
        return [str(row) for row in rows]

    return compute


def test_a_batch_that_does_not_fit_into_memory_is_halved():
    sizes = []
    assert ask([4] * 16, limited(3, sizes), token_budget=64) == [str(row) for row in range(16)]
    assert sizes == [16, 8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    with pytest.raises(torch.OutOfMemoryError):
        ask([4], limited(0, sizes), token_budget=64)


def test_other_errors_are_raised():
    def compute(rows):
        raise ValueError("shapes do not match")

    with pytest.raises(ValueError, match="shapes"):
        list(batch_results([1, 2], compute, 8))


def test_what_the_memory_holds_is_reported_and_taken_up_again():
    sizes, rows, memories = [], [], []
    for part, _, memory in batch_results([4] * 16, limited(3, sizes), 64):
        rows.append(part)
        memories.append(memory)
    assert memories == [8] * 8
    rest = batch_results([4] * 16, limited(16, sizes), 64, done=set(range(6)), memory=8)
    assert [part for part, _, _ in rest] == rows[3:]


@given(
    lengths=st.lists(st.integers(1, 20), max_size=30),
    done=st.sets(st.integers(0, 29)),
    limit=st.integers(1, 30),
    world=st.integers(1, 3),
)
def test_every_row_once_and_the_bar_to_its_end(lengths, done, limit, world):
    seen = []
    for rank in range(world):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_loop, "processes", lambda rank=rank: (rank, world))
            bar = tqdm(total=100, disable=False, file=open("/dev/null", "w"))  # noqa: SIM115
            for part, results, _ in batch_results(lengths, limited(limit, []), 40, done=done, progress=bar, distance=100):
                assert results == [str(row) for row in part]
                assert not done & set(part)
                seen += part
            assert bar.n == 100
            bar.close()
    assert sorted(seen) == [row for row in range(len(lengths)) if row not in done]
