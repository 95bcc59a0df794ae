"""Readings carry their unit in their name, and what a device does not report is not sent."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from engine.measure.device import READINGS, DeviceSampler, HostDevice, NvmlDevice, machine_seconds
from engine.session.schema import AnyEvent, DeviceSample


class NvmlError(Exception):
    """Stands for pynvml.NVMLError."""


def fake_nvml(**missing: bool) -> Any:
    def reader(name: str, value: Any) -> Any:
        def read(*_: Any) -> Any:
            if missing.get(name):
                raise NvmlError("Not Supported")
            return value

        return read

    return SimpleNamespace(
        NVMLError=NvmlError,
        NVML_TEMPERATURE_GPU=0,
        NVML_CLOCK_SM=1,
        NVML_CLOCK_MEM=2,
        nvmlDeviceGetUtilizationRates=reader("utilisation", SimpleNamespace(gpu=93, memory=40)),
        nvmlDeviceGetMemoryInfo=reader("memory", SimpleNamespace(used=5 * 2**30)),
        nvmlDeviceGetPowerUsage=reader("power", 312_500),
        nvmlDeviceGetTemperature=reader("temperature", 61),
        nvmlDeviceGetClockInfo=reader("clock", 1980),
        nvmlDeviceGetTotalEnergyConsumption=reader("energy", 4_200),
    )


def test_a_gpus_readings_in_their_units() -> None:
    assert NvmlDevice(fake_nvml(), None, "cuda").read() == {
        "utilisation_percent": 93.0,
        "memory_utilisation_percent": 40.0,
        "memory_used_bytes": 5 * 2**30,
        "power_watts": 312.5,
        "temperature_celsius": 61.0,
        "sm_clock_mhz": 1980.0,
        "memory_clock_mhz": 1980.0,
        "energy_joules": 4.2,
    }


def test_what_a_mig_slice_does_not_report_is_left_out() -> None:
    values = NvmlDevice(fake_nvml(utilisation=True, energy=True), None, "cuda").read()
    assert "utilisation_percent" not in values
    assert "energy_joules" not in values
    assert values["power_watts"] == 312.5


def test_the_host_reports_its_cpu_and_memory() -> None:
    values = HostDevice().read()
    assert set(values) <= set(READINGS)
    assert values["process_rss_bytes"] > 1e6
    assert values["process_cpu_percent"] >= 0


def test_a_sampler_reads_between_start_and_stop() -> None:
    came = threading.Event()
    events: list[AnyEvent] = []

    def emit(batch: list[AnyEvent]) -> None:
        events.extend(batch)
        came.set()

    sampler = DeviceSampler([HostDevice()], emit, clock=lambda: 42, every_s=0.001)
    sampler.start()
    assert came.wait(30)
    sampler.stop()
    count = len(events)
    assert all(isinstance(event, DeviceSample) and event.t_ns == 42 and event.device == "cpu" for event in events)
    assert threading.active_count() == 1 or not any(t.name == "device samples" for t in threading.enumerate())
    assert len(events) == count


def test_the_machines_load_is_told_from_the_first_reading_on_whatever_thread_reads() -> None:
    device = HostDevice()
    _, before = machine_seconds()
    while machine_seconds()[1] - before < 0.05:
        pass  # keep this core busy until the system's counters have moved
    found: list[dict[str, float]] = []
    thread = threading.Thread(target=lambda: found.append(device.read()))
    thread.start()
    thread.join()
    assert 0 < found[0]["system_cpu_percent"] <= 100
