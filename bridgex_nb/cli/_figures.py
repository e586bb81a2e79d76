"""``bridgex figures``: run the notebooks, write every figure and the pages that show them."""

import argparse
import os
import sys
from pathlib import Path

import nbformat

from ..datasets._lexicon import core_lexicon
from ..exceptions import InputError
from ..models._architectures import architecture_of
from ..models._load_model import find_model
from ._gallery import figures_in, write_comparison, write_gallery
from ._notebooks import notebook_folder
from ._study import Parameters, run_notebooks

#: What the notebooks are given for any model but the bundled one, which was trained on word pairs in the format of the prompts:
#: a pair that most multilingual models know, worked examples of both hops, and sentences where texts are compared. Of many
#: pairs such a model knows few words, so all are probed.
REAL_MODEL = {
    "src": "zh",
    "tgt": "ja",
    "shots": 4,
    "probed": "all",
    "parallel": "sentences",
    "shown": [["zh", "ja"], ["ja", "he"]],
}
#: Words in each measurement, for such a model: with gemma-3-270m, the study then takes an hour or two on two cores.
LIMIT = 30


def run(options: argparse.Namespace) -> None:
    """Run the notebooks; figures and tables go to --out, the executed notebooks below it."""
    # First, so that a model that cannot be used is reported in one line and not from inside a notebook.
    source, config = find_model(options.model)
    architecture_of(config)
    notebooks = {notebook.name[:2]: notebook for notebook in sorted(notebook_folder().glob("[0-9][0-9]_*.ipynb"))}
    numbers = [number.zfill(2)[:2] for number in options.only or notebooks]  # 3 and 03_bridge_selection mean 03 too
    if unknown := {*numbers} - {*notebooks}:
        raise InputError(f"no notebook {', '.join(sorted(unknown))}; choose from {' '.join(notebooks)}")
    parameters: Parameters = dict(REAL_MODEL) | {"limit": LIMIT} if options.model else {}
    if options.limit is not None:
        if options.limit < 8:
            raise InputError(f"--limit {options.limit}: fewer than 8 words tell nothing")
        parameters["limit"] = options.limit
    if options.pair:
        src, dash, tgt = options.pair.partition("-")
        if not dash:
            raise InputError(f"--pair takes two language codes with a dash between them, such as sw-tl, not {options.pair!r}")
        core_lexicon(src, tgt)  # refuses anything that is not a pair
        if not any(_takes_a_pair(notebooks[number]) for number in numbers):
            taking = " ".join(number for number, notebook in notebooks.items() if _takes_a_pair(notebook))
            raise InputError(f"--pair {options.pair}: none of these notebooks shows one pair; {taking} do")
        parameters |= {"src": src, "tgt": tgt}
    if options.compare and not any(options.compare.glob("[0-9][0-9]_*.png")):
        raise InputError(f"{options.compare}: no figures to compare with; `bridgex figures` writes them")
    shown = options.out or Path("figures")
    if options.model:
        parameters["model_name"] = _model_name(source)
        name = Path(source).resolve().name
        shown = options.out or shown / name.removesuffix(".gguf")  # never over the figures of the bundled model
    if options.pdf:
        parameters["pdf"] = True
    out = shown.resolve()
    # The bundled model is too small to keep several cores busy, so notebooks run side by side. Of another one, one copy at a
    # time is in memory.
    workers = 1 if options.model else min(4, os.cpu_count() or 1)
    try:
        changed = run_notebooks([notebooks[number] for number in sorted(numbers)], out, parameters, workers=workers)
    except KeyboardInterrupt:
        write_gallery(out)
        print(f"\nbridgex: finished figures stay in {shown}; the same command continues from there", file=sys.stderr)
        raise
    pages = [write_gallery(out)] + ([write_comparison(out, options.compare.resolve())] if options.compare else [])
    count = len(figures_in(out))
    print(f"{count} figure{'s' * (count != 1)} in {shown}, new or changed: {', '.join(changed) or 'none, all are as before'}")
    print(f"to look at: {', '.join(str(shown / page.name) for page in pages)}; executed notebooks: {shown / 'notebooks'}")


def _model_name(source: str) -> str:
    """What loads a model from inside a notebook, which runs in another folder.

    A folder without a model may be called as the model is: that of its figures, for instance.
    """
    path = Path(source)
    return str(path.resolve()) if path.is_file() or (path / "config.json").is_file() else source


def _takes_a_pair(notebook: Path) -> bool:
    cells = nbformat.read(notebook, as_version=4).cells
    return any("src, tgt" in cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
