"""Activations of the FFN neurons: counts per language, probes per prompt, values per token."""

from ._count_active import count_active
from ._count_generated import count_generated
from ._probe import STATISTICS, probe
from ._results import ActivationCounts, ProbeActivations
from ._token_values import token_values

__all__ = ["STATISTICS", "ActivationCounts", "ProbeActivations", "count_active", "count_generated", "probe", "token_values"]
