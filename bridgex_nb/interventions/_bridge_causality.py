"""Does a bridge work through its neurons? Word translation without them, and without those that source and target share."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from ..activations._count_active import count_active
from ..datasets._lexicon import Lexicon, core_lexicon, word_prompt
from ..evaluation._xicl import ZERO_SHOT, answers
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..neurons._random_sets import MATCHED_IN, check_draws, random_sets
from ..neurons._sets import bridge_neurons
from ..stats._random_set_test import beyond_random
from ..stats._resampling import check_resamples
from ..utils._progress import outer_bar
from ..utils._run_card import data_card, run_card, set_card
from ._neuron_interventions import deactivate


def bridge_causality(
    model: NeuronModel,
    src: str,
    tgt: str,
    bridge: str,
    sets: Mapping[str, torch.Tensor],
    *,
    rule: str = "exclusive",
    lexicon: Lexicon | None = None,
    draws: int = 99,
    resamples: int = 1000,
    seed: int = 0,
    shots: int = 0,
    examples: Lexicon | pd.DataFrame | Sequence[Lexicon | pd.DataFrame] | None = None,
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
) -> pd.DataFrame:
    """Word translation without the bridge's neurons, and without those that source and target share.

    Parameters
    ----------
    model : NeuronModel
    src, tgt, bridge : str
        Language codes.
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N], of `top_neurons`: the shared neurons are those in the sets of both source and target.
    rule : {"exclusive", "minus_overlap"}
        Which neurons are bridge-specific, as in `bridge_neurons`.
    lexicon : Lexicon, optional
        Words and accepted translations from src to tgt; the core lexicon by default.
    draws : int
        Random sets, 2 or more, that each of the two is compared with: as many neurons in every layer, and about as often active
        on the prompts (`random_like`). Each takes a run over the words. The least p-value is 1 / (1 + draws): 0.01 with 99,
        0.05 with 19.
    resamples : int
        Bootstrap resamples of the words.
    seed : int
        Of the random sets, the bootstrap, and the worked examples.
    shots, examples, max_new_tokens, token_budget
        As in `answers`.

    Returns
    -------
    pandas.DataFrame
        One row per set (bridge-specific, shared) and way of asking (zero-shot, through the bridge): set, neurons, asked, intact
        (accuracy of the model without intervention), change (of accuracy when the set is deactivated), low, high; random,
        random_low, random_high, the mean change for the random sets and the range of the middle 95 % of them; beyond,
        beyond_low, beyond_high, the difference; p; random_sets, their number: as in `stats.beyond_random`. Shares of 1. The
        four p-values are not corrected for being four. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the rule is another, a set is empty, the bridge is source or target, the lexicon is empty or of another pair,
        `draws` is less than 2, `resamples` less than 1, or as `bridge_neurons` and `answers`.

    Notes
    -----
    If a bridge works through its neurons, bridged accuracy falls further without them than without nearly all random sets; if
    the shared neurons carry the transfer, zero-shot accuracy does. BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) assumes both
    and tests neither.

    Examples
    --------
    >>> sets = top_neurons(counts, 0.05)  # doctest: +SKIP
    >>> bridge_causality(model, "sw", "tl", "en", sets)  # doctest: +SKIP
    """
    check_resamples(resamples)
    check_draws(draws)
    if rule not in ("exclusive", "minus_overlap"):
        raise InputError(f"bridge_causality takes the rules exclusive and minus_overlap, not {rule!r}")
    if bridge in (src, tgt):
        raise InputError(f"{bridge!r} cannot be the bridge between {src} and {tgt}")
    lexicon = core_lexicon(src, tgt) if lexicon is None else lexicon
    if (lexicon.src, lexicon.tgt) != (src, tgt):
        raise InputError(f"the lexicon is {lexicon.src}-{lexicon.tgt}, not {src}-{tgt}")
    if not len(lexicon):
        raise InputError(f"the {src}-{tgt} lexicon has no words")
    chosen = {"bridge-specific": bridge_neurons(sets, src, tgt, bridge, rule), "shared": sets[src] & sets[tgt]}
    empty = [name for name, neuron_set in chosen.items() if not neuron_set.any()]
    if empty:
        raise InputError(f"{src}-{tgt}, bridge {bridge}: no {' and no '.join(empty)} neurons; choose a larger rate")
    for neuron_set in chosen.values():
        deactivate(model, neuron_set)  # refuses what is not a set of this model, before the work begins

    def ask():
        return answers(
            model,
            "bli",
            lexicon,
            [None, bridge],
            shots=shots,
            examples=examples,
            seed=seed,
            max_new_tokens=max_new_tokens,
            token_budget=token_budget,
        )

    def correct(items):
        return {asked: items.correct[items.bridge == asked].to_numpy(dtype=float) for asked in (ZERO_SHOT, bridge)}

    with outer_bar(total=1 + len(chosen) * (draws + 1), desc="deactivating", unit="set") as bar:
        items = ask()
        intact, deactivated = correct(items), {name: [] for name in chosen}
        prompts = [word_prompt(src, to, word) for to in (tgt, bridge) for word in lexicon.entries]
        frequency = count_active(model, {"prompts": prompts}, token_budget=token_budget).probability[0]
        bar.update()
        for k, (name, neuron_set) in enumerate(chosen.items()):
            for changed in [(neuron_set,), *random_sets([neuron_set], draws, seed + k * draws, frequency)]:
                with deactivate(model, *changed):
                    deactivated[name].append(correct(ask()))
                bar.update()
    rows = []
    for name, results in deactivated.items():
        for asked, before in intact.items():
            own, *random = (result[asked] - before for result in results)
            numbers = beyond_random(own, np.array(random), resamples, seed)
            rows.append({"set": name, "neurons": int(chosen[name].sum()), "asked": asked, "intact": before.mean(), **numbers})
    table = pd.DataFrame(rows)
    translations = ["|".join(words) for words in lexicon.entries.values()]
    table.attrs["card"] = run_card(
        "bridge_causality",
        model.card,
        data={"kind": "lexicon", **data_card({src: list(lexicon.entries), tgt: translations})},
        options={
            "bridge": bridge,
            "rule": rule,
            "sets": set_card(chosen),
            "draws": draws,
            "matched_in": MATCHED_IN,
            "resamples": resamples,
            "seed": seed,
            "shots": shots,
            "max_new_tokens": max_new_tokens,
        },
        inputs={"answers": items.attrs["card"]},
    )
    return table
