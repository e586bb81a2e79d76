"""Which bridge language: BridgeX-ICL's ranking, other selectors, their regret."""

from ._bridge_ranking import BridgeRanking
from ._bridgex_icl import rank_bridges
from ._leaderboard import leaderboard
from ._power import headroom
from ._regret import regret
from ._selectors import SELECTORS, select_bridges

__all__ = ["SELECTORS", "BridgeRanking", "headroom", "leaderboard", "rank_bridges", "regret", "select_bridges"]
