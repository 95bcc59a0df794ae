"""CUDA graphs: a step's kernels are recorded once, and then launched together by one call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

import torch
from torch import Tensor

from engine.core.timing import StepTimer
from engine.graphs.device import CapturedCall, StreamEvent
from engine.measure.cuda_event import CudaEvent
from engine.measure.timers import DeviceTimer

WARM_UPS: Final = 2
"""Runs before a capture: libraries choose kernels and Triton compiles its own, which a capture does not allow."""


class CudaGraphCall:
    """A call that replays a graph once."""

    def __init__(self, graph: torch.cuda.CUDAGraph) -> None:
        self._graph = graph

    def __call__(self) -> None:
        self._graph.replay()


class CudaStreamEvent:
    """An event on a device's current stream."""

    def __init__(self, device: torch.device) -> None:
        self._event = CudaEvent(device)

    def record(self) -> None:
        self._event.record()

    def wait(self) -> None:
        self._event.synchronize()

    def past(self) -> bool:
        return self._event.query()

    def ns_since(self, earlier: CudaStreamEvent) -> int:
        return round(1e6 * earlier._event.elapsed_time(self._event))


class CudaDevice:
    """Captures on one stream into one memory pool, which all graphs can share because they never run at once.

    Graphs that share a pool have to be captured on one stream. PyTorch's own capture stream would belong to the device
    that was current when the process captured for the first time.
    """

    overlaps = True

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = cast(Any, torch.cuda.Stream)(device)

    def capture(self, work: Callable[[], object]) -> CapturedCall:
        with torch.cuda.device(self._device):
            outside = torch.cuda.current_stream(self._device)
            self._stream.wait_stream(outside)
            with torch.cuda.stream(self._stream):
                for _ in range(WARM_UPS):
                    work()
            outside.wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads of this process (those that read the device's state) may call CUDA meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                work()
        return CudaGraphCall(graph)

    def event(self) -> StreamEvent:
        return CudaStreamEvent(self._device)

    def timer(self, layers: int, by_layer: bool) -> StepTimer:
        return DeviceTimer(layers, by_layer, partial(CudaEvent, self._device, external=True))

    def host_buffer(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype, pin_memory=True)
