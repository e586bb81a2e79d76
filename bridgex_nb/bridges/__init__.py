"""Which bridge language: BridgeX-ICL's ranking, what it depends on, other selectors, their regret."""

from ._beats_baseline import beats_baseline
from ._bridge_ranking import BridgeRanking
from ._bridgex_icl import rank_bridges
from ._leaderboard import leaderboard
from ._leaderboard_file import add_leaderboard, merge_leaderboards, read_leaderboards
from ._power import headroom
from ._regret import regret
from ._route import route
from ._routing_regret import routing_regret
from ._selectors import SELECTORS, select_bridges
from ._sensitivity import sensitivity, sensitivity_by_factor, sensitivity_by_pair
from ._window_effect import window_effect

__all__ = [
    "SELECTORS",
    "BridgeRanking",
    "add_leaderboard",
    "beats_baseline",
    "headroom",
    "leaderboard",
    "merge_leaderboards",
    "rank_bridges",
    "read_leaderboards",
    "regret",
    "route",
    "routing_regret",
    "select_bridges",
    "sensitivity",
    "sensitivity_by_factor",
    "sensitivity_by_pair",
    "window_effect",
]
