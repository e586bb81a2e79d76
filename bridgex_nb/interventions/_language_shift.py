"""Language Steering Shift: does the preferred answer change language when neurons are steered? (arXiv 2507.22581)"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from ..activations._count_active import count_active
from ..exceptions import InputError
from ..inference._likelihood import loglikelihood
from ..models._neuron_model import NeuronModel
from ..neurons._random_sets import MATCHED_IN, check_draws, random_sets
from ..stats._random_set_test import beyond_random
from ..stats._resampling import check_resamples
from ..utils._progress import outer_bar
from ..utils._run_card import data_card, run_card, set_card
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
    draws: int = 99,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int | None = None,
) -> pd.DataFrame:
    """The share of items in which steering moves the model toward the answer in another language.

    Parameters
    ----------
    model : NeuronModel
    prompts, source, target : sequence of str
        Items: a prompt, its answer in the language to move away from, and its answer in the language to move to.
    on, off : torch.Tensor
        bool [L, N], the neurons to amplify (of the target) and to deactivate (of the source), as in `steer`.
    factor : float
        For the amplified neurons.
    draws : int
        Random pairs of sets, 2 or more, that are steered in the same way: as many neurons in every layer, about as often active
        on prompts and answers (`random_like`), and none in both. Each takes a run over the items. The least p-value is
        1 / (1 + draws): 0.01 with 99, 0.05 with 19.
    resamples : int
        Bootstrap resamples of the items.
    seed : int
    token_budget : int, optional
        As in `loglikelihood`.

    Returns
    -------
    pandas.DataFrame
        One row: score, the share of items for which log P(target answer) - log P(source answer) rises, low, high; random,
        random_low, random_high, the mean of the same for the random sets and the range of the middle 95 % of them; beyond,
        beyond_low, beyond_high, the difference; p; random_sets, their number: as in `stats.beyond_random`; and shift, the mean
        rise, nats. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the lists differ in length or are empty, a set is not of this model, `draws` is less than 2 or `resamples` less
        than 1.

    Notes
    -----
    The language shift score of arXiv 2507.22581. The random control and the intervals are this project's.

    Examples
    --------
    >>> sets = lape(counts, 0.05)  # doctest: +SKIP
    >>> language_shift_score(model, prompts, french, spanish, on=sets["es"], off=sets["fr"])  # doctest: +SKIP
    """
    check_resamples(resamples)
    check_draws(draws)
    if any(isinstance(texts, str) for texts in (prompts, source, target)):
        raise InputError("language_shift_score needs lists of prompts and of answers, not one string")
    if not len(prompts) == len(source) == len(target) or not prompts:
        raise InputError(
            f"language_shift_score needs two answers per prompt, not {len(prompts)} prompts, {len(source)} source answers and "
            f"{len(target)} target answers"
        )
    steer(model, on, off, factor)  # refuses what is not a set of this model, before the work begins
    pair = (on & ~off, off)
    sets = set_card({"on": on, "off": off})
    card = run_card(
        "language_shift_score",
        model.card,
        data={"kind": "prompts", **data_card({"prompts": prompts, "source": source, "target": target})},
        options={
            "sets": sets,
            "factor": factor,
            "draws": draws,
            "matched_in": MATCHED_IN,
            "resamples": resamples,
            "seed": seed,
        },
    )

    def lead():
        both = loglikelihood(model, [*target, *source], [*prompts, *prompts], token_budget=token_budget).logprob.to_numpy()
        return both[: len(prompts)] - both[len(prompts) :]

    with outer_bar(total=2 + draws, desc="steering", unit="set") as bar:
        before, rises = lead(), []
        items = [prompt + answer for answers in (target, source) for prompt, answer in zip(prompts, answers, strict=True)]
        frequency = count_active(model, {"items": items}, token_budget=token_budget).probability[0]
        bar.update()
        for changed in [pair, *random_sets(pair, draws, seed, frequency)]:
            with steer(model, *changed, factor):
                rises.append(lead() - before)
            bar.update()
    rose = np.array(rises) > 0
    table = pd.DataFrame([beyond_random(rose[0], rose[1:], resamples, seed)]).rename(columns={"change": "score"})
    table["shift"] = rises[0].mean()
    table.attrs["card"] = card
    return table
