"""How many processors this process may use: an affinity mask or a container's quota can make them fewer."""

from __future__ import annotations

import math
import os
from pathlib import Path

import psutil

from engine.model.cgroups import ROOT, group_folders


def usable_cores(root: Path = ROOT) -> int:
    """Physical cores that this process may use, at least 1: those of its affinity mask, within its cgroup's quota."""
    allowed = allowed_processors()
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    if allowed is not None:
        cores = min(cores, len({siblings(processor, root) for processor in allowed}))
    quota = cgroup_quota(root)
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def allowed_processors() -> set[int] | None:
    """The logical processors that this process may run on; None where the system does not report them."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def siblings(processor: int, root: Path = ROOT) -> str:
    """The logical processors that share this one's core, as Linux lists them; this one alone where there is no list."""
    file = root / f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list"
    try:
        return file.read_text().strip() or str(processor)
    except OSError:
        return str(processor)


def cgroup_quota(root: Path = ROOT) -> float | None:
    """The smallest quota of the cgroups that this process is in, in processors; None where no quota is set."""
    quotas = (quota_of(folder) for folder in group_folders("cpu", root))
    return min((quota for quota in quotas if quota is not None), default=None)


def quota_of(folder: Path) -> float | None:
    """The quota of one cgroup, in processors: `cpu.max` (version 2) or `cpu.cfs_quota_us` (version 1)."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        if quota == "max" or int(quota) <= 0 or int(period) <= 0:
            return None
        return int(quota) / int(period)
    except (OSError, ValueError):
        return None
