"""Selectors of the bridge language, HSIC and what it has to beat, behind one interface.

A selector is a function (evidence, src, tgt, candidates) -> pandas.Series of scores, one a candidate; the highest is chosen,
the first of equals. `SELECTORS` names them all, `select_bridges` runs them side by side. None of them sees a gold translation
but those that pick the words HSIC is probed with (`known_words`).

A bridge stands between two languages, so a selector that compares languages compares it with both: its score is the
geometric mean of the comparisons of source and bridge, and of bridge and target.
"""

import random
from collections.abc import Callable, Sequence

import pandas as pd
import torch

from ..datasets._languages import BRIDGES, language
from ..datasets._typology import typological_distance
from ..exceptions import InputError
from ..models._layer_window import layer_window
from ..neurons._sets import overlap_matrix
from ..similarity._evidence import Evidence
from ._bridgex_icl import rank_bridges


def select_bridges(
    evidence: Evidence, src: str, tgt: str, candidates: Sequence[str] = BRIDGES, selectors: Sequence[str] | None = None
) -> pd.DataFrame:
    """Scores of the candidate bridges between two languages, by every selector.

    Parameters
    ----------
    evidence : Evidence
    src, tgt : str
        Language codes.
    candidates : sequence of str
        Bridges to compare; source and target are left out of them.
    selectors : sequence of str, optional
        Names in `SELECTORS`; all by default.

    Returns
    -------
    pandas.DataFrame
        [bridge x selector], bridges in the order given. Scales differ between selectors; ``.idxmax()`` is what each chooses,
        the first of equals.

    Raises
    ------
    InputError
        If a language or selector is unknown, source and target are the same, no candidate is left, or the counts or sentences
        lack a language.

    Examples
    --------
    >>> evidence = Evidence(model, counts)  # doctest: +SKIP
    >>> select_bridges(evidence, "sw", "tl").idxmax()["english"]  # doctest: +SKIP
    'en'
    """
    for code in (src, tgt, *candidates):
        language(code)
    if src == tgt:
        raise InputError(f"source and target are both {src!r}; a bridge needs two languages")
    bridges = [code for code in dict.fromkeys(candidates) if code not in (src, tgt)]
    if not bridges:
        raise InputError(f"{src}-{tgt}: no candidate bridge is left besides source and target")
    names = list(SELECTORS) if selectors is None else list(selectors)
    unknown = [name for name in names if name not in SELECTORS]
    if unknown:
        raise InputError(f"unknown selector {unknown[0]!r}; there are {', '.join(SELECTORS)}")
    for where, there in (("counts", evidence.counts.languages), ("sentences", evidence.sentences)):
        missing = [code for code in (src, tgt, *bridges) if code not in there]
        if missing:
            raise InputError(f"the {where} hold no {', '.join(missing)}")
    return pd.DataFrame({name: SELECTORS[name](evidence, src, tgt, bridges) for name in names}, index=bridges)


def _two_sided(compare, src, tgt, candidates):
    """Geometric mean of compare(source, bridge) and compare(bridge, target), both 0 or more."""
    return pd.Series({b: (max(0.0, compare(src, b)) * max(0.0, compare(b, tgt))) ** 0.5 for b in candidates})


# What the model's neurons say


def _hsic(evidence, src, tgt, candidates, estimator):
    ranking = rank_bridges(evidence.probe(src, tgt), evidence.sets, candidates, estimator=estimator, resamples=0)
    # A candidate without neurons of its own has no score, and is never chosen.
    return ranking.table.set_index("bridge").score.reindex(candidates, fill_value=float("-inf"))


def hsic_exact(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """`rank_bridges`: HSIC of the neurons that source and target share with those of the bridge alone."""
    return _hsic(evidence, src, tgt, candidates, "biased")


def hsic_reference(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """`rank_bridges` with tr(K H L), as BridgeX-ICL's released code computes it."""
    return _hsic(evidence, src, tgt, candidates, "reference")


def _overlap(evidence, src, tgt, candidates, kind):
    chosen = {code: evidence.sets[code] for code in dict.fromkeys((src, tgt, *candidates))}
    table = overlap_matrix(chosen, kind)
    return _two_sided(lambda one, other: float(table.loc[one, other]), src, tgt, candidates)


def overlap_count(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """Neurons shared: sqrt(|T_src & T_b| |T_b & T_tgt|)."""
    return _overlap(evidence, src, tgt, candidates, "count")


def overlap_jaccard(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """As `overlap_count`, each overlap divided by the union."""
    return _overlap(evidence, src, tgt, candidates, "jaccard")


def overlap_lift(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """As `overlap_count`, each overlap divided by the one expected by chance."""
    return _overlap(evidence, src, tgt, candidates, "lift")


def activation_cosine(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """How alike the activation probabilities p are on the neurons that source and target share.

    sqrt(cos(p_src, p_b) cos(p_b, p_tgt)); 0 everywhere if source and target share no neuron.
    """
    shared = evidence.sets[src] & evidence.sets[tgt]

    def cosine(one, other):
        return torch.cosine_similarity(evidence.probability(one)[shared], evidence.probability(other)[shared], dim=0).item()

    return _two_sided(cosine, src, tgt, candidates)


def alignment_cka(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """Linear CKA of layer states over parallel sentences, the mean over the layers of `rank_bridges`' window.

    CKA = ||X' Y||_F^2 / (||X' X||_F ||Y' Y||_F) for centred states [S, N] (Kornblith et al. 2019, arXiv 1905.00414), from the
    S x S Gram matrices.
    """
    window = layer_window(evidence.model.num_layers)

    def cka(one, other):
        layers = slice(window.start, window.stop)
        return (evidence.gram(one)[layers] * evidence.gram(other)[layers]).sum(dim=(1, 2)).mean().item()

    return _two_sided(cka, src, tgt, candidates)


# What the model says


def _confidence(evidence, src, tgt, candidates, join):
    words = list(evidence.lexicon(src, tgt).entries)
    scores = {}
    for bridge in candidates:
        first, middle = evidence.confidence(src, bridge, words)
        second, _ = evidence.confidence(bridge, tgt, middle)
        scores[bridge] = join((first, second))
    return pd.Series(scores)


def confidence_min(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """The model's confidence in the less sure of the two hops; no gold is needed.

    The words of the lexicon are translated into the bridge, and what the model answers into the target. The confidence of a hop
    is the log-probability of its greedy answers, a token of each, averaged over the words.
    """
    return _confidence(evidence, src, tgt, candidates, min)


def confidence_sum(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """As `confidence_min`, the sum over both hops.

    Notes
    -----
    What a search kept: with bridgex-mini, about two thousand selectors (forms of HSIC, overlap, alignment, confidence and
    agreement of answers) were tried on seven of the study pairs, the best of each family then on the other eight. On those it
    loses 0.6 points of accuracy to the best bridge (95 % interval 0 to 2.6), always-English 2.0 (0 to 5.2). It asks as much of
    the model as prompting through every bridge does, but no gold translation.
    """
    return _confidence(evidence, src, tgt, candidates, sum)


# What needs no model


def english(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """Always English; the first candidate where English is source or target."""
    return pd.Series({bridge: float(bridge == "en") for bridge in candidates})


def at_random(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """A random order, fixed by `Evidence.seed`, the pair and the bridge."""
    return pd.Series({bridge: random.Random(f"{evidence.seed} {src} {tgt} {bridge}").random() for bridge in candidates})


def family(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """With how many of source and target the bridge shares its family: 0, 1 or 2."""
    return pd.Series(
        {bridge: float(sum(language(end).family == language(bridge).family for end in (src, tgt))) for bridge in candidates}
    )


def typology(evidence: Evidence, src: str, tgt: str, candidates: Sequence[str]) -> pd.Series:
    """Minus the mean of the `typological_distance` of the bridge from source and from target."""
    distance = typological_distance()
    return pd.Series({bridge: -float(distance.loc[bridge, [src, tgt]].mean()) for bridge in candidates})


#: Every selector by its name.
SELECTORS: dict[str, Callable[[Evidence, str, str, Sequence[str]], pd.Series]] = {
    "hsic": hsic_exact,
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
