"""What `BridgeExplorer` shows, without any widget: choices in, rankings, tables, files and code out."""

import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import torch
from traitlets import Enum, Float, Instance, List, Tuple, Unicode, observe

from . import plots
from .background import Background, in_words
from .bridges import BridgeRanking, layer_window, rank_bridges
from .errors import InputError
from .hsic import ESTIMATORS, hsic
from .languages import BRIDGES, LANGUAGES
from .measurements import Measurements
from .neurons import RULES, bridge_neurons, overlap_matrix, top_neurons

#: Bootstrap draws of the intervals: as many as `rank_bridges` takes by itself.
RESAMPLES = 200
#: Seconds that the choices rest before intervals are computed: who moves a slider on wants scores first.
PAUSE = 0.4
#: What `BridgeState.export` writes.
EXPORTS = ("png", "svg", "csv", "py")

# What a ranking warns of stands in `notes`. (A filter of this module's own, since `catch_warnings` is not for threads.)
warnings.filterwarnings("ignore", module=__name__.replace(".", r"\."))


class BridgeState(Background):
    """Choices, and the ranking that follows from them.

    Where the pair was probed before, a change of choices sets `ranking` at once, without intervals; those follow from a
    thread, as does all of it where the pair has to be probed first.

    Attributes
    ----------
    src, tgt : str
        Language codes.
    candidates : list of str
        Bridges to compare.
    rate, rule, estimator
        As in `top_neurons` and `rank_bridges`.
    layers : (int, int)
        First and last layer that decide.
    ranking : BridgeRanking or None
        None until there is one, and where `error` says why there is none.
    """

    src = Enum(tuple(LANGUAGES))
    tgt = Enum(tuple(LANGUAGES))
    candidates = List(Enum(tuple(LANGUAGES)))
    rate = Float(min=0.001, max=0.1)
    rule = Enum(RULES)
    estimator = Enum(ESTIMATORS)
    layers = Tuple()
    ranking = Instance(BridgeRanking, allow_none=True)

    def __init__(self, measured: Measurements, src: str = "sw", tgt: str = "tl", rate: float = 0.05):
        self.measured = measured
        inside = layer_window(measured.model.num_layers)
        super().__init__(
            src=src,
            tgt=tgt,
            candidates=list(BRIDGES),
            rate=rate,
            rule=RULES[0],
            estimator=ESTIMATORS[0],
            layers=(inside[0], inside[-1]),
        )
        self._seen = None
        self.refresh()

    def choose(self, **choices) -> None:
        """Change several choices together: one ranking follows."""
        with self.lock:
            self._seen = ...  # equal to no choices: nothing follows from the single changes
            for name, value in choices.items():
                setattr(self, name, value)
            self._seen = None
            self.refresh()
