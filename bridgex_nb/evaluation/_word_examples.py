"""Words behind worked examples that give nothing away of them."""

import random
from collections.abc import Sequence

from ..datasets._lexicon import Lexicon, word_prompt
from ..exceptions import InputError
from ._reading import fold


def prompts_behind_examples(lexicon: Lexicon, words: Sequence[str], shots: int, seed: int) -> list[str]:
    """The prompts of words, each behind so many translated words of the lexicon, the same ones wherever they give nothing away.

    An example gives a word away if it is that word, or has a translation in common with it.

    Raises
    ------
    InputError
        If the lexicon has too few other words.
    """
    src, tgt, entries = lexicon.src, lexicon.tgt, lexicon.entries
    order = random.Random(f"{seed} {src} {tgt}").sample(sorted(entries), len(entries))
    accepted = {word: set(map(fold, translations)) for word, translations in entries.items()}
    prompts = []
    for word in words:
        others = [shown for shown in order if fold(shown) != fold(word) and not accepted[shown] & accepted.get(word, set())]
        if len(others) < shots:
            raise InputError(f"{src}-{tgt}: the lexicon has {len(others)} words besides {word!r}, too few for {shots} examples")
        examples = "".join(f'{word_prompt(src, tgt, shown)}"{entries[shown][0]}"\n\n' for shown in others[:shots])
        prompts.append(examples + word_prompt(src, tgt, word))
    return prompts
