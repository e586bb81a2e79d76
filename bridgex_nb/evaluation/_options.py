"""How answers are obtained: the options that `answers`, `evaluate`, `evaluate_grid` and `known_words` share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..datasets._lexicon import Lexicon
from ..exceptions import InputError
from ._shots import SHOT_LANGUAGES, SHOT_STEPS
from ._task import READINGS, SCORINGS

#: What is asked, or what examples are drawn from.
Data = Lexicon | pd.DataFrame | Sequence[Lexicon | pd.DataFrame]


@dataclass(frozen=True, eq=False)
class AnswerOptions:
    """The keywords of `answers`, where they are explained; checked before the model runs.

    Raises
    ------
    InputError
        If a value is unknown or out of range, `examples`, `shots_in` or `shots_for` is given without `shots`, or `shots_in`
        with examples of both hops.
    """

    scoring: str | None = None
    reading: str | None = None
    shots: int = 0
    shots_in: str = "src"
    shots_for: str = "answer"
    examples: Data | None = field(default=None, repr=False)
    seed: int = 0
    gold_logprobs: bool = False
    chat: bool = False
    max_new_tokens: int | None = None
    token_budget: int | None = None
    store: str | Path | None = None

    def __post_init__(self):
        named = {"scoring": SCORINGS, "reading": READINGS, "shots_in": SHOT_LANGUAGES, "shots_for": SHOT_STEPS}
        for name, known in named.items():
            value = getattr(self, name)
            if value not in known and not (value is None and name in ("scoring", "reading")):
                raise InputError(f"unknown {name} {value!r}; choose from {', '.join(known)}")
        for name, least in (("shots", 0), ("max_new_tokens", 1), ("token_budget", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}; it must be {least} or more")
        given = [name for name, default in (("shots_in", "src"), ("shots_for", "answer")) if getattr(self, name) != default]
        given += ["examples"] if self.examples is not None else []
        if not self.shots and given:
            raise InputError(f"{given[-1]} is given, but shots is 0; say how many examples each prompt begins with: shots=4")
        if self.shots_for == "hops" and self.shots_in != "src":
            raise InputError("examples of both hops begin in the source language; leave out shots_in=")
