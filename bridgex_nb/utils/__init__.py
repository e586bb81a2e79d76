"""Run cards, result files and the progress bar."""

from ._run_card import RunCard, run_card

__all__ = ["RunCard", "run_card"]
