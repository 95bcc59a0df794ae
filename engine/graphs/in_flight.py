"""A captured step between its launch and its landing, and the times for its record."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.core.batch import Batch
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.timing import StepTimer
from engine.graphs.captured import CapturedStep
from engine.graphs.device import StreamEvent
from engine.measure.phase_table import with_other
from engine.session.schema import Launch


@dataclass(frozen=True, slots=True)
class InFlightStep:
    """A step that was launched; its device work may still be going on.

    `rows` gives each request's row. `drawn` float64 [rows · width, OUT] in host memory is valid once `landed` is past;
    None for a step that draws no tokens inside; its `logits` [rows · width, vocab] are on the device.
    """

    chunks: list[ScheduledChunk]
    batch: Batch
    rows: dict[int, int]
    step: CapturedStep
    launch: Launch
    kernel: str
    started: StreamEvent
    finished: StreamEvent
    landed: StreamEvent
    drawn: Tensor | None
    logits: Tensor | None


class InFlightTimes:
    """The times of a captured step that has landed, for its record, and the cost of measuring them.

    The host works on the next step while the device works on this one, but phases may not overlap. So host phases are
    scaled down to the part of the wall time that the device's time leaves: this is what they really add to it.
    """

    def __init__(
        self, device_us: NDArray[np.float64], busy_ns: int, host: StepTimer, *, apart: bool, extra_ns: float = 0.0,
        reading_ns: int = 0, late: bool = True,
    ) -> None:  # fmt: skip
        """`device_us` [rows, phases] are the phases of `busy_ns` of device time; `host` timed the rest of the step.

        `apart`: the device's time is measured apart from the host's and recorded. `extra_ns`: how much longer the
        device took because its phases were timed. `reading_ns`: the host's time for reading them. `late`: the device
        was done before the host asked.
        """
        self._device_us = device_us
        self._busy_ns = busy_ns
        self._host = host
        self._apart = apart
        self._extra_ns = extra_ns
        self.reading_ns = reading_ns
        self.late = late
        self.device_ns = -1

    @property
    def cost_ns(self) -> float:
        return self._extra_ns + self._host.cost_ns

    def read_phases(self, wall_us: float) -> bytes:
        since_ns = perf_counter_ns()
        phases = self._table_us(wall_us).tobytes()
        self.reading_ns += perf_counter_ns() - since_ns
        return phases

    def _table_us(self, wall_us: float) -> NDArray[np.float32]:
        host_us = self._host.spent_us()
        if self._apart:
            self.device_ns = round(min(self._busy_ns + max(0, self._host.device_ns), 1e3 * wall_us))
        if not len(self._device_us) or not len(host_us):
            return np.empty((0, host_us.shape[1]), np.float32)
        timed_us = self._device_us
        if len(timed_us) != len(host_us):  # the level of detail changed while the step was in flight
            timed_us, host_us = timed_us.sum(0, keepdims=True), host_us.sum(0, keepdims=True)
        device_us = timed_us * min(1.0, wall_us / max(float(timed_us.sum()), 1e-9))
        left_us = max(0.0, wall_us - float(device_us.sum()))
        return with_other(device_us + host_us * min(1.0, left_us / max(float(host_us.sum()), 1e-9)), wall_us)
