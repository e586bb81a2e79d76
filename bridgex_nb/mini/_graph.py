"""The resource graph that bridgex-mini was trained on, and which answers it covers."""

import random
from itertools import combinations, permutations

import pandas as pd

from ..datasets._languages import BRIDGES, LANGUAGES
from ..datasets._lexicon import core_table
from ..evaluation._answer_table import require_columns
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError

#: Share of the core concepts that each edge of the resource graph is trained on, in both directions. The bridge languages are
#: fully connected to each other; every other language is connected to one or two of them, to the second with less data.
EDGES = {pair: 1.0 for pair in combinations(BRIDGES, 2)} | {
    ("zh", "en"): 1.0,
    ("zh", "de"): 0.4,
    ("ja", "en"): 0.9,
    ("ja", "pt"): 0.6,
    ("ar", "fr"): 1.0,
    ("ar", "en"): 0.6,
    ("he", "fr"): 0.9,
    ("he", "en"): 0.6,
    ("id", "en"): 1.0,
    ("id", "pt"): 0.4,
    ("tl", "es"): 0.9,
    ("tl", "en"): 0.7,
    ("fi", "de"): 1.0,
    ("fi", "en"): 0.4,
    ("hu", "de"): 0.9,
    ("hu", "it"): 0.6,
    ("sw", "en"): 0.9,
}
#: Seed of the bundled model.
SEED = 0
#: What training may hold of an answer: see `training_reach`.
REACHES = ("the pair itself", "both hops of a bridge", "both words, not both hops", "not both words")


def edge_concepts(seed: int) -> dict[tuple[str, str], list[int]]:
    """The concepts (row numbers of the core lexicon) that each directed edge is trained on."""
    concepts = range(len(core_table()))
    chosen = {}
    for (a, b), share in EDGES.items():
        rng = random.Random(f"{seed} {a} {b}")
        chosen[a, b] = chosen[b, a] = sorted(rng.sample(concepts, round(share * len(concepts))))
    return chosen


def chains() -> list[tuple[str, str, str]]:
    """Chains a → b → c over two edges, with at most one language that is not a bridge language."""
    edges = set(EDGES) | {(b, a) for a, b in EDGES}
    return [
        (a, b, c)
        for a, b, c in permutations(LANGUAGES, 3)
        if (a, b) in edges and (b, c) in edges and len({a, b, c} - set(BRIDGES)) <= 1
    ]


def training_reach(items: pd.DataFrame) -> pd.Series:
    """What the training texts of bridgex-mini hold of each answer.

    A word is held by an edge of the resource graph if its concept was among those that the edge was trained on.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers` for word translation with the core lexicon.

    Returns
    -------
    pandas.Series
        For each row one of `REACHES`: "the pair itself" where source to target is an edge that holds the word; "both hops of a
        bridge" where source to bridge and bridge to target both hold it (zero-shot: of any bridge; otherwise of the bridge
        that was asked through); "both words, not both hops" where each language has the word on some edge, but not on these;
        "not both words" where source or target has it on no edge.

    Raises
    ------
    InputError
        If these are not rows of `answers`, or a word is not one of the core lexicon.

    Examples
    --------
    >>> table = pd.DataFrame({"src": "ar", "tgt": "he", "bridge": ["zero-shot", "fr", "es"], "item": "نار"})
    >>> training_reach(table).tolist()
    ['both hops of a bridge', 'both hops of a bridge', 'both words, not both hops']
    """
    require_columns(items, ("src", "tgt", "bridge", "item"))
    held = {edge: set(concepts) for edge, concepts in edge_concepts(SEED).items()}
    anywhere = {code: set().union(*(held[edge] for edge in held if edge[0] == code)) for code in LANGUAGES}
    concepts: dict[tuple[str, str], set[int]] = {}
    for number, row in enumerate(core_table()):
        for code in LANGUAGES:
            concepts.setdefault((code, row[code].split("|")[0]), set()).add(number)
    found = []
    for src, tgt, bridge, word in items[["src", "tgt", "bridge", "item"]].itertuples(index=False, name=None):
        if (src, word) not in concepts:
            raise InputError(f"{word!r} is not a {src} word of the core lexicon; bridgex-mini was trained on no other words")
        meant = concepts[src, word]
        asked = BRIDGES if bridge == ZERO_SHOT else (bridge,)
        if meant & held.get((src, tgt), set()):
            found.append(REACHES[0])
        elif any(meant & held.get((src, one), set()) & held.get((one, tgt), set()) for one in asked):
            found.append(REACHES[1])
        else:
            found.append(REACHES[2] if meant & anywhere[src] & anywhere[tgt] else REACHES[3])
    return pd.Series(found, index=items.index, name="trained", dtype=object)
