"""Selectors of the bridge language, HSIC and its competitors, behind one interface.

A selector is a function (evidence, src, tgt, bridges) -> pandas.Series with one score per bridge; the highest is chosen. Equal
highest scores mean that the selector does not decide between these bridges (`regret` counts the mean over them). `SELECTORS`
names them all, `select_bridges` runs them side by side. Gold translations are used only to pick the words that HSIC is probed
with (`known_words`), and by `latent_language`, which looks for them in the model's layers.

A bridge stands between two languages, so a selector that compares languages compares it with both: its score is the
geometric mean of the comparisons of source and bridge, and of bridge and target.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from ..datasets._languages import BRIDGES, language
from ..exceptions import InputError
from ..similarity._costs import Part, cost, parts_asked
from ..similarity._evidence import Evidence, check_languages
from ..utils._run_card import RunCard, data_card, run_card
from ._select_by_answers import confidence_min, confidence_sum
from ._select_by_neurons import (
    TIE_RESAMPLES,
    activation_cosine,
    hsic_argmax,
    hsic_exact,
    hsic_excess,
    hsic_reference,
    overlap_count,
    overlap_jaccard,
    overlap_lift,
    xsns,
)
from ._select_by_states import alignment_cka, alignment_mexa, alignment_neuronxa, latent_language
from ._select_without_model import at_random, data_size, english, family, typology

#: A selector: (evidence, source, target, bridges) -> a score for each bridge.
Selector = Callable[[Evidence, str, str, Sequence[str]], pd.Series]

#: Every selector by its name.
SELECTORS: dict[str, Selector] = {
    "hsic": hsic_exact,
    "hsic_argmax": hsic_argmax,
    "hsic_excess": hsic_excess,
    "hsic_reference": hsic_reference,
    "overlap_count": overlap_count,
    "overlap_jaccard": overlap_jaccard,
    "overlap_lift": overlap_lift,
    "activation_cosine": activation_cosine,
    "xsns": xsns,
    "alignment_cka": alignment_cka,
    "alignment_neuronxa": alignment_neuronxa,
    "alignment_mexa": alignment_mexa,
    "latent_language": latent_language,
    "confidence_min": confidence_min,
    "confidence_sum": confidence_sum,
    "english": english,
    "random": at_random,
    "family": family,
    "typology": typology,
    "data_size": data_size,
}
#: Those that draw rankings again, to see which bridges are tied.
_DRAW = {"hsic", "hsic_excess", "hsic_reference"}
#: Those that ask the model about the words of the lexicon.
_READ_LEXICON = {*_DRAW, "hsic_argmax", "latent_language", "confidence_min", "confidence_sum"}
#: Those that compare neuron sets.
_READ_SETS = {*_DRAW, "hsic_argmax", "overlap_count", "overlap_jaccard", "overlap_lift", "activation_cosine"}


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
        share too few neurons to rank any. The run card is in ``.attrs["card"]``; in ``.attrs["cost"]`` is what the model reads
        for each selector alone, selector -> texts and tokens (`counting`; None where that is not known). Counts and items cost
        what they would if they were not there already, and what several selectors read costs each of them.

    Raises
    ------
    InputError
        If a language or selector is unknown, source and target are the same, no bridge is left, or the counts or sentences lack
        a language.

    Warns
    -----
    UserWarning
        If ties inflate the neuron sets that a selector compares (`top_neurons`), or a selector chooses no bridge because
        something about the languages is not known, or it cannot be applied to the model.

    Examples
    --------
    >>> evidence = Evidence(model, counts)  # doctest: +SKIP
    >>> select_bridges(evidence, "sw", "tl").idxmax()["english"]  # doctest: +SKIP
    'en'
    """
    table, parts = scores_and_parts(evidence, src, tgt, bridges, selectors)
    table.attrs["cost"] = {name: cost_of(evidence, asked) for name, asked in parts.items()}
    return table


def scores_and_parts(
    evidence: Evidence, src: str, tgt: str, bridges: Sequence[str], selectors: Sequence[str] | None
) -> tuple[pd.DataFrame, dict[str, set[Part]]]:
    """`select_bridges` without the cost, and selector -> the parts of the evidence that it asks for."""
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
            warnings.warn(note, stacklevel=3)
    scores: dict[str, pd.Series] = {}
    parts: dict[str, set[Part]] = {}
    for name in names:
        with parts_asked() as asked:
            scores[name] = SELECTORS[name](evidence, src, tgt, chosen)
        counted = {("counts", code) for code in (src, tgt, *chosen)} if ("counts",) in asked else set()
        parts[name] = (asked - {("counts",)}) | counted
    table = pd.DataFrame(scores, index=chosen)
    table.attrs["card"] = _card(evidence, src, tgt, chosen, names)
    return table, parts


def cost_of(evidence: Evidence, parts: Iterable[Part]) -> dict[str, int] | None:
    """Texts and tokens that the model reads for some parts of an evidence."""
    reading = cost(evidence, parts)
    return None if reading is None else {"texts": reading.texts, "tokens": reading.tokens}


def select_options(evidence: Evidence, pairs: Sequence[tuple[str, str]], names: Sequence[str]) -> dict[str, Any]:
    """What the scores of selectors depend on, besides languages and sentences: options for a run card."""
    options: dict[str, Any] = {"selectors": list(names)}
    if _DRAW & set(names):
        options["tie_resamples"] = TIE_RESAMPLES
    if _READ_LEXICON & set(names):
        # With the translations: they say which words count as known, and `hsic` probes only those.
        lexicons = {f"{src}-{tgt}": evidence.lexicon(src, tgt).entries.items() for src, tgt in pairs}
        texts = {pair: ["\t".join((word, *golds)) for word, golds in entries] for pair, entries in lexicons.items()}
        options["words"] = data_card(texts)
    return options


def _card(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str], names: Sequence[str]) -> RunCard:
    options: dict[str, Any] = {"src": src, "tgt": tgt, "bridges": bridges, **select_options(evidence, [(src, tgt)], names)}
    options |= {name: getattr(evidence, name) for name in ("rate", "exclude", "shots", "seed")} | {"probed": evidence.words}
    inputs = {"counts": evidence.counts.card}
    if evidence.items is not None and "card" in evidence.items.attrs:
        inputs["items"] = evidence.items.attrs["card"]
    data = {"kind": "parallel sentences", **data_card({code: evidence.sentences[code] for code in (src, tgt, *bridges)})}
    return run_card("select_bridges", evidence.model.card, data=data, options=options, inputs=inputs)
