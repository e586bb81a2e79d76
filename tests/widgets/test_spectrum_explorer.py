"""The state of the spectrum."""

from pandas.testing import assert_frame_equal

import bridgex_nb as bx
from bridgex_nb.similarity._core_evidence import core_evidence
from bridgex_nb.widgets._spectrum_explorer import SpectrumState


def test_the_spectrum_is_a_language_matrix(mini):
    state = SpectrumState(mini, 0.05)
    state.wait()
    evidence = bx.Evidence(mini, core_evidence(mini).counts)
    assert_frame_equal(state.matrix, bx.language_matrix(evidence, "lift"))
    state.kind, state.layers = "jaccard", (2, 4)
    state.wait()
    assert_frame_equal(state.matrix, bx.language_matrix(evidence, "jaccard", (2 / 6, 5 / 6)))
