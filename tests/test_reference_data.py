"""Tests of public reference data say how to get the data when they skip."""

import shutil
import subprocess
import sys
from pathlib import Path


def test_the_reason_for_skipping_names_the_data_and_where_to_get_them(tmp_path):
    """In a checkout without the data."""
    tests = tmp_path / "checkout" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "conftest.py", tests)
    (tests / "test_data.py").write_text("def test_data(shared_data): pass")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "test_data.py"]
    done = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=False, timeout=300)
    assert "1 skipped" in done.stdout, done.stdout + done.stderr
    (reason,) = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    for part in ("parallel corpora", "dictionaries", "shared/data beside the checkout", 'CONTRIBUTING.md ("Reference data")'):
        assert part in reason
    assert str(tmp_path) not in reason
