"""A timed CUDA event on the current stream of a given device, which need not be the current device."""

from __future__ import annotations

from typing import Any, cast

import torch


class CudaEvent:
    """A point in the order of a device's work, with the time at which the device reached it.

    `external` makes a recording inside a capture part of the graph: each replay records it anew, and it can be read
    from outside (`cudaEventRecordExternal`).
    """

    def __init__(self, device: torch.device, *, external: bool = False) -> None:
        self._device = device
        self._event = cast(Any, torch.cuda.Event)(enable_timing=True, external=external)

    def record(self) -> None:
        """Put the event at the end of the device's current stream."""
        self._event.record(torch.cuda.current_stream(self._device))

    def elapsed_time(self, end_event: CudaEvent, /) -> float:
        """ms from this event to another, both reached by the device."""
        return float(self._event.elapsed_time(end_event._event))

    def synchronize(self) -> None:
        """Wait until the device has reached the event."""
        self._event.synchronize()

    def query(self) -> bool:
        """Whether the device has reached the event."""
        return bool(self._event.query())
