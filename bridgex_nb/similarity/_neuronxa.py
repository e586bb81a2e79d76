"""NeuronXA: how well languages are aligned in the states of a model's neurons (Huang et al. 2025, arXiv 2507.14900)."""

from collections.abc import Mapping, Sequence

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ._alignment import Alignment, align


def neuronxa(
    model: NeuronModel,
    sentences: Mapping[str, Sequence[str]],
    pivot: str = "en",
    *,
    state: str = "binary",
    special_tokens: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int | None = None,
) -> Alignment:
    """Share of sentences whose translation is nearest to them, by the states of the neurons, at each layer.

    The score and its interval are those of `alignment`.

    Parameters
    ----------
    model, sentences, pivot, special_tokens, resamples, seed, token_budget
        As in `alignment`.
    state : {"binary", "value"}
        A neuron's state at a token: whether its value is above 0 (the paper's NAS), or its absolute value (NAV).

    Returns
    -------
    Alignment

    Raises
    ------
    InputError
        If the state is unknown, or as `alignment`.

    Notes
    -----
    NeuronXA (Huang et al. 2025, arXiv 2507.14900).

    Examples
    --------
    >>> words = {code: core_words()[code][:20] for code in ("en", "de", "sw")}
    >>> neuronxa(load_model(), words).table.language.tolist()
    ['de', 'sw']
    """
    if state not in ("binary", "value"):
        raise InputError(f"unknown state {state!r} of a neuron; choose from binary, value (hidden states: mexa)")
    options = {"special_tokens": special_tokens, "resamples": resamples, "seed": seed, "token_budget": token_budget}
    return align("neuronxa", model, sentences, pivot, state, **options)
