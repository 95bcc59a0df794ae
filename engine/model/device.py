"""The device that a model runs on: chosen by name, made the current one, and asked for its facts.

CUDA keeps a current device a thread. Allocations that name no device, Triton's launches and synchronisation go to it,
so the thread that runs a model makes the model's device current when it loads it; other threads name the device.
"""

from __future__ import annotations

import platform
from pathlib import Path

import psutil
import torch

from engine.errors import UnavailableError


def choose_device(name: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda` or `cuda:i` means here; raises UnavailableError where it is not there."""
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind == "cpu" and not index:
        return torch.device("cpu")
    if kind != "cuda" or (index and not index.isdecimal()):
        raise UnavailableError(f"The device must be auto, cpu, cuda or cuda:N, not {name!r}.")
    if not torch.cuda.is_available():
        why = "PyTorch was built without CUDA" if torch.version.cuda is None else "no CUDA device was found"
        raise UnavailableError(f"The device {name} cannot be used here: {why}; choose cpu.")
    number = int(index or 0)
    if number >= torch.cuda.device_count():
        raise UnavailableError(
            f"There is no device {name}; this machine has {torch.cuda.device_count()} CUDA device(s)."
        )
    return torch.device("cuda", number)


def make_current(device: torch.device) -> None:
    """From now on `device` is the current one of this thread; a CPU always is."""
    if device.type == "cuda":
        torch.cuda.set_device(device)


def device_name(device: torch.device) -> str:
    """What the device calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def total_bytes(device: torch.device) -> int:
    """The memory of the device: a GPU's own, or the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


def free_bytes(device: torch.device) -> int:
    """What can still be taken from the device now; on a GPU, what PyTorch keeps of tensors that are gone counts."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def cuda_uuid(device: torch.device) -> str | None:
    """The UUID by which NVML knows a CUDA device; None for any other."""
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}" if device.type == "cuda" else None
