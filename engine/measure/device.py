"""Device readings during a run: from NVML where there is an NVIDIA GPU, and from the system's counters everywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import psutil
import torch

from engine.model.cgroups import ROOT, group_folders
from engine.model.device import cuda_uuid
from engine.model.memory import memory_within
from engine.session.schema import AnyEvent, DeviceSample, Mark

READINGS: Final[dict[str, str]] = {
    "utilisation_percent": "%",
    "memory_utilisation_percent": "%",
    "memory_used_bytes": "B",
    "power_watts": "W",
    "temperature_celsius": "°C",
    "sm_clock_mhz": "MHz",
    "memory_clock_mhz": "MHz",
    "energy_joules": "J",
    "allocator_allocated_bytes": "B",
    "allocator_reserved_bytes": "B",
    "allocator_peak_bytes": "B",
    "process_cpu_percent": "%",
    "system_cpu_percent": "%",
    "process_rss_bytes": "B",
    "system_memory_used_bytes": "B",
}
"""Every reading and its unit.

`process_cpu_percent` is of one core (2 busy cores are 200), `system_cpu_percent` of the machine.
`system_memory_used_bytes` is of the machine, or of the container or service whose limit leaves the least.
`allocator_*` are of PyTorch's allocator on a GPU: bytes in use, bytes reserved from the device, and the most bytes in
use since the last reading.
"""

EVERY_S: Final = 0.2
STOP_WITHIN_S: Final = 2.0
"""How long the end of a run waits for a reading in progress; most take a few milliseconds."""
MOST_OF_AN_ERROR: Final = 200


class Device(Protocol):
    """A source of readings."""

    name: str

    def read(self) -> dict[str, float]:
        """Readings by name (of READINGS); one that the device does not report is left out, never 0."""


class HostDevice:
    """The CPU and the memory, of this process and of the machine."""

    name = "cpu"

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only starts the counting
        self._idle_s, self._total_s = machine_seconds()
        self._groups = group_folders("memory", ROOT)

    def read(self) -> dict[str, float]:
        values = {
            "process_cpu_percent": self._process.cpu_percent(),
            "process_rss_bytes": float(self._process.memory_info().rss),
            "system_memory_used_bytes": float(memory_within(self._groups).used_bytes),
        }
        idle_s, total_s = machine_seconds()
        if total_s > self._total_s:
            values["system_cpu_percent"] = 100 * (1 - (idle_s - self._idle_s) / (total_s - self._total_s))
        self._idle_s, self._total_s = idle_s, total_s
        return values


def machine_seconds() -> tuple[float, float]:
    """(idle, all) processor seconds of the machine so far.

    `psutil.cpu_percent` is no replacement: it remembers its last call per thread, and returns 0 on each thread's first.
    """
    times = psutil.cpu_times()
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)  # Linux counts guests twice
    return times.idle + getattr(times, "iowait", 0.0), total


class NvmlDevice:
    """An NVIDIA GPU, through NVML; each reading that this GPU (or its MIG slice) does not have is left out."""

    def __init__(self, nvml: Any, handle: Any, name: str) -> None:
        self.name = name
        self._readers: dict[str, Callable[[], float]] = {
            "utilisation_percent": lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            "memory_utilisation_percent": lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).memory),
            "memory_used_bytes": lambda: float(nvml.nvmlDeviceGetMemoryInfo(handle).used),
            "power_watts": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
            "temperature_celsius": lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            "sm_clock_mhz": lambda: float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            "memory_clock_mhz": lambda: float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
            "energy_joules": lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3,
        }
        self._error: type[Exception] = nvml.NVMLError

    def read(self) -> dict[str, float]:
        values = {}
        for name, reader in self._readers.items():
            with suppress(self._error):
                values[name] = reader()
        return values


class CudaAllocator:
    """The memory that PyTorch's allocator holds on a GPU: counters of the process, read without a synchronisation.

    The reading thread has its own current device, so every call names the GPU. The peak is that since the reading
    before, or for the first reading since this object was made, so loading and measuring the ceilings do not count.
    """

    name = "cuda"

    def __init__(self, device: torch.device) -> None:
        self._device = device
        torch.cuda.reset_peak_memory_stats(device)

    def read(self) -> dict[str, float]:
        values = {
            "allocator_allocated_bytes": float(torch.cuda.memory_allocated(self._device)),
            "allocator_reserved_bytes": float(torch.cuda.memory_reserved(self._device)),
            "allocator_peak_bytes": float(torch.cuda.max_memory_allocated(self._device)),
        }
        torch.cuda.reset_peak_memory_stats(self._device)
        return values


def open_devices(device: torch.device) -> list[Device]:
    """The host, and for a model on a GPU that GPU: PyTorch's allocator on it, and NVML where it knows the GPU."""
    devices: list[Device] = [HostDevice()]
    uuid = cuda_uuid(device)
    if uuid is not None:
        devices.append(CudaAllocator(device))
        import pynvml  # noqa: PLC0415 - only where there is a GPU

        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByUUID(uuid.encode())
            devices.append(NvmlDevice(pynvml, handle, "cuda"))
    return devices


class DeviceSampler:
    """A thread that reads devices a few times a second, only between `start` and `stop`."""

    def __init__(
        self,
        devices: list[Device],
        emit: Callable[[list[AnyEvent]], None],
        clock: Callable[[], int],
        every_s: float = EVERY_S,
    ) -> None:
        self._devices = list(devices)
        self._emit = emit
        self._clock = clock
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="device samples", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it, at most STOP_WITHIN_S, as a driver may not answer."""
        self._stopping.set()
        self._thread.join(STOP_WITHIN_S)

    def sample(self) -> None:
        """Read every device once; one that fails is not read again, and a mark says why."""
        t_ns = self._clock()
        events: list[AnyEvent] = []
        for device in list(self._devices):
            try:
                events += [DeviceSample(t_ns, device.name, name, value) for name, value in device.read().items()]
            except Exception as error:  # any error of a driver: the run goes on without its readings
                self._devices.remove(device)
                why = " ".join(f"{type(error).__name__} {error}".split())[:MOST_OF_AN_ERROR]
                events.append(Mark(t_ns, "fault", f"The device {device.name} is read no more: {why}."))
        if not self._stopping.is_set():  # samples after `stop` belong to no run
            self._emit(events)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self.sample()
