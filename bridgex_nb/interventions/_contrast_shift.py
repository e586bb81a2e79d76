"""How answers shift when the neurons of a behaviour are steered (ValueExploration)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from ..activations._count_active import count_active
from ..exceptions import InputError
from ..inference._generation import complete
from ..models._neuron_model import NeuronModel
from ..neurons._contrast_neurons import SIDES
from ..neurons._random_sets import MATCHED_IN, check_draws, random_sets
from ..stats._random_set_test import beyond_random
from ..stats._resampling import check_resamples
from ..utils._progress import outer_bar
from ..utils._run_card import data_card, run_card, set_card
from ._neuron_interventions import steer


def contrast_shift(
    model: NeuronModel,
    sides: Mapping[str, torch.Tensor],
    prompts: Sequence[str],
    read: Callable[[Sequence[str]], Sequence[str | None]],
    *,
    factor: float = 5.0,
    draws: int = 99,
    resamples: int = 1000,
    seed: int = 0,
    max_new_tokens: int = 30,
    token_budget: int | None = None,
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
        Completions -> one answer per completion, None if it has none: `read_option` for letters, `output_language` for
        languages.
    factor : float
        For the neurons of the side that is amplified.
    draws : int
        Random pairs of sets for each direction, 2 or more, that are steered in the same way: as many neurons in every layer,
        about as often active on the prompts (`random_like`), and none in both. Each takes a run over the prompts. The least
        p-value is 1 / (1 + draws): 0.01 with 99, 0.05 with 19.
    resamples : int
        Bootstrap resamples of the prompts.
    seed : int
    max_new_tokens, token_budget : int
        As in `complete`.

    Returns
    -------
    pandas.DataFrame
        One row per direction and answer: toward (the side that is amplified), answer ("none" for None), intact (its share of
        the answers of the model without intervention), change, low, high; random, random_low, random_high, the mean change for
        the random sets and the range of the middle 95 % of them; beyond, beyond_low, beyond_high, the difference; p;
        random_sets, their number: as in `stats.beyond_random`. Shares of 1. The p-values are not corrected for the number of
        answers. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If there are no prompts, the sides are not "positive" and "negative", a set is not of this model, `draws` is less than 2
        or `resamples` less than 1.

    Notes
    -----
    ValueExploration (Hu et al. 2025, arXiv 2504.04994): the neurons of one side times 5, those of the other side 0. The random
    control and the intervals are this project's.

    Examples
    --------
    >>> sides = contrast_neurons(model, positive, negative)  # doctest: +SKIP
    >>> contrast_shift(model, sides, questions, read_option)  # doctest: +SKIP
    """
    check_resamples(resamples)
    check_draws(draws)
    if isinstance(prompts, str) or not len(prompts):
        raise InputError("contrast_shift needs a list of prompts")
    if set(sides) != set(SIDES):
        raise InputError(f"contrast_shift needs sets for {' and '.join(SIDES)}, not for {', '.join(sides) or 'none'}")
    steer(model, *sides.values(), factor)  # refuses what are not sets of this model, before the work begins

    def answered():
        completions = complete(model, prompts, max_new_tokens=max_new_tokens, token_budget=token_budget)
        return np.array([answer or "none" for answer in read(completions)])

    card = run_card(
        "contrast_shift",
        model.card,
        data={"kind": "prompts", **data_card({"prompts": prompts})},
        options={
            "sets": set_card(sides),
            "read": getattr(read, "__qualname__", type(read).__qualname__),
            "factor": factor,
            "draws": draws,
            "matched_in": MATCHED_IN,
            "resamples": resamples,
            "seed": seed,
            "max_new_tokens": max_new_tokens,
        },
    )
    rows = []
    with outer_bar(total=1 + len(SIDES) * (draws + 1), desc="steering", unit="set") as bar:
        intact = answered()
        frequency = count_active(model, {"prompts": prompts}, token_budget=token_budget).probability[0]
        bar.update()
        for k, (toward, away) in enumerate((SIDES, SIDES[::-1])):
            pair, answers = (sides[toward] & ~sides[away], sides[away]), []
            for on, off in [pair, *random_sets(pair, draws, seed + k * draws, frequency)]:
                with steer(model, on, off, factor):
                    answers.append(answered())
                bar.update()
            for answer in sorted(set(intact) | set(answers[0])):
                own, *random = ((steered == answer).astype(float) - (intact == answer) for steered in answers)
                numbers = beyond_random(own, np.array(random), resamples, seed)
                rows.append({"toward": toward, "answer": answer, "intact": (intact == answer).mean(), **numbers})
    table = pd.DataFrame(rows)
    table.attrs["card"] = card
    return table
