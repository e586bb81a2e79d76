"""Neuron sets, bool [L, N], by published methods; set algebra is ``&``, ``|`` and ``~``."""

from ._abstract_thought import importance_ratio, language_agnostic_score, shared_exclusive
from ._always_on import always_on
from ._contrast_neurons import contrast_neurons
from ._lape import lape, lape_entropy, lape_lambda
from ._lape_masks import LAPE_LANGUAGES, read_lape_masks
from ._plnd import plnd
from ._random_sets import random_like
from ._redraw_sets import half_sets, redraw_sets, split_half
from ._sets import RATE, RULES, bridge_neurons, overlap_matrix, shared_neurons, top_neurons
from ._sharing_types import sharing_types
from ._specific_related_general import specific_related_general

__all__ = [
    "LAPE_LANGUAGES",
    "RATE",
    "RULES",
    "always_on",
    "bridge_neurons",
    "contrast_neurons",
    "half_sets",
    "importance_ratio",
    "language_agnostic_score",
    "lape",
    "lape_entropy",
    "lape_lambda",
    "overlap_matrix",
    "plnd",
    "random_like",
    "read_lape_masks",
    "redraw_sets",
    "shared_exclusive",
    "shared_neurons",
    "sharing_types",
    "specific_related_general",
    "split_half",
    "top_neurons",
]
