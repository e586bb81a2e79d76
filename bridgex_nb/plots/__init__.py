"""Figures: results in, matplotlib `Figure` out.

Every function returns the `Figure` that it drew on; pyplot does not know it, so a notebook shows it once, where a cell ends in
it. Functions whose figure has one set of axes take ``ax=`` as in seaborn, to draw on axes of a figure of your own, and return
the figure of those axes. Functions that need several panels, or lay out the whole figure, make a new one and have no ``ax``:
`alignment_by_layer`, `bridge_gains`, `bridge_overview`, `choice_sensitivity`, `control_gains`, `deactivation_heatmap`,
`depth_profile`, `emergence_curves`, `routing_leaderboard`, `selector_leaderboard`, `sharing_types` and
`spectrum_clustermap`.

Examples
--------
>>> from matplotlib.figure import Figure
>>> import pandas as pd
>>> from bridgex_nb import plots
>>> left, right = Figure(figsize=(9, 3)).subplots(1, 2)
>>> figure = plots.neuron_by_language(pd.Series({"en": 0.5, "sw": 0.1}), "neuron 7 of layer 3", ax=right)
>>> figure is left.figure
True
"""

from ._agreement import agreement_tests
from ._bridges import bridge_overview, bridge_ranking, hsic_by_layer
from ._controls import control_gains
from ._evaluation import accuracy_intervals, bridge_gains, xicl_heatmap
from ._html_table import html_table
from ._interventions import amplification_curve, beyond_random, deactivation_heatmap
from ._leaderboard import selector_leaderboard
from ._lens import lens_by_layer, lens_heatmap
from ._neurons import neuron_by_language, neurons_by_layer, neurons_by_layer_table, sharing_types
from ._ranking_table import ranking_table
from ._routing import routing_leaderboard
from ._save import save
from ._save_pdf import save_pdf
from ._sensitivity import choice_sensitivity
from ._similarity import (
    alignment_and_accuracy,
    alignment_by_layer,
    depth_profile,
    emergence_curves,
    overlap_heatmap,
    spectrum_clustermap,
)
from ._style import STYLE

__all__ = [
    "STYLE",
    "accuracy_intervals",
    "agreement_tests",
    "alignment_and_accuracy",
    "alignment_by_layer",
    "amplification_curve",
    "beyond_random",
    "bridge_gains",
    "bridge_overview",
    "bridge_ranking",
    "choice_sensitivity",
    "control_gains",
    "deactivation_heatmap",
    "depth_profile",
    "emergence_curves",
    "hsic_by_layer",
    "html_table",
    "lens_by_layer",
    "lens_heatmap",
    "neuron_by_language",
    "neurons_by_layer",
    "neurons_by_layer_table",
    "overlap_heatmap",
    "ranking_table",
    "routing_leaderboard",
    "save",
    "save_pdf",
    "selector_leaderboard",
    "sharing_types",
    "spectrum_clustermap",
    "xicl_heatmap",
]
