"""The unit of a kernel comparison: one operation at one size, and two ways to compute it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One operation at one size: the bytes it must move, the FLOPs it must do, and two ways to compute it."""

    kernel: str
    shape: str
    moved: int
    flops: int
    ours: Run | None
    theirs: Run
    peer: str
