"""``bridgex info``: what a model is and where its neurons are."""

import argparse

import torch
from transformers import AutoModelForCausalLM

from ..models._architectures import architecture_of, max_tokens
from ..models._find_model import locate


def run(options: argparse.Namespace) -> None:
    """Print what a model is and where its neurons are."""
    source = locate(options.model)
    config, quantisation = source.config(), source.quantisation()
    architecture = architecture_of(config)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    architecture.check_paths(model)
    layers, neurons = len(model.get_submodule(architecture.layers)), architecture.num_neurons(model)
    lines = {
        "model": "bridgex-mini (bundled)" if options.model is None else source.name,
        **({} if quantisation is None else {"quantised": f"{quantisation}, unpacked to float32 when it is loaded"}),
        "architecture": f"{type(model).__name__} ({config.model_type})",
        "parameters": f"{sum(parameter.numel() for parameter in model.parameters()):,}",
        "layers": layers,
        "neurons": f"{neurons:,} per layer, {neurons * layers:,} in all",
        "site act": f"output of {architecture.layers}[i].{architecture.act}",
        "site gated": f"input of {architecture.layers}[i].{architecture.down}"
        + ("" if architecture.up else ", the same: no gate"),
        "context": f"{max_tokens(config):,} tokens",
    }
    for name, value in lines.items():
        print(f"{name:<13}{value}")
