"""Measures how busy the machine is during a measurement, which decides whether a ceiling is one of a quiet machine.

There are three kinds of readings, as each one misses something: processor time of other processes (it does not show a
hypervisor); time stolen by the hypervisor and threads ready to run (counted by the system, in ticks); and a short run
pinned to a processor, compared with its own repeats (it shows anything that takes the processor away, even if no
counter does).
"""

from __future__ import annotations

import os
import sys
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final, Protocol

import msgspec
import psutil

LEAST_CORES: Final = 0.2
LEAST_WAITING: Final = 0.75
SHARE_OF_CORES: Final = 0.05
"""The machine is quiet where others use at most this share of the processors, or the two limits above if larger."""
STOLEN_CORES: Final = 0.05
"""Largest share of the processors' time that the hypervisor steals from a quiet machine."""
SPREAD: Final = 0.75
"""Largest spread of the pinned runs on a quiet machine (mean over shortest, minus one). It was 0.6 to 5 with a process
beside them, and 0.1 to 0.6 on a quiet machine that shares its processors with others (AMD EPYC, 2 cores, 2026-11-28).
"""
PINNED_CPUS: Final = 4
"""The most processors on which the pinned run is made."""
PINNED_RUNS: Final = 8
PINNED_BYTES: Final = bytes(2**20)
"""The bytes whose CRC each pinned run computes: about half a millisecond, from a second-level cache."""


class Conditions(msgspec.Struct, frozen=True):
    """The load during a measurement; a reading that this system does not have is None."""

    busy: bool
    """Whether a reading is above its limit, so that the machine does not count as quiet."""
    others_cores: float | None = None
    """Processor time that other processes used, per second of wall time."""
    stolen_cores: float | None = None
    """Processor time that the hypervisor gave to others, per second of wall time."""
    waiting_threads: float | None = None
    """Threads of other processes that ran or were ready to run, on average."""
    spread: float | None = None
    """Mean over shortest time of a short pinned run, minus one."""
    cpus: int = 1


@dataclass(frozen=True, slots=True)
class Counters:
    """The system's counters at one moment, seconds; None where it has none."""

    wall_s: float
    others_s: float | None
    stolen_s: float | None


class Machine(Protocol):
    """The source of the readings; tests have their own."""

    cpus: int

    def counters(self) -> Counters:
        """The counters now."""

    def running_threads(self) -> int | None:
        """Threads of other processes that run or are ready to run now."""

    def pinned_spread(self) -> float:
        """Mean over shortest time of a short run repeated on a processor, minus one: the worst of a few processors."""


class LoadMeter:
    """Measures the load from its creation until `conditions`; `sample` is to be called now and then in between."""

    def __init__(self, machine: Machine | None = None) -> None:
        self._machine = machine if machine is not None else ThisMachine()
        self._spread = self._machine.pinned_spread()
        self._before = self._machine.counters()
        self._running: list[int] = []

    def sample(self) -> None:
        """Count other processes' running threads; call it between a measurement's runs, while this process is idle."""
        running = self._machine.running_threads()
        if running is not None:
            self._running.append(running)

    def conditions(self) -> Conditions:
        """The load since this meter was created."""
        before, now = self._before, self._machine.counters()
        self.sample()
        spread = max(self._spread, self._machine.pinned_spread())
        return judged(
            self._machine.cpus,
            _cores(before.others_s, now.others_s, now.wall_s - before.wall_s),
            _cores(before.stolen_s, now.stolen_s, now.wall_s - before.wall_s),
            fmean(self._running) if self._running else None,
            spread,
        )


def judged(
    cpus: int, others: float | None, stolen: float | None, waiting: float | None, spread: float | None
) -> Conditions:
    """The readings as `Conditions`, judged by the limits: busy where one is above its limit."""
    share = SHARE_OF_CORES * cpus
    limits = (
        (others, max(LEAST_CORES, share)),
        (stolen, max(STOLEN_CORES, STOLEN_CORES * cpus)),
        (waiting, max(LEAST_WAITING, share)),
        (spread, SPREAD),
    )
    busy = any(value is not None and value > limit for value, limit in limits)
    return Conditions(busy, others, stolen, waiting, spread, cpus)


def is_quiet(machine: Machine | None = None, glance_s: float = 0.05) -> bool:
    """Whether the machine is quiet now: a short check before a measurement that is only useful on a quiet machine."""
    meter = LoadMeter(machine)
    threading.Event().wait(glance_s)  # counters are in ticks of 10 ms
    return not meter.conditions().busy


def _cores(before_s: float | None, now_s: float | None, wall_s: float) -> float | None:
    if before_s is None or now_s is None or wall_s <= 0:
        return None
    return max(0.0, now_s - before_s) / wall_s


class ThisMachine:
    """The readings of the machine this runs on."""

    def __init__(self) -> None:
        self.cpus = psutil.cpu_count() or 1

    def counters(self) -> Counters:
        """The counters now. Processor time of this process (the measurement itself) does not count as others'."""
        times = psutil.cpu_times()
        busy_s = sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))
        return Counters(time.perf_counter(), busy_s - time.process_time(), getattr(times, "steal", None))

    def running_threads(self) -> int | None:
        """From the fourth word of /proc/loadavg, minus this process's own running threads; None on other systems.

        Own threads are counted before and after, and the larger number is used: the system may count a worker that is
        about to sleep, and that this process no longer finds running.
        """
        try:
            own = own_running_threads()
            words = Path("/proc/loadavg").read_text(encoding="ascii").split()
            return max(0, int(words[3].split("/")[0]) - max(own, own_running_threads()))
        except (OSError, IndexError, ValueError):
            return None

    def pinned_spread(self) -> float:
        """The run is pinned to one processor after the other on Linux, and not pinned elsewhere."""
        if not sys.platform.startswith("linux"):
            return spread_of(pinned_runs_s())
        allowed = os.sched_getaffinity(0)
        stride = -(-len(allowed) // PINNED_CPUS)
        try:
            worst = 0.0
            for cpu in sorted(allowed)[::stride]:
                os.sched_setaffinity(0, {cpu})
                worst = max(worst, spread_of(pinned_runs_s()))
        except OSError:
            return spread_of(pinned_runs_s())
        finally:
            os.sched_setaffinity(0, allowed)
        return worst


def own_running_threads() -> int:
    """Threads of this process that run or are ready to run, the calling one included; raises OSError."""
    count = 0
    for task in Path("/proc/self/task").iterdir():
        try:
            state = (task / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        except OSError:
            continue  # the thread has just ended
        count += state == "R"
    return count


def pinned_runs_s() -> list[float]:
    """The times of a short run and its repeats, seconds; without the first run, which warms up cache and clock."""
    times = []
    for _ in range(PINNED_RUNS + 1):
        start = time.perf_counter()
        zlib.crc32(PINNED_BYTES)
        times.append(time.perf_counter() - start)
    return times[1:]


def spread_of(times_s: list[float]) -> float:
    """Mean over shortest, minus one."""
    return fmean(times_s) / min(times_s) - 1 if times_s and min(times_s) > 0 else 0.0
