"""How alike languages are inside a model: linguistic spectrum, language matrices, NeuronXA and MEXA, emergence."""

from ._agreement import agreement, agreement_by_depth
from ._alignment import Alignment, alignment, mutual_alignment
from ._between_languages import variance_between_languages
from ._emergence import emergence
from ._evidence import Evidence
from ._language_kept import language_kept
from ._language_matrix import SPECTRA, language_matrix
from ._layer_choice import LayerChoice, choose_layers
from ._linguistic_spectrum import spectrum
from ._mexa import mexa
from ._neuronxa import neuronxa
from ._pairing import aligned
from ._script import script_change, script_share
from ._sentence_vectors import sentence_vectors
from ._spelling import spelling_alignment
from ._subnetworks import subnetwork, subnetwork_importance

__all__ = [
    "SPECTRA",
    "Alignment",
    "Evidence",
    "LayerChoice",
    "agreement",
    "agreement_by_depth",
    "aligned",
    "alignment",
    "choose_layers",
    "emergence",
    "language_kept",
    "language_matrix",
    "mexa",
    "mutual_alignment",
    "neuronxa",
    "script_change",
    "script_share",
    "sentence_vectors",
    "spectrum",
    "spelling_alignment",
    "subnetwork",
    "subnetwork_importance",
    "variance_between_languages",
]
