"""Times phases by the host's clock, and measures the cost of this timing during the timed work itself."""

from __future__ import annotations

from array import array
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from statistics import median
from time import perf_counter_ns
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.measure.phase_table import OTHER
from engine.session.schema import PHASES

CODES: Final = {phase: code for code, phase in enumerate(PHASES)}
PRICED_EVERY: Final = 64
"""One step in so many measures the cost of its spans; the second step is the first to do so, as step 1 is a prefill."""
FIRST_PRICED: Final = 2
PRICES_KEPT: Final = 9
TRIMMED: Final = 0.1
"""Share of a step's readings that is left out at each end, as the reading of an interrupted span is too long."""


class HostTimer:
    """Times phases by the host's clock; `by_layer` gives each layer a row, otherwise there is one row.

    The last of the layers + 1 rows is for work outside the layers. A span appends its cell of the table and two
    readings of the clock to a list, which is summed when the step is read. So the timing of a step touches a small,
    contiguous piece of memory, and not an object for each phase of each layer.

    `span_ns` is the assumed cost of a span until it is measured in this run. A span after a product, which has filled
    the processor's caches with other data, takes two to three times as long as one in an empty loop. So the cost is
    measured in place: in one step of `PRICED_EVERY` each span runs an additional span around no work. Every second
    additional span is one of a timer that does nothing. The cost of a span is the difference between the two kinds.
    """

    def __init__(self, layers: int, by_layer: bool, span_ns: float = 0.0) -> None:
        self._rows = layers + 1 if by_layer else 1
        self._by_layer = by_layer
        self.span_ns = span_ns
        """The cost of a span in ns: the median of the last steps that measured it."""
        self._prices: deque[float] = deque(maxlen=PRICES_KEPT)
        self._steps = -1
        self._pricing = _Pricing(self)
        self._nothing_inside = array("d", bytes(8 * self._rows * len(PHASES)))
        self._inside = self._nothing_inside[:]
        self.device_ns = -1
        self.begin()

    @property
    def spans(self) -> int:
        """How many spans the step has had."""
        return len(self._log) // 3

    @property
    def cost_ns(self) -> float:
        return self.spans * self.span_ns + self._pricing.spent_ns + self._cost_inside_ns

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        self._add(self._row + CODES[phase])
        return self._span

    def __enter__(self) -> None:
        self._add(perf_counter_ns())

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._add(perf_counter_ns())

    def layer(self, index: int) -> None:
        if self._by_layer:
            self._row = len(PHASES) * index

    def begin(self) -> None:
        self._log: list[int] = []
        """Three numbers per span: its cell in the table, its start and its end, both in ns."""
        self._inside[:] = self._nothing_inside
        self._cost_inside_ns = 0.0
        self._add = self._log.append
        self._row = len(PHASES) * (self._rows - 1)
        self._steps += 1
        if self._pricing.readings:
            self._prices.append(self._pricing.price_ns())
            self.span_ns = median(self._prices)
        self._pricing.begin()
        priced = self._steps % PRICED_EVERY == FIRST_PRICED
        self._span: AbstractContextManager[None] = self._pricing if priced else self
        self.reading_ns = 0

    def pause(self) -> None:
        pass

    def inside(self) -> array[float]:
        return self._inside

    def cost_inside(self, cost_ns: float) -> None:
        self._cost_inside_ns += cost_ns

    def spent_us(self) -> NDArray[np.float64]:
        return np.array(self._cells_us()).reshape(self._rows, len(PHASES))

    def read_phases(self, wall_us: float) -> bytes:
        since_ns = perf_counter_ns()
        cells = self._cells_us()
        cells[OTHER - len(PHASES)] += max(0.0, wall_us - sum(cells))
        phases = array("f", cells).tobytes()
        self.reading_ns = perf_counter_ns() - since_ns
        return phases

    def _cells_us(self) -> list[float]:
        """µs by row and phase, row after row. Plain Python: after a step numpy's code is in no cache and is slower."""
        cells = self._inside.tolist()
        log = iter(self._log)
        for cell, start_ns, end_ns in zip(log, log, log, strict=True):
            cells[cell] += 1e-3 * (end_ns - start_ns)
        return cells


class _Pricing:
    """The spans of a step that measures their cost: each ends with an additional span, which is timed as a whole."""

    def __init__(self, timer: HostTimer) -> None:
        self._timer = timer
        self._dummy: list[int] = []
        self._nothing = nullcontext()
        self.readings: list[int] = []
        """Times of the additional spans, in ns: alternately one that times and one that does nothing."""
        self.spent_ns = 0

    def begin(self) -> None:
        """Forget the step before."""
        self.readings.clear()
        self.spent_ns = 0

    def __enter__(self) -> None:
        self._timer._add(perf_counter_ns())

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        timer, dummy = self._timer, self._dummy
        end_ns = perf_counter_ns()
        if len(self.readings) % 2:
            with self.idle("other"):
                pass
        else:
            add, timer._add, timer._span = timer._add, dummy.append, timer
            with timer("other"):
                pass
            timer._add, timer._span = add, self
            dummy.clear()
        timer._add(end_ns)
        passed_ns = perf_counter_ns() - end_ns
        self.readings.append(passed_ns)
        self.spent_ns += passed_ns

    def idle(self, phase: str) -> AbstractContextManager[None]:
        """A span of a timer that does nothing, as that of NoTimer."""
        return self._nothing

    def price_ns(self) -> float:
        """The cost of a span in ns: trimmed mean of the spans that time, minus that of the spans that do nothing."""
        timed, idle = self.readings[::2], self.readings[1::2]
        return max(0.0, trimmed_mean(timed) - trimmed_mean(idle)) if idle else 0.0


def trimmed_mean(values: list[int]) -> float:
    """The mean without the `TRIMMED` share of the smallest and of the largest values."""
    ordered = sorted(values)
    left_out = int(TRIMMED * len(ordered))
    kept = ordered[left_out : len(ordered) - left_out]
    return sum(kept) / len(kept)
