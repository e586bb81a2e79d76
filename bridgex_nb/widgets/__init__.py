"""Explorers for notebooks: views over plain, tested states."""

from ._background import Background
from ._bridge_explorer import BridgeExplorer
from ._bridge_state import BridgeState
from ._neuron_explorer import NeuronExplorer, NeuronState
from ._spectrum_explorer import SpectrumExplorer, SpectrumState

__all__ = ["Background", "BridgeExplorer", "BridgeState", "NeuronExplorer", "NeuronState", "SpectrumExplorer", "SpectrumState"]
