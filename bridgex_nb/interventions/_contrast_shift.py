"""How answers shift when the neurons behind a behaviour are steered (ValueExploration)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..inference._generation import complete
from ..models._neuron_model import NeuronModel
from ..neurons._contrast_neurons import SIDES
from ..neurons._random_sets import random_sets
from ..stats._random_set_test import beyond_random
from ..utils._progress import outer_bar
from ._neuron_interventions import steer


def contrast_shift(
    model: NeuronModel,
    sides: Mapping[str, torch.Tensor],
    prompts: Sequence[str],
    read: Callable[[Sequence[str]], Sequence[str | None]],
    *,
    factor: float = 5.0,
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    **options,
) -> pd.DataFrame:
    """How the model's answers shift when one side's neurons are amplified and the other's deactivated.

    Parameters
    ----------
    model : NeuronModel
    sides : mapping of str to torch.Tensor
        "positive" and "negative" -> bool [L, N], of `contrast_neurons`.
    prompts : sequence of str
        Questions.
    read : callable
        Completions -> one answer each, None where there is none: `read_option` for letters, `output_language` for languages.
    factor : float
        For the neurons of the side that is strengthened.
    draws : int
        Random pairs of sets, of equal size per layer, that are steered in the same way.
    resamples : int
        Bootstrap resamples behind the intervals: the prompts and, for random sets, the draws.
    seed : int
    **options
        As in `complete`.

    Returns
    -------
    pandas.DataFrame
        A row a direction and answer: toward (the side that is strengthened), answer ("none" for None), intact (its share of
        the answers of the model as it is), change, low, high; random, random_low, random_high, the change for random sets;
        beyond, beyond_low, beyond_high, the difference. Shares of 1; 95 % intervals.

    Raises
    ------
    InputError
        If there are no prompts, or a set is not of this model.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994): own neurons times 5, opposite neurons 0. The intervals are this
    project's.
    """
    if isinstance(prompts, str) or not len(prompts):
        raise InputError("contrast_shift needs a list of prompts")
    if set(sides) != set(SIDES):
        raise InputError(f"the sides are {' and '.join(SIDES)}; there are sets for {' '.join(sides) or 'none'}")
    directions = {}
    for k, (toward, away) in enumerate((SIDES, SIDES[::-1])):
        start = seed + 2 * k * draws
        on, off = random_sets(sides[toward], draws, start), random_sets(sides[away], draws, start + draws)
        pairs = [(sides[toward], sides[away]), *zip(on, off, strict=True)]
        directions[toward] = [steer(model, *pair, factor) for pair in pairs]

    def answered():
        return np.array([one or "none" for one in read(complete(model, prompts, **options))])

    rows = []
    with outer_bar(total=1 + sum(map(len, directions.values())), desc="steering", unit="set") as bar:
        intact = answered()
        bar.update()
        for toward, blocks in directions.items():
            steered = []
            for block in blocks:
                with block:
                    steered.append(answered())
                bar.update()
            for answer in sorted(set(intact) | set(steered[0])):
                own, *random = ((some == answer).astype(float) - (intact == answer) for some in steered)
                numbers = beyond_random(own, np.array(random), resamples, seed)
                rows.append({"toward": toward, "answer": answer, "intact": (intact == answer).mean(), **numbers})
    return pd.DataFrame(rows)
