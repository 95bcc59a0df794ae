"""What is timed when kernels are compared: one operation at one size, and two ways of doing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One operation at one size: bytes it must move, FLOPs it must do, and two ways of doing it."""

    kernel: str
    shape: str
    moved: int
    flops: int
    ours: Run | None
    theirs: Run
    peer: str
