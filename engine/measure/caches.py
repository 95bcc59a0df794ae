"""The caches between the processors of a device and its memory: name and size, as the system reports them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

import torch

SYSFS: Final = Path("/sys/devices/system/cpu")
UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


class CacheLevel(NamedTuple):
    """A level of cache: its name (`L2`), and the bytes of all caches of this level that the threads of a run use."""

    name: str
    size_bytes: int


def cache_levels(device: torch.device, threads: int) -> list[CacheLevel]:
    """The caches from the second level on, smallest first; none where they are not reported."""
    if device.type == "cuda":
        size = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0)
        return [CacheLevel("L2", int(size))] if size else []
    return cpu_caches(threads)


def cpu_caches(threads: int, root: Path = SYSFS, cpus: list[int] | None = None) -> list[CacheLevel]:
    """The second and third level of cache of the first `threads` processors that this process may use.

    A cache that several of these processors share counts once.
    """
    if cpus is None:
        cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    found: dict[int, dict[str, int]] = {}
    for cpu in cpus[:threads]:
        for folder in sorted((root / f"cpu{cpu}" / "cache").glob("index*")):
            try:
                level, kind, size, shared = (
                    (folder / name).read_text(encoding="ascii").strip()
                    for name in ("level", "type", "size", "shared_cpu_list")
                )
            except OSError:
                continue
            if kind != "Instruction" and int(level) in (2, 3):
                found.setdefault(int(level), {})[shared] = size_in_bytes(size)
    levels = [CacheLevel(f"L{level}", sum(sizes.values())) for level, sizes in sorted(found.items())]
    return [one for one in levels if one.size_bytes > 0]


def size_in_bytes(text: str) -> int:
    """`512K` as 524288; 0 for anything else."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(match[1]) * UNITS[match[2]] if match else 0
