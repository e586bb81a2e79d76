"""Fixtures that several test files share."""

import os
import sys
import unicodedata
from pathlib import Path

import pytest

# Set before torch reads it: on models this small a second thread costs more than it gains.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import bridgex_nb as bx

# First words of the Unicode names of each script's letters; IDEOGRAPHIC is 々, KATAKANA-HIRAGANA the long vowel mark.
LETTERS = {
    "Latin": {"LATIN"},
    "Han": {"CJK"},
    "Japanese": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"},
    "Arabic": {"ARABIC"},
    "Hebrew": {"HEBREW"},
}


NO_REFERENCE_DATA = (
    "needs public reference data (dictionaries, parallel corpora, task data sets, released neuron masks, typological "
    'distances) in shared/data beside the checkout; CONTRIBUTING.md ("Reference data") lists where to get them'
)


def pytest_xdist_auto_num_workers(config):
    """Tests share the cores, but not under a debugger or tracer, and not where single tests are asked for by their ids."""
    tracer = sys.gettrace()
    traced = tracer is not None and not type(tracer).__module__.startswith("coverage")
    debugged = traced or "pydevd" in sys.modules or config.getoption("usepdb") or config.getoption("trace")
    if debugged or any("::" in argument for argument in config.args):
        return 0
    return os.cpu_count()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public reference data, which are not part of the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(NO_REFERENCE_DATA)
    return folder


@pytest.fixture(scope="session")
def mini() -> bx.NeuronModel:
    """The bundled model."""
    return bx.load_model()


@pytest.fixture(scope="session")
def in_script():
    """Function of a text and a language code: whether the text has letters, all of the language's script."""

    def check(text: str, code: str) -> bool:
        letters = [char for char in text if char.isalpha()]
        allowed = LETTERS[bx.language(code).script]
        return bool(letters) and all(unicodedata.name(char).split()[0] in allowed for char in letters)

    return check
