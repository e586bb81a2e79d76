"""Run cards, result files and the progress bar."""

from ._run_card import RunCard, data_card, run_card

__all__ = ["RunCard", "data_card", "run_card"]
