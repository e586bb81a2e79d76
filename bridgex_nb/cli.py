"""The command line: bridgex figures | bridge | lab | info."""

import argparse
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
import torch
from huggingface_hub.utils import logging as huggingface_logging
from tqdm import tqdm
from transformers import AutoModelForCausalLM

from .activations import count_active, probe
from .bridges import rank_bridges
from .corpora import core_sentences
from .errors import InputError
from .hsic import ESTIMATORS
from .languages import language
from .lexicon import core_lexicon, pivot, read_muse
from .model import find_model, load_model
from .neurons import RULES, top_neurons
from .sites import architecture_of, max_tokens
from .xicl import known_words


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0, or 2 for bad input, which is told in one line."""
    parser = argparse.ArgumentParser(
        prog="bridgex", description="The neurons that languages share inside large language models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    figures = commands.add_parser("figures", help="run the notebooks and write every figure with its numbers")
    figures.add_argument("--model", help="folder or hub id (default: the bundled bridgex-mini)")
    figures.add_argument("--out", type=Path, default=Path("figures"), help="folder to write to (default: figures)")
    figures.set_defaults(run=run_figures)

    bridge = commands.add_parser("bridge", help="rank the bridge languages of one pair")
    bridge.add_argument("src", help="source language, e.g. sw")
    bridge.add_argument("tgt", help="target language, e.g. tl")
    bridge.add_argument("--model", help="folder or hub id (default: the bundled bridgex-mini)")
    bridge.add_argument(
        "--lexicon",
        nargs="+",
        metavar="FILE",
        help="a source-target dictionary in MUSE's format; or two files, source-English and English-target, to pivot",
    )
    bridge.add_argument("--rate", type=float, default=0.05, help="share of neurons in a language's set (default: 0.05)")
    bridge.add_argument("--rule", choices=RULES, default="exclusive", help="what a bridge's own neurons are")
    bridge.add_argument("--estimator", choices=ESTIMATORS, default="biased", help="HSIC estimator")
    bridge.set_defaults(run=run_bridge)

    lab = commands.add_parser("lab", help="open JupyterLab on the notebooks")
    lab.set_defaults(run=run_lab)

    info = commands.add_parser("info", help="say what a model is and where its neurons are; reads no weights")
    info.add_argument("model", nargs="?", help="folder or hub id (default: the bundled bridgex-mini)")
    info.set_defaults(run=run_info)

    options = parser.parse_args(arguments)
    warnings.showwarning = lambda message, *_: print(f"bridgex: warning: {message}", file=sys.stderr)
    huggingface_logging.set_verbosity_error()  # a hub that cannot be reached is told once, by the error
    try:
        options.run(options)
    except InputError as error:
        print(f"bridgex: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bridgex: interrupted", file=sys.stderr)
        return 130
    return 0


def notebook_folder() -> Path:
    """The notebooks: beside the package in a checkout, inside it in an installed wheel."""
    package = Path(__file__).parent
    checkout = package.parent / "notebooks"
    return checkout if (package.parent / "pyproject.toml").is_file() else package / "notebooks"


def run_figures(options: argparse.Namespace) -> None:
    """Run the notebooks; figures and tables go to --out, the executed notebooks below it."""
    # Looked at first, so that a model that cannot be used is told in one line and not from inside a notebook.
    source, config = find_model(options.model)
    architecture_of(config)
    out = options.out.resolve()
    (out / "notebooks").mkdir(parents=True, exist_ok=True)
    parameters = {"figures": str(out)}
    if options.model:
        parameters["model_name"] = str(Path(source).resolve()) if Path(source).is_dir() else source
    # The bundled model is too small to keep several cores busy: notebooks side by side do. Another one is in memory once.
    cores = os.cpu_count() or 1
    workers = 1 if options.model else min(4, cores)
    # The bars of the package would fill the notebooks' outputs; there is one here.
    environment = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": str(cores // workers)}
    notebooks = sorted(notebook_folder().glob("[0-9][0-9]_*.ipynb"))
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(notebooks), desc="notebooks", unit="notebook", disable=False) as bar,
    ):
        running = [pool.submit(_execute, notebook, out, parameters, environment) for notebook in notebooks]
        try:
            for one in as_completed(running):
                one.result()
                bar.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error nothing new is started
    written = sorted(path.name for path in out.glob("*.png"))
    print(f"{len(written)} figures in {options.out}: {', '.join(written)}; executed notebooks in {options.out / 'notebooks'}")


def _execute(notebook: Path, out: Path, parameters: dict[str, str], environment: dict[str, str]) -> None:
    """Run one notebook in a process of its own, which Ctrl-C reaches too."""
    executed = out / "notebooks" / notebook.name
    executed.unlink(missing_ok=True)
    raw = [part for name, value in parameters.items() for part in ("-r", name, value)]
    options = ["--cwd", str(executed.parent), "--no-progress-bar", "--log-level", "ERROR"]
    command = [sys.executable, "-m", "papermill", str(notebook), str(executed), *raw, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    cells = nbformat.read(executed, as_version=4).cells if executed.is_file() else []
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        if output.output_type == "error" and output.ename == InputError.__name__:
            raise InputError(f"{notebook.name}: {output.evalue}")
    raise RuntimeError(f"{notebook.name} failed:\n{done.stderr}")


def run_bridge(options: argparse.Namespace) -> None:
    """Print the ranking of the bridges of one pair."""
    src, tgt = options.src, options.tgt
    if options.lexicon is None:
        lexicon = core_lexicon(src, tgt)
    elif len(options.lexicon) == 1:
        lexicon = read_muse(options.lexicon[0], src, tgt)
    elif len(options.lexicon) == 2:
        lexicon = pivot(read_muse(options.lexicon[0], src, "en"), read_muse(options.lexicon[1], "en", tgt))
    else:
        raise InputError("--lexicon takes one file (source-target) or two (source-English and English-target)")
    model = load_model(options.model)
    known = known_words(model, lexicon)
    sets = top_neurons(count_active(model, core_sentences()), options.rate)
    ranking = rank_bridges(probe(model, known), sets, rule=options.rule, estimator=options.estimator)
    names = f"{language(src).name} → {language(tgt).name}"
    print(f"{names} on {model.card['model']}: {ranking.samples} of {len(lexicon)} words translated right")
    print(ranking.table.to_string(index=False, formatters=dict.fromkeys(("score", "low", "high"), "{:.2e}".format)))
    if ranking.absent:
        print(f"no shared neurons in layer {', '.join(map(str, ranking.absent))}")
    second = f"; a tie with {ranking.table.name[1]}" if ranking.tie else ""
    print(
        f"best bridge: {language(ranking.best).name} ({ranking.best}), first in {ranking.probability:.0%} of resamples{second}"
    )


def run_lab(options: argparse.Namespace) -> None:
    """Open JupyterLab on the notebooks; from a wheel they are first copied to a folder of the user's."""
    folder = notebook_folder()
    if folder.parent == Path(__file__).parent:
        mine = Path("bridgex-notebooks")
        if not mine.exists():
            shutil.copytree(folder, mine)
        folder = mine
    subprocess.run([sys.executable, "-m", "jupyterlab", str(folder)], check=False)


def run_info(options: argparse.Namespace) -> None:
    """Print what a model is and where its neurons are."""
    source, config = find_model(options.model)
    architecture = architecture_of(config)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    architecture.check_paths(model)
    layers, neurons = len(model.get_submodule(architecture.layers)), architecture.num_neurons(model)
    lines = {
        "model": "bridgex-mini (bundled)" if options.model is None else source,
        "architecture": f"{type(model).__name__} ({config.model_type})",
        "parameters": f"{sum(p.numel() for p in model.parameters()):,}",
        "layers": layers,
        "neurons": f"{neurons:,} a layer, {neurons * layers:,} in all",
        "site act": f"output of {architecture.layers}[i].{architecture.act}",
        "site gated": f"input of {architecture.layers}[i].{architecture.down}"
        + ("" if architecture.up else ", the same: no gate"),
        "context": f"{max_tokens(config):,} tokens",
    }
    for name, value in lines.items():
        print(f"{name:<13}{value}")


if __name__ == "__main__":
    sys.exit(main())
