"""A stand-in for the module `torch.cuda` with two devices, which notes on which of them everything happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch


class FakeStream:
    """A stream of one device."""

    def __init__(self, device: int) -> None:
        self.device = device

    def wait_stream(self, other: FakeStream) -> None:
        assert other.device == self.device


class FakeEvent:
    """An event that remembers where it was recorded, and when on the fake device's clock."""

    def __init__(self, cuda: FakeCuda, external: bool) -> None:
        self._cuda = cuda
        self.external = external
        self.recorded_on: list[int] = []
        self.at_ms = 0.0

    def record(self, stream: FakeStream | None = None) -> None:
        stream = self._cuda.current_stream() if stream is None else stream
        self.recorded_on.append(stream.device)
        self.at_ms = self._cuda.clock_ms
        self._cuda.clock_ms += 0.001

    def elapsed_time(self, end_event: FakeEvent) -> float:
        return end_event.at_ms - self.at_ms

    def synchronize(self) -> None:
        pass

    def query(self) -> bool:
        return True


class FakeCuda:
    """What DecodeScope uses of `torch.cuda`; `current` is the current device, 0 until somebody changes it."""

    def __init__(self, free: tuple[int, int] = (2**40, 2**40)) -> None:
        self.free = free
        self.current = 0
        self.clock_ms = 0.0
        self.events: list[FakeEvent] = []
        self.captures: list[tuple[int, FakeStream]] = []
        """(current device, stream) of each capture."""
        self.asked: list[tuple[str, int]] = []
        """(counter, device) of each question to the allocator."""
        self.allocated = self.peak = 0
        self.emptied = 0
        self._streams = [[FakeStream(number)] for number in range(2)]
        self._using: list[FakeStream] = []
        self.CUDAGraph = lambda: SimpleNamespace(replay=lambda: None)

    # --- devices ----------------------------------------------------------------------------------------------------

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 2

    def set_device(self, device: Any) -> None:
        self.current = self._number(device)

    @contextmanager
    def device(self, device: Any) -> Iterator[None]:
        before, self.current = self.current, self._number(device)
        try:
            yield
        finally:
            self.current = before

    def get_device_properties(self, device: Any) -> Any:
        return SimpleNamespace(uuid=f"uuid-{self._number(device)}", total_memory=self.free[self._number(device)])

    def get_device_name(self, device: Any) -> str:
        return f"Fake GPU {self._number(device)}"

    def mem_get_info(self, device: Any = None) -> tuple[int, int]:
        number = self._number(device)
        return self.free[number], self.free[number]

    def empty_cache(self) -> None:
        self.emptied += 1

    # --- streams, events and graphs ---------------------------------------------------------------------------------

    def Stream(self, device: Any = None) -> FakeStream:
        return FakeStream(self._number(device))

    def current_stream(self, device: Any = None) -> FakeStream:
        number = self._number(device)
        inside = [stream for stream in self._using if stream.device == number]
        return inside[-1] if inside else self._streams[number][0]

    @contextmanager
    def stream(self, stream: FakeStream) -> Iterator[None]:
        self._using.append(stream)
        try:
            with self.device(stream.device):
                yield
        finally:
            self._using.pop()

    def Event(self, enable_timing: bool = False, external: bool = False) -> FakeEvent:
        assert enable_timing
        self.events.append(FakeEvent(self, external))
        return self.events[-1]

    def graph_pool_handle(self) -> object:
        return object()

    @contextmanager
    def graph(self, graph: Any, pool: Any, stream: FakeStream, capture_error_mode: str) -> Iterator[None]:
        self.captures.append((self.current, stream))
        with self.stream(stream):
            yield

    # --- the allocator's counters -----------------------------------------------------------------------------------

    def memory_allocated(self, device: Any = None) -> int:
        self._ask("allocated", device)
        return self.allocated

    def memory_reserved(self, device: Any = None) -> int:
        return 1000 * (self._ask("reserved", device) + 1)

    def max_memory_allocated(self, device: Any = None) -> int:
        self._ask("peak", device)
        return self.peak

    def reset_peak_memory_stats(self, device: Any = None) -> None:
        self._ask("reset", device)
        self.peak = self.allocated

    def _ask(self, name: str, device: Any) -> int:
        number = self._number(device)
        self.asked.append((name, number))
        return number

    def _number(self, device: Any) -> int:
        if device is None:
            return self.current
        if isinstance(device, int):
            return device
        index = torch.device(device).index
        return self.current if index is None else index
