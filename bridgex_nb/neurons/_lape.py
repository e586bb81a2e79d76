"""LAPE and its kin: neurons that tell languages apart by the entropy of their activation probabilities."""

from math import isfinite, log

import numpy as np
import torch

from ..activations._results import ActivationCounts
from ..exceptions import InputError

#: Scores are compared to so many decimals: summed in another order, equal ones differ in their last bits.
_DECIMALS = 9


def lape(
    counts: ActivationCounts,
    rate: float = 0.01,
    bar: float = 0.95,
    lam: float | str = 0.0,
    *,
    strict: bool = True,
    discard: bool = True,
) -> dict[str, torch.Tensor]:
    """Language-specific neurons by the entropy of their activation probabilities over the languages.

    A neuron's score is its entropy over ln K, less `lam` times its largest probability over (1 + 1/2 + … + 1/K) / K. The
    round(rate L N) neurons with the lowest score are kept, and each of them belongs to every language in which its probability
    is above the bar: the value at rank round(bar K L N) of all probabilities.

    Parameters
    ----------
    counts : ActivationCounts
        Of at least two languages.
    rate : float
        Share of the L N neurons to keep, in (0, 1).
    bar : float
        Rank of the bar, as a share of the K L N probabilities, in (0, 1).
    lam : float or "auto"
        Weight of the largest probability. 0 is LAPE; "auto" takes `lape_lambda`.
    strict : bool
        Whether a probability has to be above the bar (as in both released codes), or may lie on it.
    discard : bool
        Whether neurons that no language has above the bar are left out before the lowest scores are taken. LAPE does so. The
        released code of Zhang et al. does not: such neurons use up some of the `rate`, and then belong to no language.

    Returns
    -------
    dict of str to torch.Tensor
        Language -> bool [L, N]. Sets of different languages may overlap.

    Raises
    ------
    InputError
        If there are fewer than two languages, one of them has no tokens or counts that do not fit its tokens, `rate` or `bar`
        is no share, or `lam` is neither a finite number nor "auto".

    Notes
    -----
    LAPE: Tang et al. 2024, arXiv 2402.16438, section 2 and the released code. The score with `lam`: Zhang et al. 2025, arXiv
    2505.21505, and the released code, which counts response tokens only (``full - prefix``). Scores that agree to nine
    decimals are equal; of equal ones the neuron of the lower layer, and there of the lower number, comes first.

    Examples
    --------
    >>> masks = lape(counts, rate=0.01)  # doctest: +SKIP
    >>> {code: int(mask.sum()) for code, mask in masks.items()}  # doctest: +SKIP
    """
    if lam == "auto":
        lam = lape_lambda(counts, rate, bar, strict=strict, discard=discard)
    if isinstance(lam, str) or not isfinite(lam):
        raise InputError(f'lam is a number or "auto", not {lam!r}')
    above, lowest = _ranking(counts, rate, bar, strict, discard)
    kept = torch.zeros(above.shape[1], dtype=torch.bool)
    kept[lowest(lam)] = True
    return {code: (row & kept).view(counts.active.shape[1:]) for code, row in zip(counts.languages, above, strict=True)}


def lape_lambda(
    counts: ActivationCounts, rate: float = 0.01, bar: float = 0.95, *, strict: bool = True, discard: bool = True
) -> float:
    """The largest weight `lam` of `lape` in [0, 0.2] for which no kept neuron is above the bar in all languages.

    Found by bisection to 0.001, as in the released code, so that of several borders it is one of them.

    Parameters
    ----------
    counts, rate, bar, strict, discard
        As for `lape`.

    Raises
    ------
    InputError
        As for `lape`, or if such a neuron is kept at 0 already.

    Notes
    -----
    Zhang et al. 2025, arXiv 2505.21505, and the released code.
    """
    above, lowest = _ranking(counts, rate, bar, strict, discard)
    general = above.all(dim=0)

    def fits(lam):
        return not general[lowest(lam)].any()

    low, high = 0.0, 0.2
    if not fits(low):
        raise InputError(
            f"at rate={rate} a kept neuron is above the bar in all {len(counts.languages)} languages even without lambda; "
            "take a smaller rate or a higher bar, or give lam as a number"
        )
    if fits(high):
        return high
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def lape_entropy(counts: ActivationCounts) -> torch.Tensor:
    """The language activation probability entropy of every neuron: how evenly its activity is spread over the languages.

    -sum p' ln p' with p' = p / sum p over the K languages: 0 where one language alone activates the neuron, ln K where all do
    so equally often.

    Parameters
    ----------
    counts : ActivationCounts
        Of at least two languages.

    Returns
    -------
    torch.Tensor
        float64 [L, N], nats. A neuron that is never active tells no languages apart: ln K.

    Raises
    ------
    InputError
        As for `lape`.

    Notes
    -----
    Tang et al. 2024, arXiv 2402.16438, section 2. Their released code gives a neuron that is never active 0 and then leaves it
    out.
    """
    return _entropy(_probability(counts)).view(counts.active.shape[1:])


def specific_related_general(counts: ActivationCounts, bar: float = 0.95, *, strict: bool = True) -> dict[str, torch.Tensor]:
    """All neurons by the number of languages in which they are active above the bar.

    Parameters
    ----------
    counts : ActivationCounts
        Of at least two languages.
    bar, strict
        As for `lape`.

    Returns
    -------
    dict of str to torch.Tensor
        bool [L, N] each: `specific` in one language, `related` in two to K - 1, `general` in all K. A neuron may be in none.
        ``plots.neurons_by_layer`` and ``plots.neurons_by_layer_table`` show them by layer.

    Raises
    ------
    InputError
        As for `lape`.

    Notes
    -----
    Zhang et al. 2025, arXiv 2505.21505: of all neurons, not only of those that `lape` keeps.
    """
    number = _above(_probability(counts), bar, strict).sum(dim=0).view(counts.active.shape[1:])
    languages = len(counts.languages)
    return {"specific": number == 1, "related": (number > 1) & (number < languages), "general": number == languages}


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise InputError(f"{name} is a share, between 0 and 1; not {value}")


def _probability(counts: ActivationCounts) -> torch.Tensor:
    """Activation probabilities [K, L N] of at least two languages."""
    if len(counts.languages) < 2:
        raise InputError(f"telling languages apart needs two or more; there are counts of: {' '.join(counts.languages)}")
    probability = counts.probability.flatten(1)
    for code, one in zip(counts.languages, probability, strict=True):
        low, high = one.aminmax()
        if not (low >= 0 and high <= 1):  # NaN where there are no tokens
            raise InputError(f"{code}: active tokens are not between 0 and the number of tokens")
    return probability


def _above(probability: torch.Tensor, bar: float, strict: bool) -> torch.Tensor:
    """bool [K, L N]: whether a probability is above the one at rank round(bar K L N) of all."""
    _check_share("bar", bar)
    rank = max(1, round(bar * probability.numel()))
    value = np.partition(probability.numpy(), rank - 1, axis=None)[rank - 1]  # five times as fast as kthvalue
    return probability > value if strict else probability >= value


def _entropy(probability: torch.Tensor) -> torch.Tensor:
    """Entropy over the languages, [K, M] -> [M]."""
    entropy = torch.special.entr(probability / probability.sum(dim=0)).sum(dim=0)
    return entropy.nan_to_num(nan=log(len(probability)))  # never active: 0 / 0


def _ranking(counts: ActivationCounts, rate: float, bar: float, strict: bool, discard: bool):
    """bool [K, L N] above the bar, and the function lambda -> flat numbers of the neurons with the lowest scores."""
    _check_share("rate", rate)
    probability = _probability(counts)
    above = _above(probability, bar, strict)
    languages, number = above.shape
    candidates = above.amax(dim=0).nonzero()[:, 0] if discard else torch.arange(number)  # amax: any, faster
    chosen = probability[:, candidates]
    entropy = _entropy(chosen) / log(languages)
    largest = chosen.amax(dim=0) / (sum(1 / k for k in range(1, languages + 1)) / languages)

    def lowest(lam: float) -> torch.Tensor:
        score = (entropy - lam * largest).round(decimals=_DECIMALS)
        return candidates[score.argsort(stable=True)[: round(rate * number)]]

    return above, lowest
