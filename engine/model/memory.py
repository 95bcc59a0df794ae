"""How much memory this process may use: a container's or a service's limit can make it less than the machine has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from engine.model.cgroups import ROOT, group_folders

FILE_PAGES: Final = ("inactive_file", "active_file")
"""Rows of a group's memory.stat: pages of files, which the system takes back when memory is needed. The machine's own
count of available memory includes them too."""


@dataclass(frozen=True, slots=True)
class HostMemory:
    """Memory of the machine, or of the control group that leaves this process the least."""

    total_bytes: int
    available_bytes: int
    """What can be used without swapping; never below 0."""

    @property
    def used_bytes(self) -> int:
        return self.total_bytes - self.available_bytes


def host_memory(root: Path = ROOT) -> HostMemory:
    """The memory of the machine, within the limits of every control group that this process is in."""
    return memory_within(group_folders("memory", root))


def memory_within(groups: Iterable[Path]) -> HostMemory:
    """The same for groups whose folders are known: for readings that are taken again and again."""
    machine = psutil.virtual_memory()
    total, available = int(machine.total), int(machine.available)
    for folder in groups:
        limit = limit_of(folder)
        if limit is None or limit >= machine.total:  # version 1 says "no limit" by a very large one
            continue
        used = usage_of(folder)
        total = min(total, limit)
        available = min(available, limit if used is None else max(0, limit - used))
    return HostMemory(total, available)


def limit_of(folder: Path) -> int | None:
    """The most bytes that a group may use, None without a limit: `memory.max` and `memory.high` (version 2, beyond
    which it is slowed down), or `memory.limit_in_bytes` (version 1).
    """
    limits = (number_in(folder / name) for name in ("memory.max", "memory.high", "memory.limit_in_bytes"))
    return min((limit for limit in limits if limit is not None), default=None)


def usage_of(folder: Path) -> int | None:
    """The bytes that a group uses, its groups included, without the pages of files; None where it does not tell."""
    for name, prefix in (("memory.current", ""), ("memory.usage_in_bytes", "total_")):
        used = number_in(folder / name)
        if used is not None:
            rows = statistics_in(folder / "memory.stat")
            return max(0, used - sum(rows.get(prefix + pages, 0) for pages in FILE_PAGES))
    return None


def number_in(file: Path) -> int | None:
    """The number that a file of a group holds; None for "max" and where there is no such file."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def statistics_in(file: Path) -> dict[str, int]:
    """The rows of a group's memory.stat, bytes by name; empty where it cannot be read."""
    try:
        rows = (line.split() for line in file.read_text().splitlines())
        return {name: int(value) for name, value in rows}
    except (OSError, ValueError):
        return {}


def size_text(size: int) -> str:
    """A size in bytes as text: in MiB below 1 GiB, else in GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
