"""bridgex_nb: the neurons that languages share inside large language models.

import bridgex_nb as bx

model = bx.load_model()
counts = bx.count_active(model, bx.core_sentences())
known = bx.known_words(model, bx.core_lexicon("sw", "tl"))
ranking = bx.rank_bridges(bx.probe(model, known), bx.top_neurons(counts, rate=0.05))
"""

from . import plots
from .activations import ActivationCounts, ProbeActivations, count_active, probe
from .bridges import BridgeRanking, rank_bridges, spectrum
from .corpora import core_sentences
from .errors import InputError
from .generation import complete, complete_scored
from .hsic import hsic, hsic_score
from .language_neurons import lape, lape_entropy, lape_lambda, plnd, read_lape_masks, specific_related_general
from .languages import BRIDGES, LANGUAGES, PAIRS, Language, language
from .lexicon import Lexicon, core_lexicon, pivot, read_muse, word_prompt
from .model import NeuronModel, load_model
from .neurons import (
    bridge_neurons,
    importance_ratio,
    language_agnostic_score,
    overlap_matrix,
    shared_exclusive,
    sharing_types,
    top_neurons,
)
from .selectors import SELECTORS, Evidence, select_bridges, typological_distance
from .sites import Architecture, register_site
from .xicl import accuracy, answers, evaluate, evaluate_grid, known_words

__all__ = [
    "BRIDGES",
    "LANGUAGES",
    "PAIRS",
    "SELECTORS",
    "ActivationCounts",
    "Architecture",
    "BridgeRanking",
    "Evidence",
    "InputError",
    "Language",
    "Lexicon",
    "NeuronModel",
    "ProbeActivations",
    "accuracy",
    "answers",
    "bridge_neurons",
    "complete",
    "complete_scored",
    "core_lexicon",
    "core_sentences",
    "count_active",
    "evaluate",
    "evaluate_grid",
    "hsic",
    "hsic_score",
    "importance_ratio",
    "known_words",
    "language",
    "language_agnostic_score",
    "lape",
    "lape_entropy",
    "lape_lambda",
    "load_model",
    "overlap_matrix",
    "pivot",
    "plnd",
    "plots",
    "probe",
    "rank_bridges",
    "read_lape_masks",
    "read_muse",
    "register_site",
    "select_bridges",
    "shared_exclusive",
    "sharing_types",
    "specific_related_general",
    "spectrum",
    "top_neurons",
    "typological_distance",
    "word_prompt",
]
