"""Deactivate, amplify, set or steer neurons, and measure what the model then does."""

from ._bridge_causality import bridge_causality
from ._contrast_shift import contrast_shift
from ._deactivation_matrix import DeactivationMatrix, deactivation_matrix
from ._language_shift import language_shift_score
from ._neuron_interventions import POSITIONS, amplify, deactivate, set_activation, steer
from ._xtransplant import transplant

__all__ = [
    "POSITIONS",
    "DeactivationMatrix",
    "amplify",
    "bridge_causality",
    "contrast_shift",
    "deactivate",
    "deactivation_matrix",
    "language_shift_score",
    "set_activation",
    "steer",
    "transplant",
]
