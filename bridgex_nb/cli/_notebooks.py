"""Where the notebooks are."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def notebook_folder() -> Path:
    """The notebooks: beside the package in a checkout, inside it in an installed wheel."""
    checkout = PACKAGE.parent
    return (checkout if (checkout / "pyproject.toml").is_file() else PACKAGE) / "notebooks"
