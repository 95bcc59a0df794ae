"""The child processes of the suite, counted while threads and processes come and go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

TASKS = Path("/proc/self/task")


def children() -> set[psutil.Process]:
    """Processes that this one, or one of these, started and that have not ended."""
    if not may_have_children(TASKS.glob("*/children")):
        return set()
    return {child for child in psutil.Process().children(recursive=True) if _lives(child)}


def may_have_children(lists: Iterable[Path]) -> bool:
    """Whether one of the kernel's lists of a thread's children names any; True too where that cannot be told.

    psutil looks through every process of the machine, which takes 25 times as long. A thread that ended between the
    listing and the reading has left its children to another thread, whose list may have been read before.
    """
    told = False
    for one in lists:
        try:
            if one.read_text():
                return True
        except OSError:
            return True
        told = True
    return not told


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
