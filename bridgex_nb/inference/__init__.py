"""Running a model: batches, memory, resuming, processes; generation and likelihood."""

from ._generation import Completion, complete, complete_scored
from ._likelihood import loglikelihood, perplexity
from ._option_logprobs import option_logprobs
from ._together import complete_together

__all__ = ["Completion", "complete", "complete_scored", "complete_together", "loglikelihood", "option_logprobs", "perplexity"]
