"""Statistics that know nothing of models: HSIC, resampling, permutation and random-set tests, correlation."""

from ._correlation import correlate
from ._hsic import BANDWIDTHS, ESTIMATORS, hsic, hsic_score
from ._kendall_w import kendall_w
from ._mantel import mantel
from ._paired_tests import mcnemar, sign_flip_test
from ._random_set_test import beyond_random
from ._resampling import holm, percentile_interval

__all__ = [
    "BANDWIDTHS",
    "ESTIMATORS",
    "beyond_random",
    "correlate",
    "holm",
    "hsic",
    "hsic_score",
    "kendall_w",
    "mantel",
    "mcnemar",
    "percentile_interval",
    "sign_flip_test",
]
