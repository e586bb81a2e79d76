"""MEXA: how well languages are aligned in a model's hidden states (Kargaran et al. 2024, arXiv 2410.05873)."""

from collections.abc import Mapping, Sequence

from ..models._neuron_model import NeuronModel
from ._alignment import Alignment, align


def mexa(
    model: NeuronModel,
    sentences: Mapping[str, Sequence[str]],
    pivot: str = "en",
    *,
    special_tokens: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int | None = None,
) -> Alignment:
    """Share of sentences whose translation is nearest to them, by the hidden states, at each layer.

    A sentence's vector is the position-weighted mean of the layer's output over its tokens (`sentence_vectors`). The score and
    its interval are those of `alignment`.

    Parameters
    ----------
    model, sentences, pivot, special_tokens, resamples, seed, token_budget
        As in `alignment`.

    Returns
    -------
    Alignment

    Raises
    ------
    InputError
        As `alignment`.

    Notes
    -----
    MEXA (Kargaran et al. 2024, arXiv 2410.05873).

    Examples
    --------
    >>> words = {code: core_words()[code][:20] for code in ("en", "de", "sw")}
    >>> mexa(load_model(), words).state
    'hidden'
    """
    options = {"special_tokens": special_tokens, "resamples": resamples, "seed": seed, "token_budget": token_budget}
    return align("mexa", model, sentences, pivot, "hidden", **options)
