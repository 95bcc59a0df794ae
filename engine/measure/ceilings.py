"""This device's own ceilings: how fast it reads memory and multiplies matrices, measured once and kept on disk.

Reading is timed by `torch.sum` of a large array. A copy (`copy_`) would not do: it writes as much as it reads and on a
CPU first fetches the lines it writes, so it shows a third of what a step that only reads weights can reach, and MBU
would pass 100 %.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
import psutil
import torch
from platformdirs import user_cache_dir

REPEATS: Final = 30
SECONDS: Final = 0.3
"""About how long each of the two measurements may take."""
GLANCE_S: Final = 0.03
"""How long each may take where a measurement is known already."""
BYTES: Final = {"cpu": (128 * 2**20, 2**30), "cuda": (2 * 2**30, 2 * 2**30)}
"""Least and most bytes that are read: as many as a step reads, since a cache can hold a smaller array whole."""
SIDE: Final = {"cpu": 1024, "cuda": 8192}


class Ceilings(msgspec.Struct, frozen=True):
    """Measured peaks: bytes read a second, FLOPs a second of a square matrix product in the model's dtype."""

    read_bytes_per_s: float
    flops_per_s: float


def ceilings_of(
    device: torch.device, dtype: torch.dtype, device_name: str, weight_bytes: int, folder: Path | None = None
) -> Ceilings:
    """The ceilings of a device, dtype, number of threads and size of model: the best that was ever measured here.

    They are measured at the first call and kept on disk. Later calls look once more, briefly, and keep what is better:
    what was measured on a busy machine is no ceiling.
    """
    file = (folder or Path(user_cache_dir("decodescope"))) / "ceilings.json"
    size = read_size(device, weight_bytes)
    threads = torch.get_num_threads()
    key = f"{device_name} {device.type} {dtype} {threads} threads {size >> 20} MiB torch {torch.__version__}"
    known = _read(file)
    before = known.get(key)
    found = measure(device, dtype, size) if before is None else measure(device, dtype, size, GLANCE_S)
    if before is not None:
        found = Ceilings(
            max(before.read_bytes_per_s, found.read_bytes_per_s), max(before.flops_per_s, found.flops_per_s)
        )
    if found != before:
        _write(file, {**known, key: found})
    return found


def read_size(device: torch.device, weight_bytes: int) -> int:
    """How many bytes to read for a model of `weight_bytes`: a power of two within `BYTES`, the least where memory is
    short.
    """
    least, most = BYTES[device.type]
    size = min(max(1 << max(0, weight_bytes - 1).bit_length(), least), most)
    return least if device.type == "cpu" and 4 * size > psutil.virtual_memory().available else size


def measure(device: torch.device, dtype: torch.dtype, size: int, seconds: float = SECONDS) -> Ceilings:
    """Measure both ceilings, reading `size` bytes; the best of a few runs counts: a ceiling is what can be reached.

    The factors are random: a GPU multiplies equal numbers faster than any real weights, as fewer of its wires switch.
    """
    read_s, multiply_s = reading_s(device, size, seconds), multiplying_s(device, dtype, seconds)
    release(device)
    return Ceilings(size / read_s, 2 * SIDE[device.type] ** 3 / multiply_s)


def reading_s(device: torch.device, size: int, seconds: float) -> float:
    """The shortest time to read `size` bytes."""
    array = torch.ones(size // 4, dtype=torch.float32, device=device)
    return best_s(array.sum, device, seconds)


def multiplying_s(device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    """The shortest time of a product of SIDE³."""
    side = SIDE[device.type]
    a = torch.randn(side, side, device=device).to(dtype)
    out = torch.empty_like(a)
    return best_s(lambda: torch.mm(a, a, out=out), device, seconds)


def release(device: torch.device) -> None:
    """Give back to a GPU what its allocator would keep of arrays that are gone: it is no part of what is profiled."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def best_s(run: Callable[[], object], device: torch.device, seconds: float = SECONDS) -> float:
    """The shortest of several runs, in seconds; stops early where one takes long."""
    times: list[float] = []
    while len(times) <= REPEATS and sum(times) < seconds:
        start = perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(perf_counter() - start)
    return min(times)


def _read(file: Path) -> dict[str, Ceilings]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Ceilings])
    except (OSError, msgspec.DecodeError):
        return {}  # never measured, or not readable: measure again


def _write(file: Path, known: dict[str, Ceilings]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps({key: msgspec.to_builtins(value) for key, value in known.items()}, indent=1))
        partial.replace(file)
    except OSError:
        return  # a cache that cannot be written costs a measurement next time, nothing else
