"""Language models through nnsight: loading, and the neuron site of each architecture (`_architectures.py`: how to add one)."""

from ._architectures import ARCHITECTURES, SITES, Architecture, architecture_of, register_site
from ._counting import Reading, counting
from ._layer_window import WINDOW, layer_window
from ._load_model import MINI, find_model, load_model
from ._neuron_model import NeuronModel
from ._packaged import packaged_models

__all__ = [
    "ARCHITECTURES",
    "MINI",
    "SITES",
    "WINDOW",
    "Architecture",
    "NeuronModel",
    "Reading",
    "architecture_of",
    "counting",
    "find_model",
    "layer_window",
    "load_model",
    "packaged_models",
    "register_site",
]
