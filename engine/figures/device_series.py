"""What devices reported, by reading and range, and the energy of a token."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.pauses import pauses_of
from engine.figures.step_range import StepRange, step_slice
from engine.session.columns import Columns
from engine.session.store import Session

Series = tuple[NDArray[np.int64], NDArray[np.float64]]
"""(t_ns, value) of one reading, in order of time."""
NO_SERIES: Final[Series] = (np.empty(0, np.int64), np.empty(0))


class DeviceSeries:
    """The samples of a Session sorted into one series for each reading; `update` processes only new samples."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._taken = 0
        self._series: dict[tuple[str, str], Columns] = {}

    @property
    def devices(self) -> list[str]:
        """Devices that reported anything, the host (`cpu`) last."""
        return sorted({device for device, _ in self._series}, key=lambda device: (device == "cpu", device))

    @property
    def readings(self) -> list[tuple[str, str]]:
        """(device, name) of every reading that was reported."""
        return sorted(self._series)

    def update(self) -> bool:
        """Take the samples that came since the last call; returns whether there were any."""
        samples = self.session.device_samples
        first, end = self._taken, len(samples)
        if first == end:
            return False
        rows: dict[tuple[str, str], list[tuple[int, float]]] = {}
        columns = (samples[name][first:end].tolist() for name in ("device", "name", "t_ns", "value"))
        for device, name, t_ns, value in zip(*columns, strict=True):
            if math.isfinite(value):  # NaN and infinity can neither be drawn nor averaged
                rows.setdefault((device, name), []).append((t_ns, value))
        for key, values in rows.items():
            if key not in self._series:
                self._series[key] = Columns({"t_ns": np.int64, "value": np.float64}, capacity=256)
            self._series[key].extend(values)
        self._taken = end
        return True

    def reading(self, device: str, name: str) -> Series:
        """One reading of one device; empty where it does not report it."""
        columns = self._series.get((device, name))
        if columns is None:
            return NO_SERIES
        count = len(columns)
        return columns["t_ns"][:count], columns["value"][:count]


def in_range(series: Series, session: Session, steps: StepRange) -> Series:
    """The part of a series that was read while a range of steps ran."""
    rows = step_slice(session, steps)
    if steps is None or rows.start >= rows.stop:
        return series
    first = np.searchsorted(series[0], session.steps["start_ns"][rows.start], "left")
    end = np.searchsorted(series[0], session.steps["end_ns"][rows.stop - 1], "right")
    return series[0][first:end], series[1][first:end]


def mean_of(series: Series, session: Session) -> float:
    """The mean of a series that is not empty: of the values read outside of pauses, or of all if there are none."""
    t_ns, values = series
    pauses = pauses_of(session)
    piece = np.searchsorted(pauses.since_ns, t_ns, "right") - 1
    held = np.zeros(len(t_ns), bool)
    held[piece >= 0] = t_ns[piece >= 0] < pauses.until_ns[piece[piece >= 0]]
    return float(values[~held].mean() if not held.all() else values.mean())


def joules_per_token(series: DeviceSeries, steps: StepRange = None) -> float | None:
    """Energy a token between the first and the last reading of a range, pauses left out; None where no device
    reports it.

    From the device's energy counter where there is one, else from its power, by the trapezoidal rule.
    """
    session = series.session
    for device in series.devices:
        t_ns, joules = in_range(series.reading(device, "energy_joules"), session, steps)
        if len(t_ns) < 2:
            t_ns, watts = in_range(series.reading(device, "power_watts"), session, steps)
            joules = np.concatenate([[0.0], np.cumsum(np.diff(t_ns) / 1e9 * (watts[1:] + watts[:-1]) / 2)])
        if len(t_ns) < 2:
            continue
        emitted = session.tokens["emitted_ns"]
        tokens = int(np.count_nonzero((emitted > t_ns[0]) & (emitted <= t_ns[-1])))
        if tokens:
            pauses = pauses_of(session)
            held = np.interp(np.minimum(pauses.until_ns, t_ns[-1]), t_ns, joules)
            held -= np.interp(np.minimum(pauses.since_ns, t_ns[-1]), t_ns, joules)
            return float(joules[-1] - joules[0] - held.sum()) / tokens
    return None
