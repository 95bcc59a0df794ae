"""NVTX ranges around phases, so that Nsight Systems shows the names that the panels show.

    nsys profile --trace=cuda,nvtx --cuda-graph-trace=node decodescope record --nvtx ...

The ranges are on the host's timeline. A phase that runs operation by operation has a range around its launches. A
captured step has one around its replay (`replay 8x1`), as one call launches all phases of a graph; the graph's kernels
are listed there.
"""

from __future__ import annotations

from array import array
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.timing import StepTimer


class Ranges(Protocol):
    """The functions of `torch.cuda.nvtx` that are used here."""

    def range_push(self, msg: str) -> object:
        """Open a range inside the open ranges."""

    def range_pop(self) -> object:
        """Close the innermost range."""


class _Range:
    """A phase's own span within a range of its name."""

    __slots__ = ("_inner", "_name", "_ranges")

    def __init__(self, inner: AbstractContextManager[None], name: str, ranges: Ranges) -> None:
        self._inner = inner
        self._name = name
        self._ranges = ranges

    def __enter__(self) -> None:
        self._ranges.range_push(self._name)
        self._inner.__enter__()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._inner.__exit__(None, None, None)
        self._ranges.range_pop()


class NvtxTimer:
    """Wraps another timer and puts a range around each of its spans."""

    def __init__(self, inner: StepTimer, ranges: Ranges) -> None:
        self._inner = inner
        self._ranges = ranges

    @property
    def cost_ns(self) -> float:
        return self._inner.cost_ns

    @property
    def reading_ns(self) -> int:
        return self._inner.reading_ns

    @property
    def device_ns(self) -> int:
        return self._inner.device_ns

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        return _Range(self._inner(phase), phase, self._ranges)

    def layer(self, index: int) -> None:
        self._inner.layer(index)

    def begin(self) -> None:
        self._inner.begin()

    def pause(self) -> None:
        self._inner.pause()

    def inside(self) -> array[float] | None:
        return self._inner.inside()

    def cost_inside(self, cost_ns: float) -> None:
        self._inner.cost_inside(cost_ns)

    def spent_us(self) -> NDArray[np.float64]:
        return self._inner.spent_us()

    def read_phases(self, wall_us: float) -> bytes:
        return self._inner.read_phases(wall_us)
