"""Selectors of the bridge language, HSIC and its competitors, behind one interface.

A selector is a function (evidence, src, tgt, bridges) -> pandas.Series with one score per bridge; the highest is chosen. Equal
highest scores mean that the selector does not decide between these bridges (`regret` counts the mean over them). `SELECTORS`
names them all, `select_bridges` runs them side by side. Gold translations are used only to pick the words that HSIC is probed
with (`known_words`).

A bridge stands between two languages, so a selector that compares languages compares it with both: its score is the
geometric mean of the comparisons of source and bridge, and of bridge and target.
"""

import random
import warnings
from collections.abc import Callable, Sequence

import pandas as pd
import torch

from ..datasets._languages import BRIDGES, language
from ..datasets._typology import typological_distance
from ..exceptions import InputError
from ..models._layer_window import layer_window
from ..neurons._sets import overlap_matrix, shared_neurons
from ..similarity._evidence import Evidence, check_languages
from ..utils._run_card import data_card, run_card
from ._bridge_ranking import FEW_NEURONS
from ._bridgex_icl import rank_bridges

#: Bootstrap draws of the rankings behind the `hsic` selectors: enough for a 95 % interval, three for each draw of the sets.
TIE_RESAMPLES = 60


def select_bridges(
    evidence: Evidence, src: str, tgt: str, bridges: Sequence[str] = BRIDGES, selectors: Sequence[str] | None = None
) -> pd.DataFrame:
    """Scores of the bridges between two languages, by every selector.

    Parameters
    ----------
    evidence : Evidence
    src, tgt : str
        Language codes.
    bridges : sequence of str
        Bridges to compare; source and target are removed from them.
    selectors : sequence of str, optional
        Names in `SELECTORS`; all by default.

    Returns
    -------
    pandas.DataFrame
        [bridge x selector], bridges in the order given. Scales differ between selectors; ``.idxmax()`` is what each one
        chooses, the first among equals. The `hsic` selectors give bridges that `rank_bridges` does not separate from the first
        one (its column `tied`, over prompts and sentences) the first one's score, and all bridges 0 where source and target
        share too few neurons to rank any. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a language or selector is unknown, source and target are the same, no bridge is left, or the counts or sentences lack
        a language.

    Warns
    -----
    UserWarning
        If ties inflate the neuron sets that a selector compares (`top_neurons`).

    Examples
    --------
    >>> evidence = Evidence(model, counts)  # doctest: +SKIP
    >>> select_bridges(evidence, "sw", "tl").idxmax()["english"]  # doctest: +SKIP
    'en'
    """
    for code in (src, tgt, *bridges):
        language(code)
    if src == tgt:
        raise InputError(f"source and target are both {src!r}; a bridge needs two languages")
    chosen = [code for code in dict.fromkeys(bridges) if code not in (src, tgt)]
    if not chosen:
        raise InputError(f"{src}-{tgt}: every bridge given is the source or the target; name at least one other")
    names = list(SELECTORS) if selectors is None else list(selectors)
    unknown = [name for name in names if name not in SELECTORS]
    if unknown:
        raise InputError(f"unknown selector {unknown[0]!r}; choose from {', '.join(SELECTORS)}")
    for part in ("counts", "sentences"):
        check_languages(evidence, part, (src, tgt, *chosen))
    if _READ_SETS & set(names):
        for note in evidence.set_notes:
            warnings.warn(note, stacklevel=2)
    table = pd.DataFrame({name: SELECTORS[name](evidence, src, tgt, chosen) for name in names}, index=chosen)
    table.attrs["card"] = _card(evidence, src, tgt, chosen, names)
    return table


def _card(evidence, src, tgt, bridges, names):
    options = {"src": src, "tgt": tgt, "bridges": bridges, "selectors": names}
    options |= {name: getattr(evidence, name) for name in ("rate", "exclude", "shots", "seed")} | {"probed": evidence.words}
    if _READ_LEXICON & set(names):
        # With the translations: they say which words count as known, and `hsic` probes only those.
        entries = evidence.lexicon(src, tgt).entries.items()
        options["words"] = data_card({f"{src}-{tgt}": ["\t".join((word, *golds)) for word, golds in entries]})
    inputs = {"counts": evidence.counts.card}
    if evidence.items is not None and "card" in evidence.items.attrs:
        inputs["items"] = evidence.items.attrs["card"]
    data = {"kind": "parallel sentences", **data_card({code: evidence.sentences[code] for code in (src, tgt, *bridges)})}
    return run_card("select_bridges", evidence.model.card, data=data, options=options, inputs=inputs)


def _two_sided(compare, src, tgt, bridges):
    """Geometric mean of compare(source, bridge) and compare(bridge, target), both 0 or more."""
    return pd.Series({b: (max(0.0, compare(src, b)) * max(0.0, compare(b, tgt))) ** 0.5 for b in bridges})


# From the model's neurons


def _ranked(evidence, src, tgt, bridges, estimator, value, tied):
    """Two columns of a ranking: the value by which bridges are chosen, and which are not separated from the first; these have
    the first one's value, so that no choice between them is scored."""

    def rank():
        probe, window = evidence.probe(src, tgt), layer_window(evidence.model.num_layers)
        shared = shared_neurons(evidence.sets, src, tgt, probe=probe)[window.start : window.stop]
        if shared.sum() < FEW_NEURONS:
            return None
        return rank_bridges(
            probe, evidence.sets, bridges, redraws=evidence.redraws, estimator=estimator, resamples=TIE_RESAMPLES
        )

    # Kept for the other selectors, and because a notebook's leaderboards of several sets of pairs ask for the same rankings.
    ranking = evidence._once(("ranking", evidence.rate, evidence.exclude, src, tgt, tuple(bridges), estimator), rank)
    if ranking is None or ranking.few:
        return pd.Series(0.0, index=bridges)
    table = ranking.table.set_index("bridge")
    # A bridge without neurons has no score, and is never chosen.
    return table[value].mask(table[tied], table[value].max()).reindex(bridges, fill_value=float("-inf"))


def hsic_exact(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """`rank_bridges`: HSIC between the neurons that source and target share and those of the bridge."""
    return _ranked(evidence, src, tgt, bridges, "biased", "score", "tied")


def hsic_reference(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """`rank_bridges` with tr(K H L), as BridgeX-ICL's released code computes it."""
    return _ranked(evidence, src, tgt, bridges, "reference", "score", "tied")


def hsic_excess(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """`rank_bridges` by the excess of HSIC over its mean under permutation, which does not grow with the bridge's set."""
    return _ranked(evidence, src, tgt, bridges, "biased", "excess", "excess_tied")


def _overlap(evidence, src, tgt, bridges, kind):
    chosen = {code: evidence.sets[code] for code in dict.fromkeys((src, tgt, *bridges))}
    table = overlap_matrix(chosen, kind)
    return _two_sided(lambda a, b: float(table.loc[a, b]), src, tgt, bridges)


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

    return _two_sided(cosine, src, tgt, bridges)


def alignment_cka(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """Linear CKA of layer states over parallel sentences, averaged over the layers of `rank_bridges`' window.

    CKA = ||X' Y||_F^2 / (||X' X||_F ||Y' Y||_F) for centred states [S, N] (Kornblith et al. 2019, arXiv 1905.00414), from the
    S x S Gram matrices.
    """
    window = layer_window(evidence.model.num_layers)

    def cka(a, b):
        layers = slice(window.start, window.stop)
        return (evidence.gram(a)[layers] * evidence.gram(b)[layers]).sum(dim=(1, 2)).mean().item()

    return _two_sided(cka, src, tgt, bridges)


# From the model's answers


def _confidence(evidence, src, tgt, bridges, join):
    words = evidence.asked_words(src, tgt)
    scores = {}
    for bridge in bridges:
        first_hop, translations = evidence.confidence(src, bridge, words)
        second_hop, _ = evidence.confidence(bridge, tgt, translations)
        scores[bridge] = join((first_hop, second_hop))
    return pd.Series(scores)


def confidence_min(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """The model's confidence in the less certain of the two hops; no gold translation is needed.

    The words of the lexicon are translated into the bridge language, and the model's answers into the target. The confidence
    of a hop is the log-probability per token of its greedy answers, averaged over the words.
    """
    return _confidence(evidence, src, tgt, bridges, min)


def confidence_sum(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """As `confidence_min`, the sum over both hops.

    Notes
    -----
    The winner of a search: with bridgex-mini, about two thousand selectors (forms of HSIC, overlap, alignment, confidence and
    agreement of answers) were tried on seven of the study pairs, and the best of each family then on the other eight (notebook
    04). It runs the model as often as prompting through every bridge does, but needs no gold translation.
    """
    return _confidence(evidence, src, tgt, bridges, sum)


# Without the model


def english(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """Always English; the first bridge if English is source or target."""
    return pd.Series({bridge: float(bridge == "en") for bridge in bridges})


def at_random(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """A random order, fixed by `Evidence.seed`, the pair and the bridge."""
    return pd.Series({bridge: random.Random(f"{evidence.seed} {src} {tgt} {bridge}").random() for bridge in bridges})


def family(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """How many of source and target are in the family of the bridge: 0, 1 or 2."""
    return pd.Series(
        {bridge: float(sum(language(end).family == language(bridge).family for end in (src, tgt))) for bridge in bridges}
    )


def typology(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """Minus the mean of the `typological_distance` of the bridge from source and from target.

    All bridges have 0 where that is not known of each of these languages: of the 15 of the study only.
    """
    distance = typological_distance()
    if unknown := [code for code in (src, tgt, *bridges) if code not in distance]:
        names = ", ".join(language(code).name for code in unknown)
        warnings.warn(f"{src}-{tgt}: the typology of {names} is not known, so typology chooses no bridge", stacklevel=4)
        return pd.Series(0.0, index=list(bridges))
    return pd.Series({bridge: -float(distance.loc[bridge, [src, tgt]].mean()) for bridge in bridges})


#: Selectors that ask the model about the words of the lexicon.
_READ_LEXICON = {"hsic", "hsic_excess", "hsic_reference", "confidence_min", "confidence_sum"}
#: Selectors that compare neuron sets.
_READ_SETS = {"hsic", "hsic_excess", "hsic_reference", "overlap_count", "overlap_jaccard", "overlap_lift", "activation_cosine"}
#: Every selector by its name.
SELECTORS: dict[str, Callable[[Evidence, str, str, Sequence[str]], pd.Series]] = {
    "hsic": hsic_exact,
    "hsic_excess": hsic_excess,
    "hsic_reference": hsic_reference,
    "overlap_count": overlap_count,
    "overlap_jaccard": overlap_jaccard,
    "overlap_lift": overlap_lift,
    "activation_cosine": activation_cosine,
    "alignment_cka": alignment_cka,
    "confidence_min": confidence_min,
    "confidence_sum": confidence_sum,
    "english": english,
    "random": at_random,
    "family": family,
    "typology": typology,
}
