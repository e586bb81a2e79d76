"""Words behind worked examples that give nothing away of them."""

import pytest

import bridgex_nb as bx
from bridgex_nb.evaluation import fold
from bridgex_nb.evaluation._word_examples import prompts_behind_examples


def test_no_prompt_shows_the_word_or_its_translation():
    lexicon = bx.core_lexicon("sw", "tl").sample(60)
    words = list(lexicon.entries)
    prompts = prompts_behind_examples(lexicon, words, 4, 0)
    for word, prompt in zip(words, prompts, strict=True):
        *examples, question = prompt.split("\n\n")
        assert len(examples) == 4
        assert question == bx.word_prompt("sw", "tl", word)
        accepted = {fold(form) for form in lexicon.entries[word]}
        for example in examples:
            shown, translated = example.split('"')[1::2]
            assert shown != word
            assert translated == lexicon.entries[shown][0]
            assert accepted.isdisjoint(map(fold, lexicon.entries[shown]))
    heads = [prompt.rsplit("\n\n", 1)[0] for prompt in prompts]
    assert max(map(heads.count, heads)) > 40  # the same ones wherever they can be


def test_too_few_words_are_refused():
    lexicon = bx.Lexicon("sw", "tl", {"moto": ["apoy"], "jua": ["araw"], "siku": ["araw"]})
    with pytest.raises(bx.InputError, match="sw-tl: the lexicon has 1 words besides 'jua', too few for 2 examples"):
        prompts_behind_examples(lexicon, ["jua"], 2, 0)
