"""The dtype that a model is loaded in when none is asked for."""

import platform
from typing import Any

import torch
from transformers import PretrainedConfig


def fast_bfloat16() -> bool:
    """Whether this processor has units for bfloat16: as torch says, AVX-512-BF16 or AMX, or those of Arm."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if torch.backends.mkldnn.is_available() else False
    return any(getattr(torch.cpu, name, lambda: False)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def default_dtype(config: PretrainedConfig, device_map: Any, remote: bool) -> tuple[str | torch.dtype, str]:
    """The dtype for a checkpoint, "auto" for the checkpoint's own, and why.

    Half precision is several times slower than float32 on a processor without units for it, and the same in all results but for
    rounding.

    Parameters
    ----------
    config : transformers.PretrainedConfig
    device_map
        As in `load_model`; only its device matters.
    remote : bool
        Whether the weights are on another machine.
    """
    stored = config.get_text_config().dtype or config.dtype
    stored = getattr(torch, stored, None) if isinstance(stored, str) else stored
    if remote or not _on_cpu(device_map) or stored not in (torch.float16, torch.bfloat16):
        return "auto", "the checkpoint's"
    name = str(stored).removeprefix("torch.")
    if stored == torch.bfloat16 and fast_bfloat16():
        return "auto", "the checkpoint's; this processor has fast bfloat16"
    return torch.float32, f"{name} in the checkpoint, which this processor has no fast units for"


def _on_cpu(device_map: Any) -> bool:
    """Whether all weights go to the processor."""
    if isinstance(device_map, dict):
        return all(_on_cpu(device) for device in device_map.values())
    if isinstance(device_map, str) and device_map in ("auto", "balanced", "balanced_low_0", "sequential"):
        return not torch.accelerator.is_available()
    return device_map is None or str(device_map).startswith(("cpu", "disk"))
