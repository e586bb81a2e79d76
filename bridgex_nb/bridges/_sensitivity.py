"""Which bridge is chosen under every combination of the choices that a ranking leaves open, and which of them matter?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from scipy.stats import rankdata

from ..activations._count_active import count_active
from ..activations._probe import STATISTICS, probe
from ..activations._results import ProbeActivations
from ..datasets._corpora import core_sentences
from ..datasets._languages import BRIDGES, language
from ..datasets._lexicon import Lexicon
from ..exceptions import InputError
from ..models._architectures import SITES
from ..models._layer_window import layer_window
from ..models._neuron_model import NeuronModel
from ..neurons._always_on import check_exclude
from ..neurons._redraw_sets import half_sets
from ..neurons._sets import RATE, RULES, check_share, top_neurons
from ..stats._hsic import ESTIMATORS
from ..stats._kendall_w import kendall_w
from ..utils._progress import outer_bar
from ..utils._run_card import data_card, run_card
from ._bridge_ranking import FEW_NEURONS
from ._layer_rows import Sides, layer_rows, two_sides
from ._layer_scores import layer_scores

#: Columns of `sensitivity` that are choices.
FACTORS = ("rate", "rule", "site", "statistic", "special_tokens", "estimator", "sentences")
#: Which sentences the language sets come from.
SENTENCES = ("all", "even", "odd")


def sensitivity(
    model: NeuronModel,
    lexicons: Lexicon | Sequence[Lexicon],
    bridges: Sequence[str] = BRIDGES,
    *,
    texts: Mapping[str, Sequence[str]] | None = None,
    rates: Sequence[float] = (RATE, 2 * RATE),
    rules: Sequence[str] = RULES,
    sites: Sequence[str] | None = None,
    statistics: Sequence[str] = ("mean", "last"),
    special_tokens: Sequence[bool] = (False, True),
    estimators: Sequence[str] = ("biased", "reference"),
    sentences: Sequence[str] = SENTENCES,
    exclude: str | None = None,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """The bridge that `rank_bridges` chooses under every combination of choices that neither paper nor data decide.

    A choice of bridge that changes with such details is not a finding. Activations are computed once for each site, token
    statistic and way of counting tokens.

    Parameters
    ----------
    model : NeuronModel
    lexicons : Lexicon or sequence of Lexicon
        One per pair, with the words to probe (`known_words`).
    bridges : sequence of str
        Bridges to compare; source and target are removed from them.
    texts : mapping of str to sequence of str, optional
        Texts that the language sets come from, of every language needed; the core sentences by default.
    rates : sequence of float
        Shares of all neurons in a language's set (`top_neurons`).
    rules : sequence of str
        Of `bridge_neurons`.
    sites : sequence of {"act", "gated"}, optional
        Where neurons are read; by default both, or the model's own if it has no gate.
    statistics : sequence of str
        Of `probe`, over a prompt's tokens.
    special_tokens : sequence of bool
        Whether the tokens that the tokenizer adds count, in `count_active` and `probe`.
    estimators : sequence of str
        Of `hsic`.
    sentences : sequence of {"all", "even", "odd"}
        Which texts the language sets come from: all, or one of two halves (`half_sets`).
    exclude : {"always_on"}, optional
        Which neurons the language sets leave out, in every setting (`top_neurons`).
    store : str or Path, optional
        A folder of results, as for `count_active`.

    Returns
    -------
    pandas.DataFrame
        One row per pair and setting: src, tgt, rate, rule, site, statistic, special_tokens, estimator, sentences, shared
        (neurons that source and target share in the layers of the window), few (whether these are too few for a ranking, as in
        `BridgeRanking`), chosen (the bridge, missing where nothing is ranked), and the rank of each bridge in a column of its
        code: 1 is the best, bridges without neurons share the last ranks; missing (NaN) where nothing is ranked and where the
        bridge is source or target. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If an option is empty, repeated or unknown, a pair appears twice, no bridge is left for one, texts of a language are
        missing, or interventions change the model.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) leaves the rule and the site open; other tools count special tokens. The
    window of layers is the paper's throughout.

    Examples
    --------
    >>> model = load_model()
    >>> words = core_lexicon("sw", "tl").sample(20)
    >>> table = sensitivity(model, words, ["en", "fr"], sites=["act"], statistics=["mean"], special_tokens=[False])
    >>> len(table)  # two rates, four rules, two estimators, all sentences and two halves
    48
    """
    lexicons = [lexicons] if isinstance(lexicons, Lexicon) else list(lexicons)
    if sites is None:
        sites = SITES if model.card.get("gated", True) else (model.site,)
    levels = {
        "rate": _checked("rates", rates),
        "rule": _checked("rules", rules, RULES),
        "site": _checked("sites", sites, SITES),
        "statistic": _checked("statistics", statistics, STATISTICS),
        "special_tokens": _checked("special_tokens", special_tokens, (False, True)),
        "estimator": _checked("estimators", estimators, ESTIMATORS),
        "sentences": _checked("sentences", sentences, SENTENCES),
    }
    for rate in levels["rate"]:
        check_share("rate", rate)
    check_exclude(exclude)
    ranked = _bridges_of_pairs(lexicons, bridges)
    needed = list(dict.fromkeys(code for pair, chosen in ranked.items() for code in (*pair, *chosen)))
    texts = core_sentences() if texts is None else texts
    if missing := [code for code in needed if code not in texts]:
        raise InputError(f"there are no texts of {', '.join(missing)}")
    texts = {code: list(texts[code]) for code in needed}
    if model.card.get("interventions"):
        raise InputError("interventions change the model; sensitivity reads the unchanged one at several sites")
    rows = []
    passes = list(product(levels["site"], levels["special_tokens"]))
    with outer_bar(passes, desc="reading activations", unit="pass") as progress:
        for site, special in progress:
            read = replace(model, site=site, base_card=model.base_card | {"site": site})
            counts = count_active(read, texts, special_tokens=special, store=store)
            sets = {}
            for rate in levels["rate"]:
                halves = half_sets(counts, rate, exclude) if {"even", "odd"} & set(levels["sentences"]) else (None, None)
                whole = dict(zip(SENTENCES, (top_neurons(counts, rate, exclude), *halves), strict=True))
                sets |= {(rate, name): whole[name] for name in levels["sentences"]}
            keep = torch.stack([neurons for drawn in sets.values() for neurons in drawn.values()]).any(dim=0)
            for lexicon, statistic in product(lexicons, levels["statistic"]):
                probed = probe(read, lexicon, keep=keep, statistic=statistic, special_tokens=special, store=store)
                setting = {"site": site, "statistic": statistic, "special_tokens": special}
                for row in _rankings(probed, sets, ranked[lexicon.src, lexicon.tgt], levels):
                    rows.append({"src": lexicon.src, "tgt": lexicon.tgt} | setting | row)
    everyone = list(dict.fromkeys(code for chosen in ranked.values() for code in chosen))
    table = pd.DataFrame(rows)[["src", "tgt", *FACTORS, "shared", "few", "chosen", *everyone]]
    order = {factor: {level: i for i, level in enumerate(of)} for factor, of in levels.items()}
    order["pair"] = {pair: i for i, pair in enumerate(ranked)}
    places = table.assign(pair=list(zip(table.src, table.tgt, strict=True)))[["pair", *FACTORS]]
    table = table.loc[places.apply(lambda column: column.map(order[column.name])).sort_values(["pair", *FACTORS]).index]
    words = {f"words {lexicon.src}-{lexicon.tgt}": list(lexicon.entries) for lexicon in lexicons}
    table = table.reset_index(drop=True)
    table.attrs["card"] = run_card(
        "sensitivity",
        model.card,
        data={"kind": "texts and words", **data_card(texts | words)},
        options={"bridges": list(dict.fromkeys(bridges)), **levels, "exclude": exclude},
    )
    return table


def _checked(name: str, values: Sequence, known: Sequence | None = None) -> list:
    """The levels of a factor; an empty, repeated or unknown one is refused."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InputError(f"{name}={values!r}: give a list, such as {name}=[{values!r}]")
    values = list(values)
    if not values or len(set(values)) < len(values):
        raise InputError(f"{name}={values}: give one or more, each once")
    if known is not None and (unknown := [value for value in values if value not in known]):
        raise InputError(f"{name}: unknown {unknown[0]!r}; choose from {', '.join(map(str, known))}")
    return values


def _bridges_of_pairs(lexicons: Sequence[Lexicon], bridges: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """(src, tgt) -> the bridges without source and target."""
    pairs = [(lexicon.src, lexicon.tgt) for lexicon in lexicons]
    if not pairs or len(set(pairs)) < len(pairs):
        raise InputError("sensitivity needs one lexicon or more, and only one per pair")
    for code in bridges:
        language(code)
    ranked = {pair: [code for code in dict.fromkeys(bridges) if code not in pair] for pair in pairs}
    for pair, chosen in ranked.items():
        if pair[0] == pair[1]:
            raise InputError(f"the lexicon is of {'-'.join(pair)}: a bridge needs two different languages")
        if not chosen:
            raise InputError(f"{'-'.join(pair)}: every bridge given is the source or the target; name at least one other")
    return ranked


def _rankings(probed: ProbeActivations, sets: Mapping, bridges: list[str], levels: Mapping[str, list]) -> Iterator[dict]:
    """One row per rate, rule, estimator and half of the sentences, for one probe."""
    inside = layer_window(probed.num_layers)
    for rule in levels["rule"]:
        for (rate, half), sides in zip(sets, two_sides(probed, list(sets.values()), bridges, rule), strict=True):
            shared = int(sides.shared[inside.start : inside.stop].sum())
            row = {"rate": rate, "rule": rule, "sentences": half, "shared": shared, "few": shared < FEW_NEURONS}
            for estimator, scores in _scores(probed, sides, inside, levels["estimator"]).items():
                ranks = {}
                if scores:
                    lowest = min(scores.values()) - 1  # bridges without neurons come last
                    ranks = dict(zip(bridges, rankdata([-scores.get(code, lowest) for code in bridges]), strict=True))
                yield row | {"estimator": estimator, "chosen": max(scores, key=scores.get, default=None)} | ranks


def _scores(probed: ProbeActivations, sides: Sides, inside: range, estimators: Sequence[str]) -> dict[str, dict[str, float]]:
    """Estimator -> bridge -> the score of `rank_bridges`, the mean over the layers in which it has neurons."""
    found: dict[str, dict[str, list[float]]] = {estimator: {} for estimator in estimators}
    for one in layer_rows(probed, sides, inside, None):
        for estimator in estimators:
            values = layer_scores(one, "profile-median", estimator)
            for bridge, score in zip(one.bridges, values.tolist(), strict=True):
                found[estimator].setdefault(bridge, []).append(score)
    return {
        estimator: {bridge: sum(values) / len(values) for bridge, values in of_bridges.items()}
        for estimator, of_bridges in found.items()
    }


def sensitivity_by_pair(table: pd.DataFrame) -> pd.DataFrame:
    """How much the settings of `sensitivity` agree on the bridges of each pair.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `sensitivity`.

    Returns
    -------
    pandas.DataFrame
        One row per pair: src, tgt, settings (in which bridges are ranked), chosen (the bridge that most of them choose), share
        (of the settings that do), few (share of settings with too few shared neurons), w (Kendall's W of the rankings; NaN with
        fewer than two settings or bridges).

    Notes
    -----
    W describes this grid. Its settings share their data, so that it has no test: rankings that agree may agree on noise.

    Examples
    --------
    >>> sensitivity_by_pair(table)  # doctest: +SKIP
    """
    rows = []
    for (src, tgt), of_pair in table.groupby(["src", "tgt"], sort=False):
        ranked = of_pair[of_pair.chosen.notna()]
        first = ranked.chosen.value_counts(normalize=True)
        ranks = ranked[compared_bridges(table)].dropna(axis=1)
        w = kendall_w(ranks.to_numpy()) if min(ranks.shape) > 1 else float("nan")
        chosen, share = (first.index[0], first.iloc[0]) if len(first) else (None, float("nan"))
        rows.append((src, tgt, len(ranked), chosen, share, of_pair.few.mean(), w))
    return pd.DataFrame(rows, columns=["src", "tgt", "settings", "chosen", "share", "few", "w"])


def compared_bridges(table: pd.DataFrame) -> list[str]:
    """The bridges of a table of `sensitivity`: its last columns, their ranks."""
    names = list(table.columns)
    return names[names.index("chosen") + 1 :]


def sensitivity_by_factor(table: pd.DataFrame) -> pd.DataFrame:
    """Which of the choices of `sensitivity` move the chosen bridge most.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `sensitivity`.

    Returns
    -------
    pandas.DataFrame
        One row per factor that has several levels, the one that moves most first: factor, levels, moved (share of all couples
        of settings of the same pair that differ in this factor alone in which another bridge is chosen), couples. The last row,
        "any two settings", is of couples that differ in whatever it may be: a factor that moves as much is as good as
        all of them together. Settings in which nothing is ranked are left out.

    Examples
    --------
    >>> sensitivity_by_factor(table)  # doctest: +SKIP
    """
    table = table.dropna(subset=["chosen"])
    rows = []
    for factor in FACTORS:
        if table[factor].nunique() > 1:
            others = [name for name in FACTORS if name != factor]
            rows.append((factor, table[factor].nunique(), *_moved(table, ["src", "tgt", *others])))
    rows.sort(key=lambda row: -row[2])
    rows.append(("any two settings", len(table[list(FACTORS)].drop_duplicates()), *_moved(table, ["src", "tgt"])))
    return pd.DataFrame(rows, columns=["factor", "levels", "moved", "couples"])


def _moved(table: pd.DataFrame, same: list[str]) -> tuple[float, int]:
    """Share of the couples of rows that are alike in some columns in which another bridge is chosen, and their number."""

    def couples(columns):
        sizes = table.groupby(columns, observed=True).size()
        return int((sizes * (sizes - 1) // 2).sum())

    alike = couples(same)
    return (1 - couples([*same, "chosen"]) / alike if alike else float("nan")), alike
