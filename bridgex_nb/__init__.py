"""bridgex_nb: the neurons that languages share inside large language models.

import bridgex_nb as bx

model = bx.load_model()
counts = bx.count_active(model, bx.core_sentences())
known = bx.known_words(model, bx.core_lexicon("sw", "tl"))
ranking = bx.rank_bridges(bx.probe(model, known), bx.top_neurons(counts, rate=0.05))
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

#: Package -> the flat names of it, loaded when they are first used (PEP 562).
_NAMES = {
    "exceptions": "InputError",
    "stats": "correlate hsic hsic_score kendall_w mantel",
    "datasets": (
        "BRIDGES LANGUAGES Language Lexicon PAIRS add_language belebele core_lexicon core_sentences core_words flores "
        "language mgsm output_language parallel_texts pivot read_muse romanised same_family same_script shuffled sib200 "
        "typological_distance web_tokens word_prompt xcopa xnli"
    ),
    "models": "Architecture NeuronModel load_model register_site",
    "inference": "complete complete_scored loglikelihood option_logprobs perplexity",
    "activations": "ActivationCounts ProbeActivations count_active count_generated probe token_values",
    "neurons": (
        "always_on bridge_neurons contrast_neurons half_sets importance_ratio language_agnostic_score lape lape_entropy "
        "lape_lambda overlap_matrix plnd random_like read_lape_masks redraw_sets shared_exclusive shared_neurons "
        "sharing_types specific_related_general split_half top_neurons"
    ),
    "lens": "LanguageLens language_lens translation_barrier",
    "similarity": (
        "Alignment Evidence LayerChoice SPECTRA agreement agreement_by_depth aligned alignment choose_layers emergence "
        "language_kept language_matrix mexa mutual_alignment neuronxa script_change script_share sentence_vectors spectrum "
        "spelling_alignment variance_between_languages"
    ),
    "interventions": (
        "DeactivationMatrix amplify bridge_causality contrast_shift deactivate deactivation_matrix language_shift_score "
        "set_activation steer transplant"
    ),
    "evaluation": (
        "TASKS Task accuracy answers bridge_controls by_gold_logprob combine compare control_gains evaluate evaluate_grid "
        "known_words max_ensemble read_option side_by_side task_items translation_scores"
    ),
    "bridges": (
        "BridgeRanking SELECTORS add_leaderboard beats_baseline headroom leaderboard merge_leaderboards rank_bridges "
        "read_leaderboards regret route routing_regret select_bridges sensitivity sensitivity_by_factor sensitivity_by_pair "
        "window_effect"
    ),
    "widgets": "BridgeExplorer NeuronExplorer SpectrumExplorer",
}
_PACKAGE_OF = {name: package for package, names in _NAMES.items() for name in names.split()}
_PACKAGES = (
    "exceptions",
    "utils",
    "stats",
    "datasets",
    "models",
    "inference",
    "activations",
    "neurons",
    "lens",
    "similarity",
    "interventions",
    "evaluation",
    "bridges",
    "plots",
    "widgets",
    "cli",
    "mini",
)

__all__ = [*_PACKAGE_OF, *_PACKAGES]
__version__ = version("bridgex-nb")


def __getattr__(name: str) -> Any:
    if name in _PACKAGE_OF:
        value = getattr(import_module(f".{_PACKAGE_OF[name]}", __name__), name)
    elif name in _PACKAGES:
        value = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


if TYPE_CHECKING:
    from . import activations as activations
    from . import bridges as bridges
    from . import cli as cli
    from . import datasets as datasets
    from . import evaluation as evaluation
    from . import inference as inference
    from . import interventions as interventions
    from . import lens as lens
    from . import models as models
    from . import neurons as neurons
    from . import plots as plots
    from . import similarity as similarity
    from . import stats as stats
    from . import utils as utils
    from . import widgets as widgets
    from .activations import ActivationCounts as ActivationCounts
    from .activations import ProbeActivations as ProbeActivations
    from .activations import count_active as count_active
    from .activations import count_generated as count_generated
    from .activations import probe as probe
    from .activations import token_values as token_values
    from .bridges import SELECTORS as SELECTORS
    from .bridges import BridgeRanking as BridgeRanking
    from .bridges import add_leaderboard as add_leaderboard
    from .bridges import beats_baseline as beats_baseline
    from .bridges import headroom as headroom
    from .bridges import leaderboard as leaderboard
    from .bridges import merge_leaderboards as merge_leaderboards
    from .bridges import rank_bridges as rank_bridges
    from .bridges import read_leaderboards as read_leaderboards
    from .bridges import regret as regret
    from .bridges import route as route
    from .bridges import routing_regret as routing_regret
    from .bridges import select_bridges as select_bridges
    from .bridges import sensitivity as sensitivity
    from .bridges import sensitivity_by_factor as sensitivity_by_factor
    from .bridges import sensitivity_by_pair as sensitivity_by_pair
    from .bridges import window_effect as window_effect
    from .datasets import BRIDGES as BRIDGES
    from .datasets import LANGUAGES as LANGUAGES
    from .datasets import PAIRS as PAIRS
    from .datasets import Language as Language
    from .datasets import Lexicon as Lexicon
    from .datasets import add_language as add_language
    from .datasets import belebele as belebele
    from .datasets import core_lexicon as core_lexicon
    from .datasets import core_sentences as core_sentences
    from .datasets import core_words as core_words
    from .datasets import flores as flores
    from .datasets import language as language
    from .datasets import mgsm as mgsm
    from .datasets import output_language as output_language
    from .datasets import parallel_texts as parallel_texts
    from .datasets import pivot as pivot
    from .datasets import read_muse as read_muse
    from .datasets import romanised as romanised
    from .datasets import same_family as same_family
    from .datasets import same_script as same_script
    from .datasets import shuffled as shuffled
    from .datasets import sib200 as sib200
    from .datasets import typological_distance as typological_distance
    from .datasets import web_tokens as web_tokens
    from .datasets import word_prompt as word_prompt
    from .datasets import xcopa as xcopa
    from .datasets import xnli as xnli
    from .evaluation import TASKS as TASKS
    from .evaluation import Task as Task
    from .evaluation import accuracy as accuracy
    from .evaluation import answers as answers
    from .evaluation import bridge_controls as bridge_controls
    from .evaluation import by_gold_logprob as by_gold_logprob
    from .evaluation import combine as combine
    from .evaluation import compare as compare
    from .evaluation import control_gains as control_gains
    from .evaluation import evaluate as evaluate
    from .evaluation import evaluate_grid as evaluate_grid
    from .evaluation import known_words as known_words
    from .evaluation import max_ensemble as max_ensemble
    from .evaluation import read_option as read_option
    from .evaluation import side_by_side as side_by_side
    from .evaluation import task_items as task_items
    from .evaluation import translation_scores as translation_scores
    from .exceptions import InputError as InputError
    from .inference import complete as complete
    from .inference import complete_scored as complete_scored
    from .inference import loglikelihood as loglikelihood
    from .inference import option_logprobs as option_logprobs
    from .inference import perplexity as perplexity
    from .interventions import DeactivationMatrix as DeactivationMatrix
    from .interventions import amplify as amplify
    from .interventions import bridge_causality as bridge_causality
    from .interventions import contrast_shift as contrast_shift
    from .interventions import deactivate as deactivate
    from .interventions import deactivation_matrix as deactivation_matrix
    from .interventions import language_shift_score as language_shift_score
    from .interventions import set_activation as set_activation
    from .interventions import steer as steer
    from .interventions import transplant as transplant
    from .lens import LanguageLens as LanguageLens
    from .lens import language_lens as language_lens
    from .lens import translation_barrier as translation_barrier
    from .models import Architecture as Architecture
    from .models import NeuronModel as NeuronModel
    from .models import load_model as load_model
    from .models import register_site as register_site
    from .neurons import always_on as always_on
    from .neurons import bridge_neurons as bridge_neurons
    from .neurons import contrast_neurons as contrast_neurons
    from .neurons import half_sets as half_sets
    from .neurons import importance_ratio as importance_ratio
    from .neurons import language_agnostic_score as language_agnostic_score
    from .neurons import lape as lape
    from .neurons import lape_entropy as lape_entropy
    from .neurons import lape_lambda as lape_lambda
    from .neurons import overlap_matrix as overlap_matrix
    from .neurons import plnd as plnd
    from .neurons import random_like as random_like
    from .neurons import read_lape_masks as read_lape_masks
    from .neurons import redraw_sets as redraw_sets
    from .neurons import shared_exclusive as shared_exclusive
    from .neurons import shared_neurons as shared_neurons
    from .neurons import sharing_types as sharing_types
    from .neurons import specific_related_general as specific_related_general
    from .neurons import split_half as split_half
    from .neurons import top_neurons as top_neurons
    from .similarity import SPECTRA as SPECTRA
    from .similarity import Alignment as Alignment
    from .similarity import Evidence as Evidence
    from .similarity import LayerChoice as LayerChoice
    from .similarity import agreement as agreement
    from .similarity import agreement_by_depth as agreement_by_depth
    from .similarity import aligned as aligned
    from .similarity import alignment as alignment
    from .similarity import choose_layers as choose_layers
    from .similarity import emergence as emergence
    from .similarity import language_kept as language_kept
    from .similarity import language_matrix as language_matrix
    from .similarity import mexa as mexa
    from .similarity import mutual_alignment as mutual_alignment
    from .similarity import neuronxa as neuronxa
    from .similarity import script_change as script_change
    from .similarity import script_share as script_share
    from .similarity import sentence_vectors as sentence_vectors
    from .similarity import spectrum as spectrum
    from .similarity import spelling_alignment as spelling_alignment
    from .similarity import variance_between_languages as variance_between_languages
    from .stats import correlate as correlate
    from .stats import hsic as hsic
    from .stats import hsic_score as hsic_score
    from .stats import kendall_w as kendall_w
    from .stats import mantel as mantel
    from .widgets import BridgeExplorer as BridgeExplorer
    from .widgets import NeuronExplorer as NeuronExplorer
    from .widgets import SpectrumExplorer as SpectrumExplorer
