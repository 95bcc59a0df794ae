"""CUDA graphs: a step's kernels recorded once, and launched as one thing from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import torch
from torch import Tensor

from engine.graphs.device import CapturedCall, Moment
from engine.measure.timers import DeviceEvent, DeviceTimer, StepTimer

WARM_UPS: Final = 2
"""Runs before a capture: libraries choose their kernels, and Triton compiles its own, where that is still allowed."""


class CudaGraphCall:
    """One replay of a graph."""

    def __init__(self, graph: torch.cuda.CUDAGraph) -> None:
        self._graph = graph

    def __call__(self) -> None:
        self._graph.replay()


class CudaMoment:
    """An event on the current stream."""

    def __init__(self) -> None:
        self._event = cast(Any, torch.cuda.Event)(enable_timing=True)

    def record(self) -> None:
        self._event.record()

    def wait(self) -> None:
        self._event.synchronize()

    def ns_since(self, earlier: Any) -> int:
        return round(1e6 * float(earlier._event.elapsed_time(self._event)))


class CudaDevice:
    """Captures into one memory pool that all graphs share: they never run at once, so none needs its own."""

    overlaps = True

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def capture(self, work: Callable[[], None]) -> CapturedCall:
        own = cast(Any, torch.cuda.Stream)()
        own.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(own):
            for _ in range(WARM_UPS):
                work()
        torch.cuda.current_stream().wait_stream(own)
        graph = torch.cuda.CUDAGraph()
        # Other threads of this process (readings of the device) may call CUDA meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            work()
        return CudaGraphCall(graph)

    def moment(self) -> Moment:
        return CudaMoment()

    def timer(self, layers: int, by_layer: bool) -> StepTimer:
        def make_event() -> DeviceEvent:  # external: recorded anew by each replay, and readable from outside
            return cast(DeviceEvent, cast(Any, torch.cuda.Event)(enable_timing=True, external=True))

        return DeviceTimer(layers, by_layer, make_event)

    def host_buffer(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype, pin_memory=True)
