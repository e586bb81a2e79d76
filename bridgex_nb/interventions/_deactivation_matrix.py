"""LAPE's deactivation matrix: the perplexity of every language with one language's neurons off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..inference._likelihood import text_logprobs
from ..models._neuron_model import NeuronModel
from ..neurons._random_sets import random_sets
from ..stats._resampling import percentile_interval
from ..utils._progress import outer_bar
from ..utils._run_card import data_card
from ._neuron_interventions import deactivate


@dataclass(frozen=True, eq=False)
class DeactivationMatrix:
    """What happens to every language when the neurons of one are deactivated.

    Attributes
    ----------
    change : pandas.DataFrame
        [language changed x language evaluated], change of the log perplexity, nats a token: 0.1 is a perplexity 1.105 times as
        high.
    random : pandas.DataFrame
        The same for random sets with as many neurons in each layer; the mean over the draws.
    dominance : pandas.DataFrame
        Rows `own` (the languages' sets), `random`, and `difference` of the two. Columns: dominance, the mean over the
        languages of (change of the language itself - mean change of the others), nats a token; low, high, its 95 % interval;
        hurt_most, the share of languages that are themselves what their set hurts most.
    card : dict
        The run card.
    """

    change: pd.DataFrame
    random: pd.DataFrame = field(repr=False)
    dominance: pd.DataFrame
    card: dict = field(repr=False)


def deactivation_matrix(
    model: NeuronModel,
    masks: Mapping[str, torch.Tensor],
    texts: Mapping[str, Sequence[str]],
    *,
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int = 8192,
) -> DeactivationMatrix:
    """Deactivate each language's neurons, and look at the perplexity of every language.

    Parameters
    ----------
    model : NeuronModel
    masks : mapping of str to torch.Tensor
        Language -> bool [L, N].
    texts : mapping of str to sequence of str
        Language -> texts, of the same languages; better not those that the masks were made from.
    draws : int
        Random sets for each language, from seeds of their own.
    resamples : int
        Bootstrap resamples behind the intervals: the texts of each language and, for the random sets, the draws.
    seed : int
    token_budget : int
        As in `loglikelihood`.

    Raises
    ------
    InputError
        If there are fewer than two languages, masks and texts are not of the same ones, or a mask is empty or not of this
        model.

    Notes
    -----
    LAPE (Tang et al. 2024, arXiv 2402.16438), section 4, where the diagonal dominates. The random control and the intervals are
    this project's.

    Examples
    --------
    >>> result = deactivation_matrix(model, lape(counts, 0.05), texts)  # doctest: +SKIP
    >>> result.dominance.loc["difference", ["low", "high"]]  # doctest: +SKIP
    """
    languages = list(masks)
    if len(languages) < 2 or set(languages) != set(texts):
        raise InputError(
            f"a matrix needs masks and texts of the same languages, two or more; masks: {' '.join(masks) or 'none'}, "
            f"texts: {' '.join(texts) or 'none'}"
        )
    for mask in masks.values():
        deactivate(model, mask)  # refuses what is not a set of this model, before the work begins
    empty = [code for code, mask in masks.items() if not mask.any()]
    if empty:
        raise InputError(f"no neurons in the sets of {' '.join(empty)}; take a larger rate, or leave the language out")
    texts = {code: texts[code] for code in languages}
    sets = [(mask, *random_sets(mask, draws, seed + k * draws)) for k, mask in enumerate(masks.values())]
    before = text_logprobs(model, texts, token_budget=token_budget)
    loss = np.empty((len(languages), draws + 1, len(before)))  # [changed, own and random, text], nats
    with outer_bar(total=loss[..., 0].size, desc="deactivating", unit="set") as bar:
        for k, some in enumerate(sets):
            for d, mask in enumerate(some):
                with deactivate(model, mask):
                    loss[k, d] = before.logprob - text_logprobs(model, texts, token_budget=token_budget).logprob
                bar.update()

    change, dominance = _summary(loss, before, languages, resamples, seed)
    labels = {"index": pd.Index(languages, name="changed"), "columns": pd.Index(languages, name="evaluated")}
    card = model.card | {
        "data": {"kind": "texts", **data_card(texts)},
        "neurons": {code: int(mask.sum()) for code, mask in masks.items()},
        "draws": draws,
        "resamples": resamples,
        "seed": seed,
    }
    return DeactivationMatrix(
        pd.DataFrame(change[..., 0], **labels), pd.DataFrame(change[..., 1:].mean(axis=-1), **labels), dominance, card
    )


def _summary(loss, before, languages, resamples, seed) -> tuple[np.ndarray, pd.DataFrame]:
    """Of losses [changed, own and random sets, text] the mean by token [changed, evaluated, set], and the dominance table."""
    rng = np.random.default_rng(seed)
    means, resampled = [], []  # a language evaluated: [changed, set] and [changed, set, resample]
    for code in languages:
        its = (before.language == code).to_numpy()
        losses, tokens = loss[..., its], before.tokens.to_numpy()[its]
        weights = rng.multinomial(its.sum(), np.full(its.sum(), 1 / its.sum()), size=resamples).T
        means.append(losses.sum(axis=-1) / tokens.sum())
        resampled.append(losses @ weights / (tokens @ weights))
    change = np.stack(means, axis=1)
    draws = loss.shape[1] - 1
    drawn = rng.multinomial(draws, np.full(draws, 1 / draws), size=resamples).T / draws
    value, spread = _dominance(change), _dominance(np.stack(resampled, axis=1))  # [set], [set, resample]
    hurt = (change.argmax(axis=1) == np.arange(len(languages))[:, None]).mean(axis=0)
    rows = {"own": (value[0], spread[0], hurt[0])}
    rows["random"] = (value[1:].mean(), (spread[1:] * drawn).sum(axis=0), hurt[1:].mean())
    rows["difference"] = tuple(own - random for own, random in zip(rows["own"], rows["random"], strict=True))
    table = {name: (point, *percentile_interval(some), share) for name, (point, some, share) in rows.items()}
    return change, pd.DataFrame.from_dict(table, orient="index", columns=["dominance", "low", "high", "hurt_most"])


def _dominance(change: np.ndarray) -> np.ndarray:
    """[changed, evaluated, …] -> […], the mean over the languages of own change less the mean of the others'."""
    k = len(change)
    own = change[np.arange(k), np.arange(k)]
    return (own - (change.sum(axis=1) - own) / (k - 1)).mean(axis=0)
