"""Word translation through bridges against one prompt at a time, as published: pytest -s tests/benchmarks/bench_xicl.py"""

import time

import pytest
import torch
from record import record
from transformers import StoppingCriteria, StoppingCriteriaList

import bridgex_nb as bx
from bridgex_nb.evaluation import read_word


class Newline(StoppingCriteria):
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, input_ids, scores, **kwargs):
        return "\n" in self.tokenizer.decode(input_ids[0, -1:])


def published_loop(model, lexicon, bridges):
    """Every word, zero-shot and through each bridge, one prompt after the other: 30 new tokens, greedy, stop at a newline."""
    tokenizer, stop = model.tokenizer, StoppingCriteriaList([Newline(model.tokenizer)])

    def ask(prompt):
        inputs = tokenizer(prompt, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            output = model.hf_model.generate(
                **inputs,
                max_new_tokens=30,
                do_sample=False,
                stopping_criteria=stop,
                pad_token_id=tokenizer.pad_token_id,
            )
        return tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).split("\n", 1)[0]

    outputs = []
    for bridge in bridges:
        for word in lexicon.entries:
            if bridge is None:
                outputs.append(ask(bx.word_prompt(lexicon.src, lexicon.tgt, word)))
                continue
            prompt = bx.word_prompt(lexicon.src, bridge, word)
            middle = read_word(ask(prompt), bridge)
            outputs.append(ask(f'{prompt}"{middle}"→{bx.language(lexicon.tgt).autonym}:'))
    return outputs


def test_ten_times_faster_than_one_prompt_at_a_time_with_the_same_answers():
    """Every pair of one source, every bridge: a part of the grid with the grid's own share of common beginnings."""
    model, bridges = bx.load_model(), [None, *bx.BRIDGES]
    lexicons = [bx.core_lexicon(*pair) for pair in bx.PAIRS if pair[0] == "id"]
    lexicons = [lexicon.keep(list(lexicon.entries)[:80]) for lexicon in lexicons]
    bx.answers(model, "bli", lexicons[0].keep(list(lexicons[0].entries)[:8]), bridges)  # whatever the first call loads
    start = time.perf_counter()
    ours = bx.answers(model, "bli", lexicons, bridges)
    middle = time.perf_counter()
    theirs = [output for lexicon in lexicons for output in published_loop(model, lexicon, bridges)]
    loop, batched = time.perf_counter() - middle, middle - start
    print(f"\n{len(ours)} answers on {torch.get_num_threads()} thread(s): {loop:.1f} s one prompt at a time, ", end="")
    print(f"{batched:.2f} s here")
    record("one prompt at a time / answers", loop / batched)
    assert ours.output.tolist() == theirs
    assert loop / batched >= 10


@pytest.fixture
def two_threads():
    """Those of a laptop; the tests take one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_whole_grid_in_a_minute(two_threads):
    model = bx.load_model()
    start = time.perf_counter()
    grid = bx.evaluate_grid(model, ["bli"])
    taken = time.perf_counter() - start
    print(f"\n{len(bx.PAIRS)} pairs, {len(bx.BRIDGES)} bridges and zero-shot, {int(grid.n.sum()):,} answers: ", end="")
    print(f"{taken:.0f} s on {torch.get_num_threads()} threads")
    record("evaluate_grid of word translation, answers", int(grid.n.sum()))
    record("evaluate_grid of word translation, s", taken)
    assert taken < 60
