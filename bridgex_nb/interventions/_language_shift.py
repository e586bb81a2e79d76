"""Language Steering Shift: does an answer move to another language when neurons are steered? (arXiv 2507.22581)"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..inference._likelihood import loglikelihood
from ..models._neuron_model import NeuronModel
from ..neurons._random_sets import random_sets
from ..stats._random_set_test import beyond_random
from ..utils._progress import outer_bar
from ._neuron_interventions import steer


def language_shift_score(
    model: NeuronModel,
    prompts: Sequence[str],
    source: Sequence[str],
    target: Sequence[str],
    *,
    on: torch.Tensor,
    off: torch.Tensor,
    factor: float = 5.0,
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int = 8192,
) -> pd.DataFrame:
    """Does the model's answer move from one language to another when neurons are steered?

    Parameters
    ----------
    model : NeuronModel
    prompts, source, target : sequence of str
        Items: a prompt, its answer in the language to leave, and the answer in the language to go to.
    on, off : torch.Tensor
        bool [L, N], the neurons that are amplified (the target's) and those that are deactivated (the source's), as in `steer`.
    factor : float
        For the neurons that are on.
    draws, resamples, seed
        As in `deactivation_matrix`; items are resampled in place of texts.
    token_budget : int
        As in `loglikelihood`.

    Returns
    -------
    pandas.DataFrame
        One row: score, the share of items of which log P(target answer) - log P(source answer) rises, low, high; random,
        random_low, random_high, the same for random sets of equal size per layer; beyond, beyond_low, beyond_high, the
        difference; and shift, the mean rise, nats.

    Raises
    ------
    InputError
        If the lists differ in length, or a set is not of this model.

    Notes
    -----
    The language shift score of arXiv 2507.22581, with a random control.
    """
    if not len(prompts) == len(source) == len(target) or not prompts:
        raise InputError(f"an item is a prompt and two answers; there are {len(prompts)}, {len(source)} and {len(target)}")
    sets = [(on, off), *zip(random_sets(on, draws, seed), random_sets(off, draws, seed + draws), strict=True)]
    blocks = [steer(model, *some, factor) for some in sets]

    def lead():
        both = loglikelihood(model, [*target, *source], [*prompts, *prompts], token_budget=token_budget).logprob.to_numpy()
        return both[: len(prompts)] - both[len(prompts) :]

    with outer_bar(total=1 + len(blocks), desc="steering", unit="set") as bar:
        before, rises = lead(), []
        bar.update()
        for block in blocks:
            with block:
                rises.append(lead() - before)
            bar.update()
    rose = np.array(rises) > 0
    table = pd.DataFrame([beyond_random(rose[0], rose[1:], resamples, seed)]).rename(columns={"change": "score"})
    return table.assign(shift=rises[0].mean())
