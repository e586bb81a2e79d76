"""Word translation without the bridge's neurons, and without those that source and target share."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from ..datasets._lexicon import Lexicon, core_lexicon
from ..evaluation._xicl import ZERO_SHOT, answers
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..neurons._random_sets import random_sets
from ..neurons._sets import bridge_neurons
from ..stats._random_set_test import beyond_random
from ..utils._progress import outer_bar
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
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    **options,
) -> pd.DataFrame:
    """Word translation without the bridge's neurons, and without those that source and target share.

    Parameters
    ----------
    model : NeuronModel
    src, tgt, bridge : str
        Language codes.
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N], of `top_neurons`: the shared neurons are those of source and target.
    rule : {"exclusive", "minus_overlap"}
        What the bridge's own neurons are, as in `bridge_neurons`.
    lexicon : Lexicon, optional
        Words and accepted translations; the core lexicon by default.
    draws, resamples, seed
        As in `deactivation_matrix`; words are resampled in place of texts.
    **options
        As in `answers`.

    Returns
    -------
    pandas.DataFrame
        A row a set (bridge-specific, shared) and way of asking (zero-shot, through the bridge): set, neurons, asked, intact
        (the accuracy of the model as it is), change (of the accuracy when the set is deactivated), low, high; random,
        random_low, random_high, the change for random sets of equal size per layer; beyond, beyond_low, beyond_high, the
        difference. Shares of 1; 95 % bootstrap intervals, over the words and, for random sets, the draws.

    Raises
    ------
    InputError
        If a set is empty, the bridge is source or target, or as `bridge_neurons` and `answers`.

    Notes
    -----
    If a bridge works through its neurons, bridged accuracy falls further without them than without random ones, and if the
    shared neurons carry the transfer, zero-shot accuracy does. BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) assumes both and
    tests neither.
    """
    if bridge in (src, tgt):
        raise InputError(f"{bridge!r} cannot be the bridge between {src} and {tgt}")
    chosen = {"bridge-specific": bridge_neurons(sets, src, tgt, bridge, rule), "shared": sets[src] & sets[tgt]}
    empty = [name for name, mask in chosen.items() if not mask.any()]
    if empty:
        raise InputError(f"{src}-{tgt}, bridge {bridge}: no {' and no '.join(empty)} neurons; take a larger rate")
    off = {
        name: [deactivate(model, one) for one in (mask, *random_sets(mask, draws, seed + k * draws))]
        for k, (name, mask) in enumerate(chosen.items())
    }
    lexicon = lexicon or core_lexicon(src, tgt)

    def correct():
        items = answers(model, "bli", lexicon, [None, bridge], **options)
        return {asked: items.correct[items.bridge == asked].to_numpy(dtype=float) for asked in (ZERO_SHOT, bridge)}

    with outer_bar(total=1 + len(off) * (draws + 1), desc="deactivating", unit="set") as bar:
        intact, changed = correct(), {name: [] for name in off}
        bar.update()
        for name, blocks in off.items():
            for block in blocks:
                with block:
                    changed[name].append(correct())
                bar.update()
    rows = []
    for name, some in changed.items():
        for asked, before in intact.items():
            own, *random = (one[asked] - before for one in some)
            numbers = beyond_random(own, np.array(random), resamples, seed)
            rows.append({"set": name, "neurons": int(chosen[name].sum()), "asked": asked, "intact": before.mean(), **numbers})
    return pd.DataFrame(rows)
