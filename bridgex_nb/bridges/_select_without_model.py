"""Selectors that ask no model: always English, chance, and what is known of the languages."""

import random
from collections.abc import Sequence

import pandas as pd

from ..datasets._languages import language
from ..datasets._typology import typological_distance
from ..datasets._web_tokens import web_tokens
from ..similarity._evidence import Evidence
from ._two_sided import undecided


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
        return undecided(bridges, f"{src}-{tgt}: the typology of {names} is not known, so typology chooses no bridge")
    return pd.Series({bridge: -float(distance.loc[bridge, [src, tgt]].mean()) for bridge in bridges})


def data_size(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """The bridge that most text on the web is in: billions of tokens of mC4 (`web_tokens`).

    All bridges have 0 where that of one of them is not known. The web stands for the model's own data, whose mixture is seldom
    known.
    """
    tokens = web_tokens().reindex(bridges)
    if unknown := [code for code in bridges if tokens.isna()[code]]:
        names = ", ".join(language(code).name for code in unknown)
        return undecided(
            bridges, f"{src}-{tgt}: how much text of {names} there is, is not known, so data_size chooses no bridge"
        )
    return tokens
