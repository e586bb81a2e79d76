"""Selectors from a model's neurons: HSIC, overlap of language neurons, activation probabilities, sub-networks."""

from collections.abc import Sequence

import pandas as pd
import torch

from ..exceptions import InputError
from ..models._layer_window import layer_window
from ..neurons._sets import overlap_matrix, shared_neurons
from ..similarity._evidence import Evidence
from ..similarity._subnetworks import SHARE, subnetwork
from ._bridge_ranking import FEW_NEURONS
from ._bridgex_icl import rank_bridges
from ._two_sided import two_sided, undecided

#: Bootstrap draws of the rankings behind the `hsic` selectors: enough for a 95 % interval, three for each draw of the sets.
TIE_RESAMPLES = 60


def _ranked(evidence, src, tgt, bridges, estimator, value, tied):
    """Two columns of a ranking: the value by which bridges are chosen, and which are not separated from the first; these have
    the first one's value, so that no choice between them is scored."""

    # Asked for here, and not only where the ranking is computed, so that they are among what each of these selectors reads.
    probe = evidence.probe(src, tgt)
    shared = _shared_in_window(evidence, src, tgt, probe)

    def rank():
        if shared < FEW_NEURONS:
            return None
        return rank_bridges(
            probe, evidence.sets, bridges, redraws=evidence.redraws, estimator=estimator, resamples=TIE_RESAMPLES
        )

    # Kept for the other selectors, and because a notebook's leaderboards of several sets of pairs ask for the same rankings.
    ranking = evidence._once(
        ("ranking", evidence.rate, evidence.exclude, evidence.words, src, tgt, tuple(bridges), estimator), rank
    )
    if ranking is None or ranking.few:
        return pd.Series(0.0, index=bridges)
    table = ranking.table.set_index("bridge")
    # A bridge without neurons has no score, and is never chosen.
    return table[value].mask(table[tied], table[value].max()).reindex(bridges, fill_value=float("-inf"))


def _shared_in_window(evidence, src, tgt, probe):
    window = layer_window(evidence.model.num_layers)
    return int(shared_neurons(evidence.sets, src, tgt, probe=probe)[window.start : window.stop].sum())


def hsic_exact(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """`rank_bridges`: HSIC between the neurons that source and target share and those of the bridge."""
    return _ranked(evidence, src, tgt, bridges, "biased", "score", "tied")


def hsic_reference(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """`rank_bridges` with tr(K H L), as BridgeX-ICL's released code computes it."""
    return _ranked(evidence, src, tgt, bridges, "reference", "score", "tied")


def hsic_excess(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """`rank_bridges` by the excess of HSIC over its mean under permutation, which does not grow with the bridge's set."""
    return _ranked(evidence, src, tgt, bridges, "biased", "excess", "excess_tied")


def hsic_argmax(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """BridgeX-ICL's own rule: the highest score of `rank_bridges`, however uncertain, and however few neurons it rests on."""
    probe = evidence.probe(src, tgt)
    if not _shared_in_window(evidence, src, tgt, probe):
        return pd.Series(0.0, index=bridges)
    key = ("plain ranking", evidence.rate, evidence.exclude, evidence.words, src, tgt, tuple(bridges))
    ranking = evidence._once(key, lambda: rank_bridges(probe, evidence.sets, bridges, resamples=0))
    return ranking.table.set_index("bridge").score.reindex(bridges, fill_value=float("-inf"))


def _overlap(evidence, src, tgt, bridges, kind):
    chosen = {code: evidence.sets[code] for code in dict.fromkeys((src, tgt, *bridges))}
    table = overlap_matrix(chosen, kind)
    return two_sided(lambda a, b: float(table.loc[a, b]), src, tgt, bridges)


def overlap_count(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """Shared neurons: sqrt(|T_src & T_b| |T_b & T_tgt|)."""
    return _overlap(evidence, src, tgt, bridges, "count")


def overlap_jaccard(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """As `overlap_count`, each overlap divided by the union."""
    return _overlap(evidence, src, tgt, bridges, "jaccard")


def overlap_lift(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """As `overlap_count`, each overlap divided by what is expected by chance."""
    return _overlap(evidence, src, tgt, bridges, "lift")


def activation_cosine(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """How alike the activation probabilities p are on the neurons that source and target share.

    sqrt(cos(p_src, p_b) cos(p_b, p_tgt)); 0 everywhere if source and target share no neuron.
    """
    shared = evidence.sets[src] & evidence.sets[tgt]

    def cosine(a, b):
        return torch.cosine_similarity(evidence.probability(a)[shared], evidence.probability(b)[shared], dim=0).item()

    return two_sided(cosine, src, tgt, bridges)


def xsns(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """X-SNS by activation importance: Jaccard overlap of the languages' sub-networks, the 15 % of neurons that write most.

    sqrt(J(src, b) J(b, tgt)), of `subnetwork_importance`. X-SNS itself (Yun et al. 2023, arXiv 2310.17166) takes the
    parameters of the highest Fisher information. Quantised weights, and those on another machine, do not say how much a neuron
    writes: then no bridge is chosen.
    """
    try:
        importance = {code: evidence.importance(code) for code in dict.fromkeys((src, tgt, *bridges))}
    except InputError as error:
        return undecided(bridges, f"{src}-{tgt}: {error}; so xsns chooses no bridge")
    table = overlap_matrix({code: subnetwork(values, SHARE) for code, values in importance.items()}, "jaccard")
    return two_sided(lambda a, b: float(table.loc[a, b]), src, tgt, bridges)
