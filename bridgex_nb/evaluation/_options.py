"""How answers are obtained: the options that `answers`, `evaluate`, `evaluate_grid` and `known_words` share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..datasets._lexicon import Lexicon
from ..exceptions import InputError
from ._shots import SHOT_LANGUAGES
from ._task import SCORINGS

#: What is asked, or what examples are drawn from.
Data = Lexicon | pd.DataFrame | Sequence[Lexicon | pd.DataFrame]


@dataclass(frozen=True, eq=False)
class AnswerOptions:
    """The keywords of `answers`, where they are explained; checked before the model runs.

    Raises
    ------
    InputError
        If a value is unknown or out of range, or `examples` or `shots_in` is given without `shots`.
    """

    scoring: str | None = None
    shots: int = 0
    shots_in: str = "src"
    examples: Data | None = field(default=None, repr=False)
    seed: int = 0
    max_new_tokens: int | None = None
    token_budget: int = 8192
    store: str | Path | None = None

    def __post_init__(self):
        if self.scoring is not None and self.scoring not in SCORINGS:
            raise InputError(f"unknown scoring {self.scoring!r}; choose from {', '.join(SCORINGS)}")
        if self.shots_in not in SHOT_LANGUAGES:
            raise InputError(f"unknown shots_in {self.shots_in!r}; choose from {', '.join(SHOT_LANGUAGES)}")
        for name, least in (("shots", 0), ("max_new_tokens", 1), ("token_budget", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}; it must be {least} or more")
        if not self.shots and (self.examples is not None or self.shots_in != "src"):
            given = "shots_in" if self.examples is None else "examples"
            raise InputError(f"{given} is given, but shots is 0; say how many examples each prompt begins with: shots=4")
