"""`language_lens`: the probability of a word in each language behind each layer, by the logit lens."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..activations._stored import stored
from ..datasets._languages import BRIDGES, language
from ..datasets._lexicon import Lexicon, core_lexicon, require_core, word_prompt
from ..evaluation._word_examples import prompts_behind_examples
from ..exceptions import InputError
from ..inference._batches import budget_of
from ..inference._chat import asked, chat_card
from ..inference._tokens import whole_rows
from ..models._neuron_model import NeuronModel
from ..stats._resampling import check_resamples
from ..utils._run_card import data_card, run_card
from ._final_norm import lens_parts
from ._first_tokens import first_tokens, of_one_language
from ._lens_result import LanguageLens, lens_result
from ._read_layers import read_layers


def language_lens(
    model: NeuronModel,
    lexicon: Lexicon,
    languages: Sequence[str] | None = None,
    *,
    forms: Mapping[str, Lexicon] | None = None,
    shots: int = 0,
    seed: int = 0,
    chat: bool = False,
    resamples: int = 1000,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> LanguageLens:
    """In which language is the word that a model is about to write, behind each layer?

    The model is asked for the translation of each word, ``{Src}:"{word}"→{Tgt}:"``. At the last token of that prompt, the final
    norm and the output layer are applied to the output of every layer (the logit lens). The probability of a language is that
    of the tokens with which its forms of the word begin. A token with which a form of the same word in another of the languages
    begins, too, says nothing of either, and is left out; where a language then has none left, the word does not count for it.

    Parameters
    ----------
    model : NeuronModel
    lexicon : Lexicon
        Words of the source language and their translations into the target language.
    languages : sequence of str, optional
        Languages to look for besides source and target; by default those that BridgeX-ICL compares (`BRIDGES`).
    forms : mapping of str to Lexicon, optional
        Language -> the words in that language, a lexicon from the source language; by default the core lexicon's.
    shots : int
        Translated words before each prompt, drawn from the lexicon, that give nothing away of the word that is asked.
    seed : int
        Of the draw of examples and of the bootstrap.
    chat : bool
        Whether each prompt is wrapped by the tokenizer's chat template; the opening quote is then the beginning of the answer.
    resamples : int
        Bootstrap draws of the words, for the intervals.
    token_budget : int, optional
        Tokens of one padded batch; by default what is fastest on a CPU, and 8,192 on a GPU. Halved until a batch fits into
        memory.
    store : str or Path, optional
        A folder of results, as for `count_active`.

    Returns
    -------
    LanguageLens

    Raises
    ------
    InputError
        If the lexicon has fewer than two words, a language is unknown, has no lexicon or one of other languages, no word of the
        target language has a first token of its own, there are too few words for the examples, a prompt is longer than the
        model's context, the states are not finite, or the lens cannot be applied: the weights are on another machine, the
        output layer is no plain matrix, or the architecture's final norm is not known or not what the model uses.

    Notes
    -----
    Logit lens: nostalgebraist 2020; the question which language a state is in: Wendler et al. 2024, arXiv 2402.10588. At the
    last layer the lens is the model's own next-token distribution; at the others it is a reading with the last layer's eyes,
    and a language that is there in another form is not seen.

    The null is what the lens gives to *other* words of the language at the same prompt (words that share no first token with
    any form of the one that is asked): the part of a probability that is not about the word. Only what is above it is evidence
    that the word is there in that language.

    The states of one batch at their last tokens are all that is kept of a forward, and the output layer is applied piece by
    piece, so that the memory does not grow with the vocabulary times the number of words.

    Examples
    --------
    >>> lens = language_lens(load_model(), core_lexicon("sw", "tl").sample(20), ["en", "fr"], resamples=100)
    >>> lens.languages, tuple(lens.probabilities.shape)
    (('sw', 'tl', 'en', 'fr'), (6, 4, 20))
    """
    check_resamples(resamples)
    budget_of(model, token_budget)
    src, tgt, words = lexicon.src, lexicon.tgt, tuple(lexicon.entries)
    if len(words) < 2:
        raise InputError(
            f"the {src}-{tgt} lexicon has {len(words)} word(s); the lens compares a word with others: give two or more"
        )
    if shots < 0:
        raise InputError(f"shots={shots}: the number of examples is 0 or more")
    codes = _candidates(src, tgt, languages)
    by_language = _forms(lexicon, codes, forms)
    norm, output = lens_parts(model)
    prompts = prompts_behind_examples(lexicon, words, shots, seed) if shots else [word_prompt(src, tgt, word) for word in words]
    texts = [prompt + '"' for prompt in asked(model, prompts, chat)]
    rows = whole_rows(model, texts, special_tokens=True, kind="prompt", chat=chat)
    tokens = first_tokens(model, texts, rows, [by_language[code] for code in codes], chat=chat)
    alone = of_one_language(tokens)
    if not alone[codes.index(tgt)].any():
        raise InputError(
            f"no word of {tgt} begins with a token that is not that of another language, too: look for fewer languages than "
            f"{' '.join(codes)}, or give the {src}-{tgt} lexicon more words"
        )
    card = run_card(
        "language_lens",
        model.card,
        data={"kind": "words", "src": src, "tgt": tgt, **_data(texts, codes, by_language)},
        options={"languages": codes, "shots": shots, "seed": seed, "resamples": resamples, **chat_card(model, chat)},
    )

    def read(file):
        layers = read_layers(model, norm, output, rows, tokens, alone, token_budget=token_budget, result=file)
        return lens_result(*layers, tokens, codes, words, src, tgt, card)

    return stored(store, "lens", card, LanguageLens.load, read)


def _candidates(src: str, tgt: str, languages: Sequence[str] | None) -> tuple[str, ...]:
    """Source, target, and the languages to look for besides."""
    if isinstance(languages, str):
        raise InputError(f"languages={languages!r}: give a list of language codes, such as [{languages!r}]")
    given = BRIDGES if languages is None else [language(code).code for code in languages]
    codes = tuple(dict.fromkeys((src, tgt, *given)))
    if len(codes) == 2:
        raise InputError(f"languages: give one besides {src} and {tgt}, such as ['en']")
    return codes


def _forms(lexicon: Lexicon, codes: Sequence[str], forms: Mapping[str, Lexicon] | None) -> dict[str, list[list[str]]]:
    """Language -> the forms of each word."""
    src, tgt, words = lexicon.src, lexicon.tgt, list(lexicon.entries)
    given = {language(code).code: of_language for code, of_language in (forms or {}).items()}
    unused = [code for code in given if code not in codes or code in (src, tgt)]
    if unused:
        ends = unused[0] in (src, tgt)
        why = f"those of {unused[0]} are in the lexicon" if ends else f"{unused[0]} is not among the languages"
        raise InputError(f"forms: {why}; leave them out")
    found = {src: [[word] for word in words], tgt: [lexicon.entries[word] for word in words]}
    for code in codes:
        if code in found:
            continue
        if code not in given:
            instead = f"give the words in {code} as forms={{{code!r}: Lexicon({src!r}, {code!r}, …)}}"
            for needed in (src, code):
                require_core(needed, "the core lexicon has", instead)
        of_language = given[code] if code in given else core_lexicon(src, code)
        if (of_language.src, of_language.tgt) != (src, code):
            raise InputError(f"the forms of {code} are a lexicon {of_language.src}-{of_language.tgt}, not {src}-{code}")
        found[code] = [of_language.entries.get(word, []) for word in words]
    return found


def _data(texts: list[str], codes: Sequence[str], forms: Mapping[str, list[list[str]]]) -> dict:
    """What a run card says of the prompts and of the forms that were looked for."""
    return data_card({"prompts": texts, **{code: ["|".join(these) for these in forms[code]] for code in codes}})
