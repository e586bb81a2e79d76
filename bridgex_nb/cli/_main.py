"""The command line: bridgex figures | bridge | lab | info."""

import argparse
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from huggingface_hub.utils import logging as huggingface_logging
from transformers import AutoModelForCausalLM

from ..activations._count_active import count_active
from ..activations._probe import probe
from ..bridges._bridgex_icl import rank_bridges
from ..datasets._corpora import core_sentences
from ..datasets._languages import language
from ..datasets._lexicon import core_lexicon, pivot, read_muse
from ..evaluation._xicl import known_words
from ..exceptions import InputError
from ..models._architectures import architecture_of, max_tokens
from ..models._load_model import find_model, load_model
from ..neurons._sets import RULES, top_neurons
from ..stats._hsic import ESTIMATORS
from ._gallery import figures_in, notebook_folder, write_comparison, write_gallery
from ._study import run_notebooks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0, or 2 for bad input, which is told in one line."""
    parser = argparse.ArgumentParser(
        prog="bridgex", description="The neurons that languages share inside large language models."
    )
    parser.add_argument("--version", action="version", version=f"bridgex {version('bridgex-nb')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    figures = commands.add_parser("figures", help="run the notebooks and write every figure with its numbers")
    figures.add_argument("--model", help="folder or hub id (default: the bundled bridgex-mini)")
    figures.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder to write to (default: figures; with --model figures/NAME)"
    )
    figures.add_argument("--only", nargs="+", metavar="NUMBER", help="notebooks to run, by number: --only 03 04 (default: all)")
    figures.add_argument("--pair", metavar="SRC-TGT", help="language pair of the notebooks that show one, e.g. ar-he")
    figures.add_argument("--compare", type=Path, metavar="FOLDER", help="figures of another model, to be shown side by side")
    figures.add_argument("--pdf", action="store_true", help="each figure as PDF too, as wide as one or two columns of a page")
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

    lab = commands.add_parser("lab", help="open JupyterLab on the notebooks; takes JupyterLab's own options", add_help=False)
    lab.set_defaults(run=run_lab)

    info = commands.add_parser("info", help="say what a model is and where its neurons are; reads no weights")
    info.add_argument("model", nargs="?", help="folder or hub id (default: the bundled bridgex-mini)")
    info.set_defaults(run=run_info)

    options, others = parser.parse_known_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    if options.command == "lab":
        options.others = others
    elif others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
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


def run_figures(options: argparse.Namespace) -> None:
    """Run the notebooks; figures and tables go to --out, the executed notebooks below it."""
    # Looked at first, so that a model that cannot be used is told in one line and not from inside a notebook.
    source, config = find_model(options.model)
    architecture_of(config)
    notebooks = {notebook.name[:2]: notebook for notebook in sorted(notebook_folder().glob("[0-9][0-9]_*.ipynb"))}
    chosen = [number.zfill(2)[:2] for number in options.only or notebooks]  # 3 and 03_bridge_selection are 03 too
    if unknown := {*chosen} - {*notebooks}:
        raise InputError(f"no notebook {', '.join(sorted(unknown))}; there are {' '.join(notebooks)}")
    parameters = {}
    if options.pair:
        src, dash, tgt = options.pair.partition("-")
        if not dash:
            raise InputError(f"--pair takes two language codes with a dash between, such as sw-tl, not {options.pair!r}")
        core_lexicon(src, tgt)  # refuses what is no pair
        parameters |= {"src": src, "tgt": tgt}
    if options.compare and not any(options.compare.glob("[0-9][0-9]_*.png")):
        raise InputError(f"{options.compare}: no figures there to compare with; `bridgex figures` writes them")
    shown = options.out or Path("figures")
    if options.model:
        parameters["model_name"] = str(Path(source).resolve()) if Path(source).is_dir() else source
        shown = options.out or shown / Path(source).resolve().name  # never over those of the bundled model
    out = shown.resolve()
    # The bundled model is too small to keep several cores busy: notebooks side by side do. Another one is in memory once.
    workers = 1 if options.model else min(4, os.cpu_count() or 1)
    try:
        changed = run_notebooks([notebooks[one] for one in sorted(chosen)], out, parameters, workers=workers, pdf=options.pdf)
    except KeyboardInterrupt:
        write_gallery(out)
        print(f"\nbridgex: what is finished stays in {shown}; the same command goes on from there", file=sys.stderr)
        raise
    pages = [write_gallery(out)] + ([write_comparison(out, options.compare.resolve())] if options.compare else [])
    count = len(figures_in(out))
    print(f"{count} figure{'s' * (count != 1)} in {shown}, new or changed: {', '.join(changed) or 'none, all are as before'}")
    print(f"to look at: {', '.join(str(shown / page.name) for page in pages)}; executed notebooks: {shown / 'notebooks'}")


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
    print(ranking.summary)


def run_lab(options: argparse.Namespace) -> None:
    """Open JupyterLab on the notebooks; from a wheel they are first copied to a folder of the user's."""
    folder = notebook_folder()
    if folder.parent == Path(__file__).parents[1]:
        mine = Path("bridgex-notebooks")
        if not mine.exists():
            shutil.copytree(folder, mine)
        folder = mine
    subprocess.run([sys.executable, "-m", "jupyterlab", str(folder), *options.others], check=False)


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
