"""An event of a device that keeps up with the host: it is reached when it is recorded."""

from __future__ import annotations

from time import perf_counter_ns


class HostEvent:
    """Lets a `DeviceTimer` time what really runs, where there is no device of its own."""

    def record(self) -> None:
        self.at_ns = perf_counter_ns()

    def elapsed_time(self, end_event: HostEvent) -> float:
        return (end_event.at_ns - self.at_ns) / 1e6

    def synchronize(self) -> None:
        pass
