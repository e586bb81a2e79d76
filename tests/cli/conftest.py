"""The command line, called in this process."""

import pytest

from bridgex_nb.cli import main


@pytest.fixture
def run(capsys):
    """Run a command; return its exit code, output and error output."""

    def run(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
