"""LAPE's deactivation matrix: the perplexity of every language when the neurons of one are deactivated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from ..activations._count_active import count_active
from ..exceptions import InputError
from ..inference._likelihood import text_logprobs
from ..models._neuron_model import NeuronModel
from ..neurons._random_sets import MATCHED_IN, check_draws, random_sets
from ..stats._random_set_test import beyond_random_by_group
from ..stats._resampling import check_resamples
from ..utils._progress import outer_bar
from ..utils._run_card import RunCard, data_card, run_card, set_card
from ._neuron_interventions import deactivate


@dataclass(frozen=True, eq=False)
class DeactivationMatrix:
    """How the perplexity of every language changes when the neurons of one are deactivated.

    Attributes
    ----------
    change : pandas.DataFrame
        [language changed x language evaluated], change of the log perplexity, nats per token: 0.1 means a perplexity 1.105
        times as high.
    random : pandas.DataFrame
        The same for random sets, mean over the draws.
    dominance : pandas.DataFrame
        One row. change: the dominance, which is the mean over languages of (change of the language itself - mean change of the
        others), nats per token; low, high, its 95 % bootstrap interval over the texts. random, random_low, random_high: the
        same for random sets, and the range of the middle 95 % of choices of one random set for each language. beyond,
        beyond_low, beyond_high: the difference, and the interval of how much more the sets do than random ones, over texts and
        sets. p: two-sided p-value. random_sets: their number, over all languages. hurt_most, random_hurt_most: the share of
        sets that hurt their own language most.
    card : RunCard
        The run card.
    """

    change: pd.DataFrame
    random: pd.DataFrame = field(repr=False)
    dominance: pd.DataFrame
    card: RunCard = field(repr=False)


def deactivation_matrix(
    model: NeuronModel,
    sets: Mapping[str, torch.Tensor],
    texts: Mapping[str, Sequence[str]],
    *,
    draws: int = 19,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int | None = None,
) -> DeactivationMatrix:
    """Deactivate the neurons of each language in turn, and measure the perplexity of every language.

    Parameters
    ----------
    model : NeuronModel
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].
    texts : mapping of str to sequence of str
        Language -> texts, of the same languages; preferably not those that the sets were computed from.
    draws : int
        Random sets for each language, 2 or more: as many neurons in every layer, and about as often active on the texts, mean
        over the languages (`random_like`). Each takes a run over all texts. As every language has its own, few are enough: with
        15 languages, 7 draws are 105 random sets. The least p-value is 1 / (1 + resamples), and with K languages not less than
        1 / (1 + draws) ** K.
    resamples : int
        Bootstrap resamples of the texts of each language, and exchanges of own and random sets for the p-value.
    seed : int
    token_budget : int, optional
        As in `loglikelihood`.

    Returns
    -------
    DeactivationMatrix

    Raises
    ------
    InputError
        If there are fewer than two languages, sets and texts are of different languages, a set is empty or not of this model,
        `draws` is less than 2 or `resamples` less than 1.

    Notes
    -----
    LAPE (Tang et al. 2024, arXiv 2402.16438), section 4: there the diagonal dominates. The random control and the intervals
    are this project's. The p-value takes the languages' sets to be independent of each other. Where related languages have most
    of their neurons in common it can come out too small: leave one of them out.

    Examples
    --------
    >>> result = deactivation_matrix(model, lape(counts, 0.05), texts)  # doctest: +SKIP
    >>> result.dominance[["change", "random", "p"]]  # doctest: +SKIP
    """
    check_resamples(resamples)
    check_draws(draws)
    languages = list(sets)
    if len(languages) < 2 or set(languages) != set(texts):
        raise InputError(
            f"deactivation_matrix needs sets and texts of the same languages, two or more; sets: {', '.join(sets) or 'none'}; "
            f"texts: {', '.join(texts) or 'none'}"
        )
    for neuron_set in sets.values():
        deactivate(model, neuron_set)  # refuses what is not a set of this model, before the work begins
    empty = [code for code, neuron_set in sets.items() if not neuron_set.any()]
    if empty:
        raise InputError(f"no neurons in the sets of {', '.join(empty)}; choose a larger rate, or leave these languages out")
    texts = {code: texts[code] for code in languages}
    frequency = count_active(model, texts, token_budget=token_budget).probability.mean(dim=0)
    own_and_random = [[(own,), *random_sets([own], draws, seed + k * draws, frequency)] for k, own in enumerate(sets.values())]
    before = text_logprobs(model, texts, token_budget=token_budget)
    loss = np.empty((len(languages), draws + 1, len(before)))  # [changed, own and random, text], nats
    with outer_bar(total=loss[..., 0].size, desc="deactivating", unit="set") as bar:
        for k, changed_sets in enumerate(own_and_random):
            for d, changed in enumerate(changed_sets):
                with deactivate(model, *changed):
                    loss[k, d] = before.logprob - text_logprobs(model, texts, token_budget=token_budget).logprob
                bar.update()

    change, dominance = _summary(loss, before, languages, resamples, seed)
    labels = {"index": pd.Index(languages, name="changed"), "columns": pd.Index(languages, name="evaluated")}
    card = run_card(
        "deactivation_matrix",
        model.card,
        data={"kind": "texts", **data_card(texts)},
        options={"sets": set_card(sets), "draws": draws, "matched_in": MATCHED_IN, "resamples": resamples, "seed": seed},
    )
    return DeactivationMatrix(
        pd.DataFrame(change[..., 0], **labels), pd.DataFrame(change[..., 1:].mean(axis=-1), **labels), dominance, card
    )


def _summary(loss, before, languages, resamples, seed) -> tuple[np.ndarray, pd.DataFrame]:
    """Mean loss per token [changed, evaluated, set], and dominance, of losses [changed, own and random sets, text]."""
    rng = np.random.default_rng(seed)
    means, resampled = [], []  # for each language evaluated, [changed, set] and [changed, set, resample]
    for code in languages:
        texts = (before.language == code).to_numpy()
        count = texts.sum()
        losses, tokens = loss[..., texts], before.tokens.to_numpy()[texts]
        weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples).T
        means.append(losses.sum(axis=-1) / tokens.sum())
        resampled.append(losses @ weights / (tokens @ weights))
    change = np.stack(means, axis=1)
    leads = _leads(change)  # [changed, set]
    found = beyond_random_by_group(leads.T, _leads(np.stack(resampled, axis=1)).mean(axis=0), resamples, seed)
    hurt = (change.argmax(axis=1) == np.arange(len(languages))[:, None]).mean(axis=0)
    found |= {"hurt_most": float(hurt[0]), "random_hurt_most": float(hurt[1:].mean())}
    return change, pd.DataFrame([found])


def _leads(change: np.ndarray) -> np.ndarray:
    """[changed, evaluated, …] -> [changed, …], the change of the language itself - mean change of the others."""
    k = len(change)
    own = change[np.arange(k), np.arange(k)]
    return own - (change.sum(axis=1) - own) / (k - 1)
