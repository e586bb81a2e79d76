"""`LanguageLens`: the result of `language_lens`, its table and its file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch

from ..exceptions import InputError
from ..stats._resampling import percentile_interval
from ..utils import _result_files as result_files
from ..utils._run_card import RunCard
from ._resample_words import draw_words, mean_over_words


@dataclass(frozen=True, eq=False)
class LanguageLens:
    """The probability of each language's word behind each of L layers, for K languages and S words.

    Layers count from 0; behind layer L - 1 stands what the model itself gives to the next token.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per layer and language: layer, language, probability (mean over the words), low, high (95 % bootstrap interval
        over words), null (mean probability of the language's words for other concepts), excess (probability - null),
        excess_low, excess_high, share (of the sum over the languages, at that layer), words (how many count for the language).
        NaN for a language that no word counts for.
    probabilities : torch.Tensor
        float32 [L, K, S], NaN where a word has no first token that is the language's alone.
    nulls : torch.Tensor
        float32 [L, K, S], the mean probability of the language's words for other concepts at that word's prompt.
    entropy : torch.Tensor
        float32 [L, S], of the whole next-token distribution, in nats.
    likeliest : torch.Tensor
        int64 [L, S], the likeliest next token.
    first_tokens : torch.Tensor
        int64 [K, S, F], the tokens with which the forms of each word begin, ambiguous ones too; -1 where there are fewer.
    languages : tuple of str
        K codes: source, target, and those that were looked for besides.
    words : tuple of str
        S words of the source language.
    src, tgt : str
    dropped : pandas.DataFrame
        One row per language: language, words (that count), ambiguous (whose first tokens are all those of another language's
        form, too), missing (without a form, or with none that begins at a token of its own behind the prompt).
    card : RunCard
        The run card.
    """

    table: pd.DataFrame
    probabilities: torch.Tensor = field(repr=False)
    nulls: torch.Tensor = field(repr=False)
    entropy: torch.Tensor = field(repr=False)
    likeliest: torch.Tensor = field(repr=False)
    first_tokens: torch.Tensor = field(repr=False)
    languages: tuple[str, ...]
    words: tuple[str, ...] = field(repr=False)
    src: str
    tgt: str
    dropped: pd.DataFrame = field(repr=False)
    card: RunCard = field(repr=False)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file with the run card inside."""
        names = ("probabilities", "nulls", "entropy", "likeliest", "first_tokens")
        note = {"languages": self.languages, "words": self.words, "src": self.src, "tgt": self.tgt, "card": self.card}
        result_files.write(path, {name: getattr(self, name) for name in names}, note)

    @classmethod
    def load(cls, path: str | Path) -> "LanguageLens":
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If there is no such file, it holds something else, or it is damaged.
        """
        tensors, note = result_files.read(path)
        try:
            parts = [tensors[name] for name in ("probabilities", "nulls", "entropy", "likeliest", "first_tokens")]
            return lens_result(*parts, note["languages"], note["words"], note["src"], note["tgt"], note["card"])
        except KeyError as error:
            raise InputError(f"{path}: not a file of a lens") from error


def lens_result(
    probabilities: torch.Tensor,
    nulls: torch.Tensor,
    entropy: torch.Tensor,
    likeliest: torch.Tensor,
    first_tokens: torch.Tensor,
    languages: Sequence[str],
    words: Sequence[str],
    src: str,
    tgt: str,
    card: RunCard,
) -> LanguageLens:
    """A `LanguageLens` from its tensors; number and seed of the draws are those of the run card."""
    layers, count, size = probabilities.shape
    draws = draw_words(size, card)
    mean, null = mean_over_words(probabilities), mean_over_words(nulls)
    low, high = percentile_interval(mean_over_words(probabilities, draws))
    above = probabilities - nulls
    excess_low, excess_high = percentile_interval(mean_over_words(above, draws))
    total = pd.DataFrame(mean).sum(axis=1).to_numpy()[:, None]
    known = ~probabilities[0].isnan()
    columns = {
        "probability": mean,
        "low": low,
        "high": high,
        "null": null,
        "excess": mean_over_words(above),
        "excess_low": excess_low,
        "excess_high": excess_high,
        "share": mean / total,
    }
    table = pd.DataFrame(
        {
            "layer": [layer for layer in range(layers) for _ in range(count)],
            "language": list(languages) * layers,
            **{name: values.ravel() for name, values in columns.items()},
            "words": known.sum(dim=1).tolist() * layers,
        }
    )
    missing = (first_tokens < 0).all(dim=2)
    dropped = pd.DataFrame(
        {
            "language": list(languages),
            "words": known.sum(dim=1).tolist(),
            "ambiguous": (~known & ~missing).sum(dim=1).tolist(),
            "missing": missing.sum(dim=1).tolist(),
        }
    )
    table.attrs["card"] = dropped.attrs["card"] = card
    return LanguageLens(
        table, probabilities, nulls, entropy, likeliest, first_tokens, tuple(languages), tuple(words), src, tgt, dropped, card
    )
