"""Results in, matplotlib Figure out."""

from ._bridges import bridge_overview, bridge_ranking, hsic_by_layer, selector_leaderboard
from ._evaluation import bridge_gains, xicl_heatmap
from ._files import html_table, save, save_pdf
from ._interventions import amplification_curve, beyond_random, deactivation_heatmap
from ._neurons import neuron_by_language, neurons_by_layer, neurons_by_layer_table, sharing_types
from ._similarity import alignment_by_layer, depth_profile, emergence_curves, overlap_heatmap, spectrum_clustermap
from ._style import STYLE

__all__ = [
    "STYLE",
    "alignment_by_layer",
    "amplification_curve",
    "beyond_random",
    "bridge_gains",
    "bridge_overview",
    "bridge_ranking",
    "deactivation_heatmap",
    "depth_profile",
    "emergence_curves",
    "hsic_by_layer",
    "html_table",
    "neuron_by_language",
    "neurons_by_layer",
    "neurons_by_layer_table",
    "overlap_heatmap",
    "save",
    "save_pdf",
    "selector_leaderboard",
    "sharing_types",
    "spectrum_clustermap",
    "xicl_heatmap",
]
