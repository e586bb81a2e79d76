"""Counts that several files of this folder start from."""

import pytest

import bridgex_nb as bx


@pytest.fixture(scope="session")
def counts(mini):
    return bx.count_active(mini, {code: texts[:75] for code, texts in bx.core_sentences().items()})
