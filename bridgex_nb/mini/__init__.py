"""bridgex-mini, the bundled model: its weights, its training (`python -m bridgex_nb.mini.train`) and what it was trained on."""

from ._graph import EDGES, REACHES, training_reach

__all__ = ["EDGES", "REACHES", "training_reach"]
