"""bridgex_nb: the neurons that languages share inside large language models.

import bridgex_nb as bx

model = bx.load_model()
counts = bx.count_active(model, bx.core_sentences())
known = bx.known_words(model, bx.core_lexicon("sw", "tl"))
ranking = bx.rank_bridges(bx.probe(model, known), bx.top_neurons(counts, rate=0.05))
"""

from . import plots
from .activations import ActivationCounts, ProbeActivations, count_active, probe
from .alignment import Alignment, aligned, alignment, correlate, mutual_alignment, sentence_vectors
from .bridges import BridgeRanking, rank_bridges, spectrum
from .causality import DeactivationMatrix, bridge_causality, deactivation_matrix, language_shift_score
from .contrasts import contrast_neurons, contrast_shift, count_generated, read_option
from .controls import random_like
from .corpora import belebele, core_sentences, flores, mgsm, sib200, xcopa, xnli
from .emergence import emergence
from .errors import InputError
from .evaluation import evaluate, evaluate_grid
from .generation import complete, complete_scored
from .hsic import hsic, hsic_score
from .identify import output_language
from .interventions import amplify, deactivate, set_activation, steer
from .language_neurons import lape, lape_entropy, lape_lambda, plnd, read_lape_masks, specific_related_general
from .languages import BRIDGES, LANGUAGES, PAIRS, Language, language
from .lexicon import Lexicon, core_lexicon, core_words, pivot, read_muse, word_prompt
from .likelihood import loglikelihood, perplexity
from .metrics import accuracy, translation_scores
from .model import NeuronModel, load_model
from .neuron_widgets import NeuronExplorer, SpectrumExplorer
from .neurons import (
    bridge_neurons,
    importance_ratio,
    language_agnostic_score,
    overlap_matrix,
    shared_exclusive,
    sharing_types,
    top_neurons,
)
from .options import option_logprobs
from .regret import compare, leaderboard, regret, side_by_side
from .selectors import SELECTORS, Evidence, select_bridges
from .sites import Architecture, register_site
from .spectra import SPECTRA, agreement, agreement_by_depth, language_matrix, mantel
from .tasks import TASKS, Task, task_items
from .token_values import token_values
from .transplant import transplant
from .typology import same_family, typological_distance
from .widgets import BridgeExplorer
from .xicl import answers, known_words

__all__ = [
    "BRIDGES",
    "LANGUAGES",
    "PAIRS",
    "SELECTORS",
    "SPECTRA",
    "TASKS",
    "ActivationCounts",
    "Alignment",
    "Architecture",
    "BridgeExplorer",
    "BridgeRanking",
    "DeactivationMatrix",
    "Evidence",
    "InputError",
    "Language",
    "Lexicon",
    "NeuronExplorer",
    "NeuronModel",
    "ProbeActivations",
    "SpectrumExplorer",
    "Task",
    "accuracy",
    "agreement",
    "agreement_by_depth",
    "aligned",
    "alignment",
    "amplify",
    "answers",
    "belebele",
    "bridge_causality",
    "bridge_neurons",
    "compare",
    "complete",
    "complete_scored",
    "contrast_neurons",
    "contrast_shift",
    "core_lexicon",
    "core_sentences",
    "core_words",
    "correlate",
    "count_active",
    "count_generated",
    "deactivate",
    "deactivation_matrix",
    "emergence",
    "evaluate",
    "evaluate_grid",
    "flores",
    "hsic",
    "hsic_score",
    "importance_ratio",
    "known_words",
    "language",
    "language_agnostic_score",
    "language_matrix",
    "language_shift_score",
    "lape",
    "lape_entropy",
    "lape_lambda",
    "leaderboard",
    "load_model",
    "loglikelihood",
    "mantel",
    "mgsm",
    "mutual_alignment",
    "option_logprobs",
    "output_language",
    "overlap_matrix",
    "perplexity",
    "pivot",
    "plnd",
    "plots",
    "probe",
    "random_like",
    "rank_bridges",
    "read_lape_masks",
    "read_muse",
    "read_option",
    "register_site",
    "regret",
    "same_family",
    "select_bridges",
    "sentence_vectors",
    "set_activation",
    "shared_exclusive",
    "sharing_types",
    "sib200",
    "side_by_side",
    "specific_related_general",
    "spectrum",
    "steer",
    "task_items",
    "token_values",
    "top_neurons",
    "translation_scores",
    "transplant",
    "typological_distance",
    "word_prompt",
    "xcopa",
    "xnli",
]
