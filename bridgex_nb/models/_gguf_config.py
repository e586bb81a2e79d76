"""What a GGUF file says about its model and transformers does not take over into the configuration."""

from pathlib import Path

from transformers import PretrainedConfig

from ._gguf_header import GgufHeader


def complete_config(config: PretrainedConfig, header: GgufHeader, path: Path) -> PretrainedConfig:
    """The configuration with the values that transformers left out."""
    for tensor in header.tensors:
        if tensor.name == "token_embd.weight":
            config.vocab_size = tensor.shape[0]
    return config
