"""How alike languages are inside a model: linguistic spectrum, language matrices, NeuronXA and MEXA, emergence."""

from ._agreement import agreement, agreement_by_depth
from ._alignment import Alignment, alignment, mutual_alignment
from ._between_languages import variance_between_languages
from ._emergence import emergence
from ._evidence import Evidence
from ._language_matrix import SPECTRA, language_matrix
from ._linguistic_spectrum import spectrum
from ._mexa import mexa
from ._neuronxa import neuronxa
from ._pairing import aligned
from ._sentence_vectors import sentence_vectors
from ._spelling import spelling_alignment

__all__ = [
    "SPECTRA",
    "Alignment",
    "Evidence",
    "agreement",
    "agreement_by_depth",
    "aligned",
    "alignment",
    "emergence",
    "language_matrix",
    "mexa",
    "mutual_alignment",
    "neuronxa",
    "sentence_vectors",
    "spectrum",
    "spelling_alignment",
    "variance_between_languages",
]
