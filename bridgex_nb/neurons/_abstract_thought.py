"""Shared and exclusive neurons, and what they matter (Emergence of abstract thought, arXiv 2506.09890)."""

from collections.abc import Mapping
from math import isfinite, log1p

import pandas as pd
import torch

from ..exceptions import InputError


def shared_exclusive(sets: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The neurons that all languages share, and those of each language that are not shared by all.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N].

    Returns
    -------
    shared : torch.Tensor
        bool [L, N], the intersection of all sets.
    exclusive : dict of str to torch.Tensor
        Language -> bool [L, N], its set without the shared neurons. Some of them may still be in several sets.

    Raises
    ------
    InputError
        If there are fewer than two sets.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890). With the sets of `plnd` the exclusive neurons are PLND's language-specific
    ones (Zhao et al. 2024, arXiv 2402.18815).
    """
    if len(sets) < 2:
        raise InputError(f"what languages share is a matter of two or more; there are sets for: {' '.join(sets) or 'none'}")
    shared = torch.stack(list(sets.values())).all(dim=0)
    return shared, {code: one & ~shared for code, one in sets.items()}


def importance_ratio(
    sets: Mapping[str, torch.Tensor], shared_change: Mapping[str, float], exclusive_change: Mapping[str, float]
) -> pd.Series:
    """How much more a shared neuron matters to a language than one of its exclusive neurons.

    (perplexity change / number of neurons) where the shared neurons are deactivated, over the same for the exclusive ones.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N]; `shared_exclusive` tells which neurons are shared.
    shared_change, exclusive_change : mapping of str to float
        Language -> change of the perplexity of its texts, against the model as it is, when the shared neurons are deactivated;
        when the language's exclusive neurons are.

    Returns
    -------
    pandas.Series
        Language -> ratio, without unit; 1 where both matter alike. `language_agnostic_score` sums it up.

    Raises
    ------
    InputError
        If a change is missing or not finite, or a ratio has nothing to divide by: no shared or no exclusive neurons, or a
        change of 0.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890).
    """
    shared, exclusive = shared_exclusive(sets)
    changes = (shared_change, exclusive_change)
    missing = [code for code in sets if not all(code in one and isfinite(one[code]) for one in changes)]
    if missing:
        raise InputError(f"no finite perplexity change for {' '.join(missing)}")
    empty = [code for code, one in exclusive.items() if not one.any()]
    if empty or not shared.any():
        raise InputError(f"no exclusive neurons in: {' '.join(empty)}" if empty else "no neuron is in all sets")
    still = [code for code in sets if exclusive_change[code] == 0]
    if still:
        raise InputError(f"the exclusive neurons do not change the perplexity of {' '.join(still)}: no ratio to them")
    ratios = {
        code: shared_change[code] / int(shared.sum()) / (exclusive_change[code] / int(exclusive[code].sum())) for code in sets
    }
    return pd.Series(ratios, name="importance_ratio").rename_axis("language")


def language_agnostic_score(ratios: pd.Series) -> float:
    """log(1 + mean over the languages of their `importance_ratio`): how far shared neurons carry a model.

    Raises
    ------
    InputError
        If the mean is not above -1, as where deactivation makes perplexity fall: the score is not defined there.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890).
    """
    if not (mean := float(ratios.mean())) > -1:
        raise InputError(f"the mean importance ratio is {mean:.3g}, and the score is defined above -1 only")
    return log1p(mean)
