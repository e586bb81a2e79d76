"""`bridgex lab`, as a user meets it."""

from importlib.metadata import version

from bridgex_nb.cli._main import main


def test_lab_takes_the_options_of_jupyterlab(capfd):
    assert main(["lab", "--version"]) == 0
    assert capfd.readouterr().out.strip() == version("jupyterlab")
