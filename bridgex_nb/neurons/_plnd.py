"""PLND: neurons that are important on every prompt of a language (Zhao et al. 2024, arXiv 2402.18815)."""

from collections.abc import Mapping

import torch

from ..exceptions import InputError
from ._sets import check_share


def plnd(norms: Mapping[str, torch.Tensor], down_norms: torch.Tensor, rate: float = 0.14) -> dict[str, torch.Tensor]:
    """Language-related neurons: those among the most important of their layer on every prompt of a language.

    A neuron's importance on a prompt is the norm of its contribution to the layer's output over the prompt's tokens: the L2
    norm of its values times the norm of its row of the down projection.

    Parameters
    ----------
    norms : mapping of str to torch.Tensor
        Language -> [L, N, S], the L2 norm over the tokens of each of S prompts of the neuron's value before the down
        projection: ``probe(model, prompts, statistic="norm").values`` of a model loaded with ``site="gated"``. S may differ
        between languages; the more prompts, the smaller the set.
    down_norms : torch.Tensor
        [L, N], ``model.down_norms``.
    rate : float
        Share of the N neurons of a layer that is taken on each prompt, in (0, 1); neurons tied with the last one are taken too.
        The released code takes 2,000 of Mistral-7B's 14,336.

    Returns
    -------
    dict of str to torch.Tensor
        Language -> bool [L, N]. `shared_exclusive` separates the language-specific ones, which are not in every set.

    Raises
    ------
    InputError
        If shapes do not fit, a language has no prompts, a norm is not finite, or `rate` is not between 0 and 1.

    Notes
    -----
    PLND, Zhao et al. 2024, arXiv 2402.18815, for the neurons of the feed-forward network.

    Examples
    --------
    >>> model = load_model(site="gated")
    >>> texts = {"sw": ["Jua ni kali.", "Ninakunywa maji."], "tl": ["Mainit ang araw.", "Umiinom ako ng tubig."]}
    >>> norms = {code: probe(model, prompts, statistic="norm").values for code, prompts in texts.items()}
    >>> shared, specific = shared_exclusive(plnd(norms, model.down_norms))
    """
    check_share("rate", rate)
    for code, values in norms.items():
        if values.ndim != 3 or values.shape[:2] != down_norms.shape:
            raise InputError(f"{code}: norms are [L, N, S] with [L, N] = {list(down_norms.shape)}, not {list(values.shape)}")
        if not values.shape[2]:
            raise InputError(f"{code}: no prompts; every neuron would be important on all of them")
        if not torch.isfinite(values).all():
            raise InputError(f"{code}: norms are not finite (NaN or infinite); was the model run in float16?")
    count = down_norms.shape[1]
    rank = count + 1 - max(1, round(rate * count))

    def important_on_all(values):
        importance = values * down_norms[:, :, None]
        return (importance >= importance.kthvalue(rank, dim=1, keepdim=True).values).all(dim=-1)

    return {code: important_on_all(values) for code, values in norms.items()}
