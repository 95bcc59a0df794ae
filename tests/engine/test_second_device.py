"""A model on `cuda:1`: nothing of it may happen on whichever device happens to be the current one."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.core.settings import LoadSpec, RequestSpec, RunSpec
from engine.decode.engine import Engine
from engine.errors import UnavailableError
from engine.graphs.build import graph_device_of
from engine.measure import ceilings, timers
from engine.measure.device import CudaAllocator, NvmlDevice, open_devices
from engine.measure.timers import DeviceTimer, make_timer
from engine.model.device import make_current
from engine.model.loader import LoadedModel, load_model
from tests.engine.fake_cuda import FakeCuda

SECOND = torch.device("cuda", 1)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    monkeypatch.setattr(torch, "cuda", fake)
    nvml = SimpleNamespace(NVMLError=RuntimeError, nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=lambda uuid: None)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    timers.event_cost_ns.cache_clear()
    return fake


def test_loading_makes_the_models_device_the_current_one_before_anything_is_asked_of_it(
    cuda: FakeCuda, tiny_llama: Path
) -> None:
    cuda.free = (2**40, 10)
    with pytest.raises(UnavailableError, match=r"cuda:1 has 0\.0 MiB free"):
        load_model(LoadSpec(str(tiny_llama), device="cuda:1"), lambda stage, fraction: None)
    assert cuda.current == 1


def test_an_engine_makes_its_models_device_current_on_the_thread_that_runs_it(
    monkeypatch: pytest.MonkeyPatch, tiny_model: LoadedModel
) -> None:
    made: list[torch.device] = []
    monkeypatch.setattr("engine.decode.engine.make_current", made.append)
    Engine(tiny_model, RunSpec((RequestSpec("a"),)), {}, lambda events: None)
    assert made == [tiny_model.device]


def test_a_cpu_changes_no_current_device(cuda: FakeCuda) -> None:
    cuda.current = 1
    make_current(torch.device("cpu"))
    assert cuda.current == 1


@pytest.mark.parametrize("current", [0, 1])
def test_a_timers_events_are_recorded_on_the_models_device(cuda: FakeCuda, current: int) -> None:
    timer = make_timer("phase", 2, SECOND)
    assert isinstance(timer, DeviceTimer)
    cuda.current = current
    timer.begin()
    with timer("ffn"):
        pass
    timer.pause()
    assert {number for event in cuda.events for number in event.recorded_on} == {1}
    assert not any(event.external for event in cuda.events)


def test_captures_share_one_stream_of_the_models_device(cuda: FakeCuda) -> None:
    device = graph_device_of(SECOND)
    assert device is not None
    seen: list[tuple[int, int]] = []
    timer = device.timer(1, by_layer=False)

    def work() -> None:
        timer.begin()
        seen.append((cuda.current, cuda.current_stream().device))
        with timer("ffn"):
            pass
        timer.pause()

    device.capture(work)
    device.capture(work)
    assert set(seen) == {(1, 1)}
    assert [current for current, _ in cuda.captures] == [1, 1]
    assert cuda.captures[0][1] is cuda.captures[1][1]
    assert cuda.current == 0  # as before
    inside = [event for event in cuda.events if event.recorded_on]
    assert all(event.external and set(event.recorded_on) == {1} for event in inside)


def test_events_are_those_of_the_models_device(cuda: FakeCuda) -> None:
    device = graph_device_of(SECOND)
    assert device is not None
    first, second = device.event(), device.event()
    first.record()
    second.record()
    assert [event.recorded_on for event in cuda.events] == [[1], [1]]
    assert second.past()
    assert second.ns_since(first) == 1000


def test_a_cpu_captures_nothing() -> None:
    assert graph_device_of(torch.device("cpu")) is None


def test_allocator_counters_are_those_of_the_models_device_on_whatever_thread_reads(cuda: FakeCuda) -> None:
    found: list[dict[str, float]] = []
    thread = threading.Thread(target=lambda: found.append(CudaAllocator(SECOND).read()))
    thread.start()
    thread.join()
    assert found[0]["allocator_reserved_bytes"] == 2000.0
    assert cuda.asked == [("reset", 1), ("allocated", 1), ("reserved", 1), ("peak", 1), ("reset", 1)]


def test_the_first_peak_does_not_reach_back_before_the_run(cuda: FakeCuda) -> None:
    """Loading and the ceilings took gigabytes that no step of the run needs; they counted as activations."""
    cuda.peak = 10 * 2**30
    cuda.allocated = 2**20
    devices = open_devices(SECOND)
    readings = next(one for one in devices if isinstance(one, CudaAllocator)).read()
    assert readings["allocator_peak_bytes"] == 2**20


def test_measuring_the_ceilings_leaves_nothing_with_the_allocator(cuda: FakeCuda) -> None:
    ceilings.release(SECOND)
    assert cuda.emptied == 1
    ceilings.release(torch.device("cpu"))
    assert cuda.emptied == 1


def test_nvml_is_asked_for_the_models_device_by_its_uuid(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    nvml = SimpleNamespace(NVMLError=RuntimeError, nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=asked.append)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    devices = open_devices(SECOND)
    assert asked == [b"GPU-uuid-1"]
    assert [type(device) for device in devices[1:]] == [CudaAllocator, NvmlDevice]
