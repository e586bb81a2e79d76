"""The command line: what the commands are and what they take.

Each command has a file of its own, imported when the command runs: help and the version need neither torch nor transformers.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from ..exceptions import InputError

#: `bridgex_nb.neurons.RULES`, `bridgex_nb.stats.ESTIMATORS` and the default rate, repeated here because those need torch.
RULES = ("fully_activated", "exclusive", "active", "minus_overlap")
ESTIMATORS = ("biased", "unbiased", "normalized", "reference")
RATE = 0.05
#: What every command takes as a model.
MODEL = "folder, GGUF file, packaged model (bridgex models) or hub id (default: the bundled bridgex-mini)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        Exit code: 0, 2 for bad input, which is reported in one line, or 130 after Ctrl-C.

    Examples
    --------
    >>> main(["bridge", "sw", "sw"])  # and on stderr: source and target are both 'sw'
    2
    """
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    if options.command == "lab":
        options.others = others
    elif others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: print(f"bridgex: warning: {message}", file=sys.stderr)
        try:
            command = import_module(f"._{options.command}", __package__)
            # The error says all there is to say about a hub that cannot be reached.
            import_module("huggingface_hub.utils.logging").set_verbosity_error()
            command.run(options)
        except InputError as error:
            print(f"bridgex: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("bridgex: interrupted", file=sys.stderr)
            return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bridgex", description="The neurons that languages share inside large language models."
    )
    parser.add_argument("--version", action="version", version=f"bridgex {version('bridgex-nb')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    figures = commands.add_parser("figures", help="run the notebooks and write every figure with its numbers")
    figures.add_argument("--model", help=MODEL)
    figures.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder to write to (default: figures; with --model figures/NAME)"
    )
    figures.add_argument("--only", nargs="+", metavar="NUMBER", help="notebooks to run, by number: --only 03 04 (default: all)")
    figures.add_argument(
        "--limit",
        type=int,
        metavar="WORDS",
        help="words in each measurement (default: 150 in notebooks 03, 05 and 06, all in the others; 30 with --model)",
    )
    figures.add_argument("--pair", metavar="SRC-TGT", help="language pair of the notebooks that show one, e.g. ar-he")
    figures.add_argument("--compare", type=Path, metavar="FOLDER", help="figures of another model, to show side by side")
    figures.add_argument(
        "--pdf", action="store_true", help="write each figure as PDF too, as wide as one or two columns of a page"
    )

    bridge = commands.add_parser("bridge", help="rank the bridge languages of one pair")
    bridge.add_argument("src", help="source language, e.g. sw")
    bridge.add_argument("tgt", help="target language, e.g. tl")
    bridge.add_argument("--model", help=MODEL)
    bridge.add_argument(
        "--lexicon",
        nargs="+",
        metavar="FILE",
        help="a source-target dictionary in MUSE's format; or two files, source-English and English-target, to pivot",
    )
    bridge.add_argument(
        "--texts",
        metavar="SOURCE",
        help="folder or hub id of parallel texts (FLORES-200, NTREX, UDHR) to find language neurons with; "
        "needed for languages outside the study (default: the bundled sentences)",
    )
    bridge.add_argument("--bridges", nargs="+", metavar="CODE", help="bridge languages to compare (default: en de fr it pt es)")
    bridge.add_argument(
        "--rate", type=float, default=RATE, help="share of all neurons in a language's set (default: %(default)s)"
    )
    bridge.add_argument("--rule", choices=RULES, default=RULES[0], help="what a bridge's specific neurons are")
    bridge.add_argument("--estimator", choices=ESTIMATORS, default=ESTIMATORS[0], help="HSIC estimator")

    board = commands.add_parser("leaderboard", help="compare selectors of bridges by their regret, on one model or several")
    board.add_argument("models", nargs="*", metavar="MODEL", help=MODEL)
    board.add_argument(
        "--pairs", nargs="+", metavar="SRC-TGT", help="language pairs, e.g. sw-tl ar-he (default: the fifteen of the study)"
    )
    board.add_argument("--limit", type=int, default=150, metavar="WORDS", help="words of each pair (default: %(default)s)")
    board.add_argument(
        "--shots",
        type=int,
        metavar="EXAMPLES",
        help="worked examples before each word (default: 4; for the bundled model none)",
    )
    board.add_argument(
        "--rate", type=float, default=RATE, help="share of all neurons in a language's set (default: %(default)s)"
    )
    board.add_argument(
        "--store", type=Path, metavar="FOLDER", help="keep answers and counts there; the same command then continues from them"
    )
    board.add_argument(
        "--add", type=Path, metavar="FILE", help="add the leaderboards to this file, and show all that are in it side by side"
    )

    commands.add_parser("lab", help="open JupyterLab on the notebooks; takes JupyterLab's own options", add_help=False)

    info = commands.add_parser("info", help="say what a model is and where its neurons are; reads no weights")
    info.add_argument("model", nargs="?", help=MODEL)

    commands.add_parser("models", help="list the models that come with this package or as packages, and their terms of use")
    return parser
