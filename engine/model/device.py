"""The device that a model runs on: choose it by name, make it the current one, and ask for its name, memory and UUID.

CUDA has one current device per thread. Allocations without a device, Triton's launches and synchronisation use it. So
the thread that runs a model makes the model's device current when it loads the model; other threads name the device.
"""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from engine.errors import UnavailableError
from engine.model.memory import host_memory


def choose_device(name: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`; raises UnavailableError for any other or a missing one."""
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
    """Make `device` the current device of this thread; for a CPU nothing is done."""
    if device.type == "cuda":
        torch.cuda.set_device(device)


def device_name(device: torch.device) -> str:
    """The product name of the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def total_bytes(device: torch.device) -> int:
    """Bytes of memory of the device: the GPU's own, or what this process may use of the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return host_memory().total_bytes


def free_bytes(device: torch.device) -> int:
    """Free bytes of the device now. On a GPU PyTorch's cache of freed memory is emptied first, so it counts."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return int(torch.cuda.mem_get_info(device)[0])
    return host_memory().available_bytes


def cuda_uuid(device: torch.device) -> str | None:
    """The UUID by which NVML knows a CUDA device; None for any other."""
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}" if device.type == "cuda" else None
