"""What gemma-3-270m and SmolLM2-135M know of the core lexicon."""

import pytest

import bridgex_nb as bx

pytestmark = pytest.mark.real

WORDS = 60
#: Pair -> the share of the whole core lexicon that gemma-3-270m writes right without examples (380 words, exact match).
KNOWN = {"zh-en": 0.73, "de-en": 0.50, "en-de": 0.12, "sw-en": 0.02}


def accuracy(model, pair, words, shots=0):
    """Share of right answers; eight tokens are enough for a word."""
    lexicon = bx.core_lexicon(*pair.split("-")).sample(words)
    return bx.answers(model, "bli", lexicon, shots=shots, max_new_tokens=8).correct.mean()


@pytest.mark.parametrize("pair", KNOWN)
def test_words_that_gemma_knows(gemma, pair):
    found = accuracy(gemma, pair, WORDS)
    error = (KNOWN[pair] * (1 - KNOWN[pair]) / WORDS) ** 0.5
    print(f"\n{pair}: {found:.0%} of {WORDS} words; {KNOWN[pair]:.0%} of all")
    assert abs(found - KNOWN[pair]) < 2.5 * error + 0.01


def test_four_examples_help(gemma):
    """82 % of 48 words, where 73 % are right without examples."""
    found = accuracy(gemma, "zh-en", 48, shots=4)
    print(f"\nzh-en behind four examples: {found:.0%}")
    assert 0.70 < found < 0.95


def test_the_gold_answer_is_likelier_than_that_of_another_word(gemma):
    """Where exact match is near its floor, the log-probability still tells."""
    lexicon = bx.core_lexicon("en", "de").sample(16)
    prompts = [bx.word_prompt("en", "de", word) for word in lexicon.entries]
    gold = [f'"{translations[0]}"' for translations in lexicon.entries.values()]
    right, wrong = (bx.loglikelihood(gemma, texts, prompts).logprob for texts in (gold, gold[1:] + gold[:1]))
    print(f"\nlog P of the gold answer {right.mean():.1f}, of another word's {wrong.mean():.1f}")
    assert (right > wrong).mean() > 0.8
    assert right.mean() > wrong.mean() + 2


@pytest.mark.parametrize("pair", ["id-en", "sw-en"])
def test_a_model_of_english_knows_hardly_a_word(smollm2, pair):
    """The negative control. Behind four examples it does write a fifth of the Chinese, German and French words."""
    found = accuracy(smollm2, pair, 24, shots=4)
    print(f"\nSmolLM2-135M, {pair} behind four examples: {found:.0%}")
    assert found < 0.1
