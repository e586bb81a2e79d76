"""How much language sets depend on the sentences that were counted: bootstrap draws of their parts, and halves of them."""

from collections.abc import Iterator

import pandas as pd
import torch

from ..activations._results import ActivationCounts
from ..exceptions import InputError
from ._always_on import ALWAYS_ON, always_on, check_exclude
from ._sets import RATE, check_share, overlap_matrix, sets_without_warnings, top_share


def redraw_sets(
    counts: ActivationCounts, rate: float = RATE, draws: int = 20, seed: int = 0, exclude: str | None = None
) -> list[dict[str, torch.Tensor]]:
    """Language sets from other sentences: bootstrap draws of the parts into which `count_active` dealt the texts.

    Parameters
    ----------
    counts : ActivationCounts
        Counted by parts.
    rate : float
        As in `top_neurons`.
    draws : int
        Number of draws. In each, all languages have the same parts, as parallel sentences should.
    seed : int
        Seed of the draws. The sets of a lower rate lie within those of a higher rate of the same seed.
    exclude : {"always_on"}, optional
        As in `top_neurons`; which neurons are always on is found anew in every draw.

    Returns
    -------
    list of dict of str to torch.Tensor
        For each draw, language -> bool [L, N].

    Raises
    ------
    InputError
        If the counts were not taken by parts, fewer than two parts have text of every language, `draws` is less than 1, or as
        `top_neurons`.

    Notes
    -----
    The parts are drawn with replacement (Efron and Tibshirani 1993, chapter 6), which takes no pass over the texts. Sentences
    of one part stay together: with ten parts the spread is that of ten blocks.

    Examples
    --------
    >>> texts = {"sw": ["Jua ni kali.", "Maji ni baridi."], "tl": ["Mainit ang araw.", "Malamig ang tubig."]}
    >>> counts = count_active(load_model(), texts, parts=2)
    >>> len(redraw_sets(counts, rate=0.01, draws=5))
    5
    """
    if draws < 1:
        raise InputError(f"draws={draws}: take at least one")
    usable = _parts_with_text(counts)
    chosen = usable[torch.randint(len(usable), (draws, len(usable)), generator=torch.Generator().manual_seed(seed))]
    times = torch.nn.functional.one_hot(chosen, len(counts.by_part)).sum(dim=1).double()  # [draws, P]
    check_share("rate", rate)
    check_exclude(exclude)
    always = _always_on(counts, times) if exclude == "always_on" else [None] * draws
    redrawn: list[dict[str, torch.Tensor]] = [{} for _ in range(draws)]
    for code, draw, probability in _drawn(counts, times):
        chosen, _ = top_share(probability[None], rate, always[draw])
        redrawn[draw][code] = chosen[0]
    return redrawn


def _drawn(counts: ActivationCounts, times: torch.Tensor) -> Iterator[tuple[str, int, torch.Tensor]]:
    """Language, number of the draw, and activation probabilities [L, N], of parts taken so many `times`, [draws, P]."""
    for k, code in enumerate(counts.languages):  # one language after another, so that memory stays small
        of_parts = counts.by_part[:, k].flatten(1).double()
        tokens = (times @ counts.tokens_by_part[:, k].double()).tolist()
        for draw, total in enumerate(tokens):
            yield code, draw, (times[draw] @ of_parts).view(counts.active.shape[1:]) / total


def _always_on(counts: ActivationCounts, times: torch.Tensor) -> list[torch.Tensor]:
    """`always_on` of each draw."""
    if len(counts.languages) < 2:
        always_on(counts)  # says why not
    always = [torch.ones(counts.active.shape[1:], dtype=torch.bool) for _ in times]
    for _, draw, probability in _drawn(counts, times):
        always[draw] &= probability >= ALWAYS_ON
    return always


def half_sets(
    counts: ActivationCounts, rate: float = RATE, exclude: str | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Language sets from either half of the sentences: the even-numbered parts, and the odd-numbered ones.

    Parameters
    ----------
    counts : ActivationCounts
        Counted by parts.
    rate, exclude
        As in `top_neurons`.

    Returns
    -------
    tuple of dict of str to torch.Tensor
        Language -> bool [L, N], for the even and for the odd half.

    Raises
    ------
    InputError
        If the counts were not taken by parts, fewer than two parts have text of every language, or as `top_neurons`.

    Examples
    --------
    >>> texts = {"sw": ["Jua ni kali.", "Maji ni baridi."], "tl": ["Mainit ang araw.", "Malamig ang tubig."]}
    >>> even, odd = half_sets(count_active(load_model(), texts, parts=2), rate=0.01)
    >>> sorted(even)
    ['sw', 'tl']
    """
    even, odd = (sets_without_warnings(half, rate, exclude)[0] for half in half_counts(counts))
    return even, odd


def half_counts(counts: ActivationCounts) -> tuple[ActivationCounts, ActivationCounts]:
    """The counts of the even-numbered parts, and of the odd-numbered ones."""
    usable = _parts_with_text(counts)
    even, odd = (
        ActivationCounts(counts.by_part[half].sum(dim=0), counts.tokens_by_part[half].sum(dim=0), counts.languages, counts.card)
        for half in (usable[::2], usable[1::2])
    )
    return even, odd


def split_half(counts: ActivationCounts, rate: float = RATE, exclude: str | None = None) -> pd.DataFrame:
    """How alike the sets from two halves of the sentences are.

    Parameters
    ----------
    counts : ActivationCounts
        Counted by parts.
    rate, exclude
        As in `top_neurons`.

    Returns
    -------
    pandas.DataFrame
        One row per language: language, neurons (in the set from all sentences), jaccard (of the sets from the two halves of
        `half_sets`: 1 if they are the same, about rate / (2 - rate) by chance).

    Raises
    ------
    InputError
        As `half_sets`.

    Examples
    --------
    >>> texts = {"sw": ["Jua ni kali.", "Maji ni baridi."], "tl": ["Mainit ang araw.", "Malamig ang tubig."]}
    >>> split_half(count_active(load_model(), texts, parts=2), rate=0.01).columns.tolist()
    ['language', 'neurons', 'jaccard']
    """
    even, odd = half_sets(counts, rate, exclude)
    whole, _ = sets_without_warnings(counts, rate, exclude)
    rows = [
        (code, int(whole[code].sum()), overlap_matrix({"even": even[code], "odd": odd[code]}, "jaccard").loc["even", "odd"])
        for code in counts.languages
    ]
    return pd.DataFrame(rows, columns=["language", "neurons", "jaccard"])


def _parts_with_text(counts: ActivationCounts) -> torch.Tensor:
    """Numbers of the parts in which every language has tokens; refused if there are fewer than two."""
    if counts.by_part is None or counts.tokens_by_part is None:
        raise InputError("these counts were not taken by parts; count again with count_active(…, parts=10)")
    usable = (counts.tokens_by_part > 0).all(dim=1).nonzero()[:, 0]
    if len(usable) < 2:
        raise InputError("fewer than two parts have text of every language; count more texts, or in more parts")
    return usable
