"""Shared and exclusive neurons, and how much they matter (The emergence of abstract thought in LLMs, arXiv 2506.09890)."""

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
        Language -> bool [L, N], its set without the shared neurons. A neuron may still be in several of them.

    Raises
    ------
    InputError
        If there are fewer than two sets.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890). With the sets of `plnd` the exclusive neurons are PLND's language-specific
    ones (Zhao et al. 2024, arXiv 2402.18815).

    Examples
    --------
    >>> sets = {"sw": torch.tensor([[True, True, False]]), "tl": torch.tensor([[False, True, True]])}
    >>> shared, exclusive = shared_exclusive(sets)
    >>> shared
    tensor([[False,  True, False]])
    """
    if len(sets) < 2:
        raise InputError(f"shared neurons need the sets of two or more languages; given: {' '.join(sets) or 'none'}")
    shared = torch.stack(list(sets.values())).all(dim=0)
    return shared, {code: neuron_set & ~shared for code, neuron_set in sets.items()}


def importance_ratio(
    sets: Mapping[str, torch.Tensor], shared_change: Mapping[str, float], exclusive_change: Mapping[str, float]
) -> pd.Series:
    """How much more a shared neuron matters to a language than one of its exclusive neurons.

    (perplexity change / number of neurons) with the shared neurons deactivated, divided by the same for the exclusive ones.

    Parameters
    ----------
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N]; `shared_exclusive` says which neurons are shared.
    shared_change, exclusive_change : mapping of str to float
        Language -> change of the perplexity of its texts, relative to the unchanged model, when the shared neurons are
        deactivated, and when the language's exclusive neurons are.

    Returns
    -------
    pandas.Series
        Language -> ratio, without unit; 1 where both matter equally. `language_agnostic_score` summarizes it.

    Raises
    ------
    InputError
        If a change is missing or not finite, or a ratio is undefined: no shared or no exclusive neurons, or a change of 0 of
        the exclusive ones.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890).

    Examples
    --------
    >>> sets = {"sw": torch.tensor([[True, True, False]]), "tl": torch.tensor([[False, True, True]])}
    >>> importance_ratio(sets, {"sw": 6.0, "tl": 2.0}, {"sw": 3.0, "tl": 2.0}).tolist()
    [2.0, 1.0]
    """
    shared, exclusive = shared_exclusive(sets)
    changes = (shared_change, exclusive_change)
    missing = [code for code in sets if not all(code in change and isfinite(change[code]) for change in changes)]
    if missing:
        raise InputError(f"no finite perplexity change for {' '.join(missing)}")
    empty = [code for code, neuron_set in exclusive.items() if not neuron_set.any()]
    if empty or not shared.any():
        raise InputError(f"no exclusive neurons in: {' '.join(empty)}" if empty else "no neuron is in all sets")
    unchanged = [code for code in sets if exclusive_change[code] == 0]
    if unchanged:
        raise InputError(f"the exclusive neurons do not change the perplexity of {' '.join(unchanged)}: the ratio is undefined")
    ratios = {
        code: shared_change[code] / int(shared.sum()) / (exclusive_change[code] / int(exclusive[code].sum())) for code in sets
    }
    return pd.Series(ratios, name="importance_ratio").rename_axis("language")


def language_agnostic_score(ratios: pd.Series) -> float:
    """log(1 + mean `importance_ratio` over the languages): how much a model depends on its shared neurons.

    Parameters
    ----------
    ratios : pandas.Series
        Of `importance_ratio`.

    Returns
    -------
    float
        0 where the shared neurons do not matter.

    Raises
    ------
    InputError
        If the mean is not above -1, where the score is undefined: deactivating the neurons has lowered perplexity.

    Notes
    -----
    Emergence of abstract thought (arXiv 2506.09890).

    Examples
    --------
    >>> import pandas as pd
    >>> round(language_agnostic_score(pd.Series({"sw": 2.0, "tl": 1.0})), 3)
    0.916
    """
    if not (mean := float(ratios.mean())) > -1:
        raise InputError(f"the mean importance ratio is {mean:.3g}, but the score is defined only above -1")
    return log1p(mean)
