"""Sub-networks of languages: the neurons that matter most for a language's texts, after X-SNS (Yun et al. 2023)."""

from collections.abc import Sequence

import torch

from ..exceptions import InputError
from ..inference._passes import run_pass
from ..inference._tokens import whole_rows
from ..models._neuron_model import NeuronModel
from ..neurons._sets import check_share

#: Share of all neurons in a sub-network; X-SNS takes as much of the parameters.
SHARE = 0.15


def subnetwork_importance(model: NeuronModel, texts: Sequence[str], *, token_budget: int | None = None) -> torch.Tensor:
    """How much each neuron writes on the texts of a language: the mean squared norm of its contribution to its layer's output.

    A neuron's contribution at a token is its value before the down projection (the site `gated`, whatever the model's own),
    times its row of that projection. The tokens that the tokenizer adds do not count.

    Parameters
    ----------
    model : NeuronModel
    texts : sequence of str
    token_budget : int, optional
        As in `probe`.

    Returns
    -------
    torch.Tensor
        float32 [L, N].

    Raises
    ------
    InputError
        If there is no text, a text has no token or is longer than the model's context, values are not finite, or the weights
        are quantised or on another machine.

    Notes
    -----
    X-SNS (Yun et al. 2023, arXiv 2310.17166) ranks the *parameters* of a masked language model by their Fisher information, the
    mean squared gradient over a language's raw texts, and compares the highest 15 % of two languages (Jaccard). This is the
    variant by activation importance: neurons instead of parameters, and their mean squared contribution instead of the
    gradient. It needs one forward and no backward pass.

    Examples
    --------
    >>> subnetwork_importance(load_model(), ["Jua ni kali.", "Ninakunywa maji."]).shape
    torch.Size([6, 768])
    """
    if isinstance(texts, str) or not len(texts):
        raise InputError("the importance of neurons needs a list of at least one text")
    norms = model.down_norms
    rows = whole_rows(model, texts, special_tokens=False, kind="text")

    def squares(layer, values, mask, batch):
        weights = mask.reshape(1, -1).float()
        return torch.cat([(weights @ values.float().square().flatten(0, 1))[0], weights.sum()[None]])

    def add(state, batch, reduced):
        state[0] += torch.stack([of_layer.cpu() for of_layer in reduced]).double()

    (sums,) = run_pass(
        model,
        rows,
        range(model.num_layers),
        squares,
        add,
        [torch.zeros(model.num_layers, model.num_neurons + 1, dtype=torch.float64)],
        special_tokens=False,
        token_budget=token_budget,
        description="reading",
        site="gated",
    )
    if not torch.isfinite(sums).all():
        raise InputError("activations are not finite (NaN or infinite); was the model run in float16?")
    return (sums[:, :-1] / sums[:, -1:] * norms.double().square()).float()


def subnetwork(importance: torch.Tensor, share: float = SHARE) -> torch.Tensor:
    """The neurons of a language's sub-network, bool [L, N]: the most important of all layers together, ties with the last too.

    Parameters
    ----------
    importance : torch.Tensor
        [L, N], of `subnetwork_importance`.
    share : float
        Of all neurons, in (0, 1).

    Raises
    ------
    InputError
        If `share` is not between 0 and 1.

    Examples
    --------
    >>> subnetwork(torch.tensor([[3.0, 1.0], [2.0, 0.0]]), 0.5).tolist()
    [[True, False], [True, False]]
    """
    check_share("share", share)
    rank = importance.numel() + 1 - max(1, round(share * importance.numel()))
    return importance >= importance.flatten().kthvalue(rank).values
