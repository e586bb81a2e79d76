"""`translation_barrier`: of the words that a model gets wrong, how many did it have in some language at an inner layer?"""

from collections.abc import Sequence

import pandas as pd
import torch

from ..evaluation._answer_table import refuse_controls, require_columns
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError
from ..stats._resampling import percentile_interval
from ..utils._run_card import check_same_model, run_card
from ._lens_result import LanguageLens
from ._resample_words import draw_words


def translation_barrier(lenses: LanguageLens | Sequence[LanguageLens], items: pd.DataFrame) -> pd.DataFrame:
    """Share of wrong answers whose word the model had in some language at an inner layer: failures of the last hop.

    A word is solved in a language at a layer if the likeliest next token there begins one of its forms in that language, and no
    form of it in the source language: a copy of the source word solves nothing. Inner layers are all but the last, which is the
    model's own answer. A token that begins forms of several languages counts for each of them.

    Parameters
    ----------
    lenses : LanguageLens or sequence of LanguageLens
        One for each pair.
    items : pandas.DataFrame
        Rows of `answers` to the same words, of which the zero-shot ones count; words without such a row are left out, as those
        that examples give away.

    Returns
    -------
    pandas.DataFrame
        One row per pair and language, and one for "any" of them: src, tgt, language, words, wrong (how many of them), solved
        (share of the wrong ones), low, high (95 % bootstrap interval over the wrong words), null (the share expected of another
        word of the lexicon at the same prompt), layers (at how many inner layers it is solved, mean over the wrong
        ones). solved, low, high, null and layers are NaN where no answer is wrong. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the items are not zero-shot answers to the words of a lens, are of another model, or were asked with another number
        of examples.

    Notes
    -----
    Translation barrier hypothesis: arXiv 2506.22724. There the outputs at inner layers are judged by the languages that they
    are in; here by their first token, because what the model would write from an inner layer is not generated.

    Examples
    --------
    >>> model, words = load_model(), core_lexicon("sw", "tl").sample(30)
    >>> lens = language_lens(model, words, ["en", "fr"], resamples=100)
    >>> translation_barrier(lens, answers(model, "bli", words)).language.tolist()
    ['any', 'tl', 'en', 'fr']
    """
    given = [lenses] if isinstance(lenses, LanguageLens) else list(lenses)
    if not given:
        raise InputError("translation_barrier needs at least one lens")
    require_columns(items, ("src", "tgt", "bridge", "item", "correct"))
    refuse_controls(items)
    source = items.attrs.get("card", {})
    for lens in given:
        check_same_model(f"the lens of {lens.src}-{lens.tgt} is", dict(lens.card), dict(given[0].card))
        check_same_model("the items are", source, dict(lens.card))
    tables = [_of_pair(lens, items, source) for lens in given]
    table = pd.concat(tables, ignore_index=True)
    cards = {f"lens {lens.src}-{lens.tgt}": lens.card for lens in given} | ({"items": source} if source else {})
    data = {"pairs": [f"{lens.src}-{lens.tgt}" for lens in given]}
    table.attrs["card"] = run_card("translation_barrier", given[0].card, data=data, inputs=cards)
    return table


def _of_pair(lens: LanguageLens, items: pd.DataFrame, source: dict) -> pd.DataFrame:
    pair = f"{lens.src}-{lens.tgt}"
    shots = lens.card.get("options", {})["shots"]
    if (asked_with := source.get("options", {}).get("shots", shots)) != shots:
        raise InputError(f"{pair}: the items were asked with {asked_with} examples and the lens with {shots}")
    rows = items[(items.src == lens.src) & (items.tgt == lens.tgt) & (items.bridge == ZERO_SHOT)]
    correct = dict(zip(rows["item"], rows.correct.astype(bool), strict=True))
    asked = [place for place, word in enumerate(lens.words) if word in correct]
    if not asked:
        raise InputError(f"{pair}: there are no zero-shot answers to the words of the lens")
    wrong = torch.tensor([place for place in asked if not correct[lens.words[place]]], dtype=torch.int64)
    places = [k for k, code in enumerate(lens.languages) if code != lens.src]
    names = ["any", *(lens.languages[k] for k in places)]
    if not len(wrong):
        shares = pd.DataFrame({"language": names, "solved": float("nan")})
        shares = shares.assign(low=shares.solved, high=shares.solved, null=shares.solved, layers=shares.solved)
    else:
        begun = [_solved(lens, lens.first_tokens[k], wrong) for k in places]
        solved = torch.stack([torch.stack(begun).any(dim=0), *begun])  # [languages, inner layers, wrong, words]
        itself = solved[:, :, torch.arange(len(wrong)), wrong]
        share = itself.any(dim=1).double()
        by_word = solved.any(dim=1).double().sum(dim=2) - share
        draws = draw_words(len(wrong), lens.card) / len(wrong)
        low, high = percentile_interval(draws @ share.numpy().T)
        shares = pd.DataFrame(
            {
                "language": names,
                "solved": share.mean(dim=1).numpy(),
                "low": low,
                "high": high,
                "null": by_word.mean(dim=1).numpy() / (len(lens.words) - 1),
                "layers": itself.double().sum(dim=1).mean(dim=1).numpy(),
            }
        )
    shares.insert(1, "words", len(asked))
    shares.insert(2, "wrong", len(wrong))
    shares.insert(0, "src", lens.src)
    shares.insert(1, "tgt", lens.tgt)
    return shares


def _solved(lens: LanguageLens, tokens: torch.Tensor, wrong: torch.Tensor) -> torch.Tensor:
    """Whether a form of each word in a language begins with the likeliest token, bool [inner layers, wrong, words].

    Parameters
    ----------
    lens : LanguageLens
    tokens : torch.Tensor
        int64 [S, F], the first tokens of the language's forms.
    wrong : torch.Tensor
        int64, the words at whose prompts one looks.
    """
    copied = lens.first_tokens[lens.languages.index(lens.src)]
    found = []
    for likeliest in lens.likeliest[:-1, wrong]:
        begins = (likeliest[:, None, None] == tokens[None]).any(dim=2)
        copy = (likeliest[:, None] == copied[wrong]).any(dim=1)
        found.append(begins & ~copy[:, None])
    return torch.stack(found) if found else torch.zeros(0, len(wrong), len(tokens), dtype=torch.bool)
