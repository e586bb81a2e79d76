"""LAPE: language-specific neurons by the entropy of their activation probabilities (Tang et al. 2024, arXiv 2402.16438).

With the weight on the largest probability that Zhang et al. 2025 (arXiv 2505.21505) add, and their automatic choice of it.
"""

from math import isfinite, log

import numpy as np
import torch

from ..activations._results import ActivationCounts
from ..exceptions import InputError
from ._sets import RATE, check_share

#: Scores are compared to this many decimals: equal ones differ in their last bits if they are summed in another order.
_DECIMALS = 9


def lape(
    counts: ActivationCounts,
    rate: float = RATE,
    threshold: float = 0.95,
    lam: float | str = 0.0,
    *,
    strict: bool = True,
    discard: bool = True,
) -> dict[str, torch.Tensor]:
    """Language-specific neurons by the entropy of their activation probabilities over the languages.

    A neuron's score is its entropy over ln K, less `lam` times its largest probability over (1 + 1/2 + … + 1/K) / K. The
    round(rate L N) neurons with the lowest score are kept, and each of them belongs to every language in which its probability
    is above the threshold: the value at rank round(threshold K L N) of all probabilities.

    Parameters
    ----------
    counts : ActivationCounts
        Of at least two languages.
    rate : float
        Share of the L N neurons to keep, in (0, 1). The papers keep 1 %.
    threshold : float
        Rank of the threshold, as a share of the K L N probabilities, in (0, 1).
    lam : float or "auto"
        Weight of the largest probability. 0 is LAPE; "auto" takes `lape_lambda`.
    strict : bool
        Whether a probability has to be above the threshold (as in both released codes), or may equal it.
    discard : bool
        Whether neurons that are above the threshold in no language are left out before the lowest scores are taken. True for
        LAPE (Tang et al.) and its released masks. False for the released masks of Zhang et al., whose code does not leave them
        out: such neurons use up some of the `rate` and then belong to no language.

    Returns
    -------
    dict of str to torch.Tensor
        Language -> bool [L, N]. Sets of different languages may overlap.

    Raises
    ------
    InputError
        If there are fewer than two languages, a language has no tokens or counts that do not fit them, `rate` or
        `threshold` is not between 0 and 1, or `lam` is neither a finite number nor "auto".

    Notes
    -----
    LAPE: Tang et al. 2024, arXiv 2402.16438, section 2 and the released code. The score with `lam`: Zhang et al. 2025, arXiv
    2505.21505, and the released code, which counts response tokens only (``full - prefix``). Scores that agree to nine
    decimals are equal; among equals, lower layers come first, and within a layer lower neuron numbers.

    Examples
    --------
    >>> counts = count_active(load_model(), {"sw": ["Jua ni kali."], "tl": ["Mainit ang araw."]})
    >>> sets = lape(counts, rate=0.01)
    >>> list(sets)
    ['sw', 'tl']
    """
    if lam == "auto":
        lam = lape_lambda(counts, rate, threshold, strict=strict, discard=discard)
    if isinstance(lam, str) or not isfinite(lam):
        raise InputError(f'lam is a number or "auto", not {lam!r}')
    above, lowest = _ranking(counts, rate, threshold, strict, discard)
    kept = torch.zeros(above.shape[1], dtype=torch.bool)
    kept[lowest(lam)] = True
    return {code: (row & kept).view(counts.active.shape[1:]) for code, row in zip(counts.languages, above, strict=True)}


def lape_lambda(
    counts: ActivationCounts, rate: float = RATE, threshold: float = 0.95, *, strict: bool = True, discard: bool = True
) -> float:
    """The largest weight `lam` of `lape` in [0, 0.2] for which no kept neuron is above the threshold in all languages.

    Found by bisection to 0.001, as in the released code; if the condition changes more than once, at one of the changes.

    Parameters
    ----------
    counts, rate, threshold, strict, discard
        As for `lape`.

    Raises
    ------
    InputError
        As for `lape`, or if such a neuron is kept even at 0.

    Notes
    -----
    Zhang et al. 2025, arXiv 2505.21505, and the released code.

    Examples
    --------
    >>> lape(counts, rate=0.01, lam=lape_lambda(counts, rate=0.01))  # doctest: +SKIP
    """
    above, lowest = _ranking(counts, rate, threshold, strict, discard)
    general = above.all(dim=0)

    def fits(lam):
        return not general[lowest(lam)].any()

    low, high = 0.0, 0.2
    if not fits(low):
        raise InputError(
            f"at rate={rate} a kept neuron is above the threshold in all {len(counts.languages)} languages even with lambda 0; "
            "take a smaller rate or a higher threshold, or give lam as a number"
        )
    if fits(high):
        return high
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def lape_entropy(counts: ActivationCounts) -> torch.Tensor:
    """The language activation probability entropy of every neuron: how evenly its activity is spread over the languages.

    -sum p' ln p' with p' = p / sum p over the K languages: 0 where only one language activates the neuron, ln K where all do
    so equally often.

    Parameters
    ----------
    counts : ActivationCounts
        Of at least two languages.

    Returns
    -------
    torch.Tensor
        float64 [L, N], nats. A neuron that is never active does not tell languages apart: ln K.

    Raises
    ------
    InputError
        As for `lape`.

    Notes
    -----
    Tang et al. 2024, arXiv 2402.16438, section 2. Their released code gives a neuron that is never active 0 and then leaves it
    out.

    Examples
    --------
    >>> counts = ActivationCounts(torch.tensor([[[4, 2]], [[0, 2]]]), torch.tensor([10, 10]), ("sw", "tl"), {})
    >>> lape_entropy(counts).round(decimals=3).tolist()
    [[0.0, 0.693]]
    """
    return _entropy(language_probability(counts)).view(counts.active.shape[1:])


def language_probability(counts: ActivationCounts) -> torch.Tensor:
    """Activation probabilities [K, L N] of at least two languages."""
    if len(counts.languages) < 2:
        raise InputError(f"telling languages apart needs two or more; the counts are of: {' '.join(counts.languages)}")
    probability = counts.probability.flatten(1)
    for code, row in zip(counts.languages, probability, strict=True):
        low, high = row.aminmax()
        if not (low >= 0 and high <= 1):  # NaN where there are no tokens
            raise InputError(f"{code}: active tokens are not between 0 and the number of tokens")
    return probability


def above_threshold(probability: torch.Tensor, threshold: float, strict: bool) -> torch.Tensor:
    """bool [K, L N]: whether a probability is above the one at rank round(threshold K L N) of all."""
    check_share("threshold", threshold)
    rank = max(1, round(threshold * probability.numel()))
    value = np.partition(probability.numpy(), rank - 1, axis=None)[rank - 1]  # five times faster than kthvalue
    return probability > value if strict else probability >= value


def _entropy(probability: torch.Tensor) -> torch.Tensor:
    """Entropy over the languages, [K, M] -> [M]."""
    entropy = torch.special.entr(probability / probability.sum(dim=0)).sum(dim=0)
    return entropy.nan_to_num(nan=log(len(probability)))  # never active: 0 / 0


def _ranking(counts: ActivationCounts, rate: float, threshold: float, strict: bool, discard: bool):
    """bool [K, L N] above the threshold, and the function lambda -> flat numbers of the neurons with the lowest scores."""
    check_share("rate", rate)
    probability = language_probability(counts)
    above = above_threshold(probability, threshold, strict)
    languages, number = above.shape
    candidates = above.amax(dim=0).nonzero()[:, 0] if discard else torch.arange(number)  # amax is a faster any
    chosen = probability[:, candidates]
    entropy = _entropy(chosen) / log(languages)
    largest = chosen.amax(dim=0) / (sum(1 / k for k in range(1, languages + 1)) / languages)

    def lowest(lam: float) -> torch.Tensor:
        score = (entropy - lam * largest).round(decimals=_DECIMALS)
        return candidates[score.argsort(stable=True)[: round(rate * number)]]

    return above, lowest
