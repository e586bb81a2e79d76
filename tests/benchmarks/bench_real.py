"""gemma-3-270m against transformers alone: pytest -s -n 0 tests/benchmarks/bench_real.py"""

import statistics
import time
from functools import partial

import pytest
import torch
from bench_activations import in_turns, over
from record import record
from transformers import StoppingCriteria, StoppingCriteriaList

import bridgex_nb as bx
from bridgex_nb.inference._batches import batches_by_length, default_token_budget
from tests.real.conftest import gemma  # noqa: F401  (a fixture)

#: The candidates, and the ends of the pair that is ranked.
CODES = tuple(dict.fromkeys(("zh", "ja", *bx.BRIDGES)))


def bare_forward(model, rows):
    """The model without its output layer, on the batches of `count_active` and `probe`."""
    with torch.inference_mode():
        for batch in batches_by_length([len(row) for row in rows], default_token_budget(model)):
            model.hf_model.model(**model.pad([rows[i] for i in batch]), use_cache=False)


def test_counting_and_probing_beside_the_bare_forward(gemma):  # noqa: F811
    texts = [text for code in CODES for text in bx.core_sentences()[code][:8]]
    rows = gemma.tokenizer(texts)["input_ids"]
    ways = {
        "bare": partial(bare_forward, gemma, rows),
        "`count_active`": lambda: bx.count_active(gemma, {"en": texts}, special_tokens=True),
        "`probe`": lambda: bx.probe(gemma, texts),
    }
    seconds = in_turns(ways, 5)
    print(f"\n{sum(map(len, rows))} tokens, {torch.get_num_threads()} thread(s)")
    ratio = {}
    for way in ("`count_active`", "`probe`"):
        ratio[way], noise = over(seconds[way], seconds["bare"])
        record(f"{way} / bare forward, gemma-3-270m", ratio[way])
        print(f"over the rounds: {noise}")
    assert max(ratio.values()) <= 1.10


class Newline(StoppingCriteria):
    """Ends a row at a token with a newline."""

    def __init__(self, newline):
        self.newline = newline

    def __call__(self, input_ids, scores, **kwargs):
        return self.newline[input_ids[:, -1]]


def generate(model, prompts, rows):
    """transformers' own greedy generation, so many padded prompts at a time, up to a newline or 30 new tokens."""
    texts, stop = [], StoppingCriteriaList([Newline(model.end_tokens[0])])
    for start in range(0, len(prompts), rows):
        inputs = model.tokenizer(prompts[start : start + rows], return_tensors="pt", padding=True)
        with torch.inference_mode():
            output = model.hf_model.generate(**inputs, max_new_tokens=30, do_sample=False, stopping_criteria=stop)
        new = output[:, inputs["input_ids"].shape[1] :]
        texts += [text.split("\n", 1)[0] for text in model.tokenizer.batch_decode(new, skip_special_tokens=True)]
    return texts


@pytest.mark.parametrize("shots", [0, 4])
def test_translating_words_beside_generate(gemma, shots):  # noqa: F811
    """The same prompts; `generate` is given the number of rows that it is fastest with."""
    entries = bx.core_lexicon("zh", "en").sample(48 + shots).entries
    asked = {word: bx.word_prompt("zh", "en", word) for word in entries}
    examples = "".join(f'{asked[word]}"{entries[word][0]}"\n\n' for word in list(entries)[:shots])
    prompts = [examples + asked[word] for word in list(entries)[shots:]]
    ways = {f"{rows} rows": partial(generate, gemma, prompts, rows) for rows in (16, 48)}
    ways["here"] = partial(bx.complete, gemma, prompts)
    assert sum(one == other for one, other in zip(ways["here"](), ways["48 rows"](), strict=True)) >= len(prompts) - 1
    seconds = in_turns(ways, 3)
    best = min(("16 rows", "48 rows"), key=lambda way: statistics.median(seconds[way]))
    ratio, noise = over(seconds[best], seconds["here"])
    print(f"\n{len(prompts)} prompts, {shots} examples, {torch.get_num_threads()} thread(s); generate is fastest with {best}")
    record(f"transformers' generate / `complete`, gemma-3-270m, {shots} examples", ratio)
    print(f"over the rounds: {noise}")
    assert ratio >= 1.3


def test_ranking_of_a_pair(gemma):  # noqa: F811
    """Seconds on this machine: the numbers of design.md are of two cores with nothing else to do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    sentences = bx.core_sentences()
    counts = bx.count_active(gemma, {code: sentences[code][:40] for code in CODES})
    probe = bx.probe(gemma, bx.core_lexicon("zh", "ja"))
    sets, redraws = bx.top_neurons(counts, 0.05), bx.redraw_sets(counts, 0.05)
    taken = {}
    for name, call in {
        "with intervals": lambda: bx.rank_bridges(probe, sets, redraws=redraws),
        "scores alone": lambda: bx.rank_bridges(probe, sets, resamples=0),
    }.items():
        times = []
        for _ in range(3):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        taken[name] = statistics.median(times)
    torch.set_num_threads(threads)
    print(f"\nzh-ja, {len(CODES) - 2} bridges, S = {len(probe.words)}")
    record("rank_bridges with intervals on gemma-3-270m, s", taken["with intervals"])
    record("rank_bridges without resamples on gemma-3-270m, ms", 1e3 * taken["scores alone"])
    assert taken["with intervals"] <= 10
    assert taken["scores alone"] <= 0.3


def test_what_the_confidence_of_an_answer_costs(gemma):  # noqa: F811
    """The same completions with and without their log-probabilities, which need a sum over the vocabulary at every token."""
    prompts = [bx.word_prompt("zh", "en", word) for word in bx.core_lexicon("zh", "en").sample(48).entries]
    ways = {"scored": partial(bx.complete_scored, gemma, prompts), "plain": partial(bx.complete, gemma, prompts)}
    assert [completion.text for completion in ways["scored"]()] == ways["plain"]()
    seconds = in_turns(ways, 5)
    ratio, noise = over(seconds["scored"], seconds["plain"])
    record("`complete_scored` / `complete`, gemma-3-270m", ratio)
    print(f"\nover the rounds: {noise}")
    assert ratio <= 1.15
