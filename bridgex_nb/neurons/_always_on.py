"""`always_on`: neurons that are active at almost every token of every language, and so say nothing about languages."""

import torch

from ..activations._results import ActivationCounts
from ..exceptions import InputError

#: Share of a language's tokens from which on a neuron counts as always active in it.
ALWAYS_ON = 0.9
#: What `top_neurons` can leave out.
EXCLUSIONS = ("always_on",)


def always_on(counts: ActivationCounts) -> torch.Tensor:
    """Neurons that are active at nine of ten tokens, or more, of every language that was counted.

    In a real model they fill the sets of `top_neurons`: of gemma-3-270m's 36,864 neurons 716 are always on (15 languages, 250
    sentences of FLORES-200), and at a rate of 1 % any two languages then share 90 to 98 % of their neurons, so that the sets do
    not tell languages apart. Without them it is 22 to 78 %.

    Parameters
    ----------
    counts : ActivationCounts
        Of two languages or more. The more, and the less related, the fewer neurons are left that a few languages share.

    Returns
    -------
    torch.Tensor
        bool [L, N].

    Raises
    ------
    InputError
        If the counts are of one language only.

    Notes
    -----
    Not in BridgeX-ICL. Nine of ten is a compromise, measured on gemma-3-270m at a rate of 5 %: from 0.8 to 0.95, sets of one
    language family overlap about equally more than others; lower shares remove what related languages have in common, too, and
    make the sets depend on which languages were counted (the set of a language among 5 of the 15 has a Jaccard index of 0.88
    with that among all 15; with a share of 0.5, 0.69).

    Examples
    --------
    >>> counts = count_active(load_model(), {"sw": ["Jua ni kali."], "tl": ["Mainit ang araw."]})
    >>> always_on(counts).shape
    torch.Size([6, 768])
    """
    if len(counts.languages) < 2:
        raise InputError(
            "always_on needs counts of two languages or more: in one, nothing tells its neurons from those always on"
        )
    always = torch.ones(counts.active.shape[1:], dtype=torch.bool)
    for active, tokens in zip(counts.active, counts.tokens.tolist(), strict=True):
        always &= active.double() / tokens >= ALWAYS_ON
    return always


def check_exclude(exclude: str | None) -> None:
    """Refuse what `top_neurons` cannot leave out."""
    if exclude is not None and exclude not in EXCLUSIONS:
        raise InputError(f"exclude={exclude!r}: take {' or '.join(map(repr, EXCLUSIONS))}, or None to leave nothing out")
