"""The names of a trace's processes and lanes, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def process_lane(pid: int, name: str) -> Iterator[dict[str, Any]]:
    """What names a process and puts it in its place."""
    yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
    yield {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": pid}}


def thread_lane(pid: int, tid: int, name: str) -> Iterator[dict[str, Any]]:
    """What names a lane of a process and puts it in its place."""
    yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}
    yield {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": tid}}
