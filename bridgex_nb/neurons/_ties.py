"""What a reader needs to know of language sets that are larger than asked for, because neurons are tied at the cut."""

import math

import torch

from ..activations._results import ActivationCounts

#: A set is called inflated if it is larger by this share than asked for, and by more neurons than these.
TOLERANCE, FEW = 0.1, 5
#: More texts are not promised to help if it would take more than so many times as many.
FURTHEST = 20


def tie_notes(
    counts: ActivationCounts, rate: float, sets: torch.Tensor, thresholds: torch.Tensor, excluded: torch.Tensor | None
) -> list[str]:
    """At most one note about the sets that ties inflate, and what helps.

    Parameters
    ----------
    counts : ActivationCounts
    rate : float
        The share that was asked for.
    sets : torch.Tensor
        bool [K, L, N].
    thresholds : torch.Tensor
        Float [K], activation probability of the last neuron that was asked for.
    excluded : torch.Tensor or None
        bool [L, N], neurons that were left out.
    """
    wanted = round(rate * counts.active[0].numel())
    sizes = sets.flatten(1).sum(dim=1).tolist()
    inflated = [k for k, size in enumerate(sizes) if size - wanted > max(TOLERANCE * wanted, FEW)]
    if not inflated:
        return []
    worst = max(inflated, key=lambda k: sizes[k])
    code, tokens, threshold = counts.languages[worst], int(counts.tokens[worst]), float(thresholds[worst])
    probability = counts.active[worst].double() / tokens
    tied = int((sets[worst] & (probability == threshold)).sum())
    where = {1.0: f"every one of its {tokens:,} tokens", 0.0: f"none of its {tokens:,} tokens"}.get(
        threshold, f"{round(threshold * tokens):,} of its {tokens:,} tokens"
    )
    factor = _factor(counts, worst, wanted, sizes[worst], threshold, excluded)
    if factor is None:
        help_ = "More texts may help"
    elif math.isinf(factor):
        help_ = "More texts of this kind would hardly help; more varied ones may"
    else:
        help_ = f"About {factor:.0f} times as many texts ({_rounded(factor * tokens):,} tokens) would help"
    others = f", like those of {len(inflated) - 1} other languages" if len(inflated) > 2 else ""
    others = f", like that of {counts.languages[next(k for k in inflated if k != worst)]}" if len(inflated) == 2 else others
    ways = "a higher rate" if threshold else "a lower rate"
    if excluded is None and threshold == 1 and len(counts.languages) > 1:
        ways += " or exclude='always_on'"
    return [
        f"Ties inflate the neuron set of {code}{others}: {sizes[worst]:,} neurons instead of {wanted:,}, because {tied:,} are "
        f"active at {where}. {help_}; otherwise take {ways}."
    ]


def _factor(
    counts: ActivationCounts, k: int, wanted: int, size: int, threshold: float, excluded: torch.Tensor | None
) -> float | None:
    """How many times as many texts the set of language k would need in order not to be inflated; None if that is unknown.

    Ties below 1 are a matter of resolution: their number falls as 1 / tokens. Neurons active at every token become fewer by a
    power of the tokens, which is read off halves of the texts.
    """
    if threshold == 0:
        return None
    if threshold < 1:
        return max(2.0, (size - wanted) / (TOLERANCE * wanted)) if wanted else None
    if counts.by_part is None or counts.tokens_by_part is None:
        return None
    left = ~excluded if excluded is not None else torch.ones(counts.active.shape[1:], dtype=torch.bool)
    usable = counts.tokens_by_part[:, k].nonzero()[:, 0]
    half_sizes, half_tokens = [], []
    for half in (usable[::2], usable[1::2]):
        if len(half):
            tokens = counts.tokens_by_part[half, k].sum()
            half_sizes.append(int(((counts.by_part[half, k].long().sum(dim=0) == tokens) & left).sum()))
            half_tokens.append(int(tokens))
    if len(half_sizes) < 2:
        return None
    fewer = math.log(math.prod(half_sizes) / size**2) / 2  # geometric means
    more = math.log(int(counts.tokens[k]) ** 2 / math.prod(half_tokens)) / 2
    if fewer <= 0 or more <= 0 or not wanted:
        return math.inf
    exponent = math.log(size / ((1 + TOLERANCE) * wanted)) * more / fewer
    return max(2.0, math.exp(exponent)) if exponent <= math.log(FURTHEST) else math.inf


def _rounded(tokens: float) -> int:
    """To two digits, as an estimate should be."""
    digits = max(0, len(str(int(tokens))) - 2)
    return round(round(tokens, -digits))
