"""Neurons that are active in one, several or all languages (Zhang et al. 2025, arXiv 2505.21505)."""

import torch

from ..activations._results import ActivationCounts
from ._lape import above_threshold, language_probability


def specific_related_general(
    counts: ActivationCounts, threshold: float = 0.95, *, strict: bool = True
) -> dict[str, torch.Tensor]:
    """All neurons by the number of languages in which they are active above the threshold.

    Parameters
    ----------
    counts : ActivationCounts
        Of at least two languages.
    threshold, strict
        As for `lape`.

    Returns
    -------
    dict of str to torch.Tensor
        bool [L, N] each: `specific` in one language, `related` in two to K - 1, `general` in all K. A neuron may be in none of
        them. ``plots.neurons_by_layer`` and ``plots.neurons_by_layer_table`` show them by layer.

    Raises
    ------
    InputError
        As for `lape`.

    Notes
    -----
    Zhang et al. 2025, arXiv 2505.21505: of all neurons, not only of those that `lape` keeps.

    Examples
    --------
    >>> counts = ActivationCounts(torch.tensor([[[9, 9, 0]], [[9, 0, 0]]]), torch.tensor([10, 10]), ("sw", "tl"), {})
    >>> {name: int(neurons.sum()) for name, neurons in specific_related_general(counts, 0.5).items()}
    {'specific': 1, 'related': 0, 'general': 1}
    """
    number = above_threshold(language_probability(counts), threshold, strict).sum(dim=0).view(counts.active.shape[1:])
    languages = len(counts.languages)
    return {"specific": number == 1, "related": (number > 1) & (number < languages), "general": number == languages}
