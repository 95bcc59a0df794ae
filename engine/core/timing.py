"""What a step is timed with: spans around its phases, and the times read from them when it is over."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import PHASES


class PhaseTimer(Protocol):
    """Adds the time spent inside `with timer(phase):` to that phase of the current layer. Phases never nest."""

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        """The span of one phase; `phase` is one of schema.PHASES."""

    def layer(self, index: int) -> None:
        """What follows belongs to layer `index`; `layers` (one past the last) stands for no layer."""

    def pause(self) -> None:
        """What the device does from here on belongs to no phase until the next one begins.

        A phase on a device lasts until the next boundary, and the last one of a step until this: call it where work
        follows that is of no phase, and before the copy that waits for the step's tokens.
        """


class StepTimes(Protocol):
    """What a step's time is read from when it is over."""

    @property
    def cost_ns(self) -> float:
        """What timing the step cost it: its spans, each at what one of this timer's was measured to cost here."""

    @property
    def reading_ns(self) -> int:
        """What the host has spent on reading this step's times so far."""

    @property
    def device_ns(self) -> int:
        """The time the device was busy, -1 where it is not told apart from the host's."""

    def read_us(self, wall_us: float) -> NDArray[np.float32]:
        """µs by phase, float32 [rows, len(PHASES)]; `other` of the last row is what `wall_us` has left (at least 0)."""


class StepTimer(PhaseTimer, StepTimes, Protocol):
    """A phase timer that a whole step can be read from."""

    def begin(self) -> None:
        """Forget the step before."""

    def spent_us(self) -> NDArray[np.float64]:
        """µs by phase as timed, float64 [rows, len(PHASES)], `other` empty; no rows where nothing is timed."""


class NoTimer:
    """Observes nothing and costs next to nothing."""

    _span = nullcontext()
    cost_ns = 0.0
    reading_ns = 0
    device_ns = -1

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        return self._span

    def layer(self, index: int) -> None:
        pass

    def begin(self) -> None:
        pass

    def pause(self) -> None:
        pass

    def spent_us(self) -> NDArray[np.float64]:
        return np.empty((0, len(PHASES)))

    def read_us(self, wall_us: float) -> NDArray[np.float32]:
        return np.empty((0, len(PHASES)), np.float32)
