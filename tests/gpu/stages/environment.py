"""What there is: packages, driver, device; and whether a kernel, a graph, an event and NVML work at all."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path

import torch

from tests.gpu.stages.setting import Setting

NEEDED = (
    "msgspec",
    "platformdirs",
    "gguf",
    "triton",
    "transformers",
    "psutil",
    "pynvml",
    "hypothesis",
    "scipy",
    "pytest",
)


def run(setting: Setting) -> None:
    """Everything later stages need, each for itself."""
    report = setting.report
    for name in NEEDED:
        found = True
        try:
            importlib.import_module(name)
        except ImportError:
            found = False
        report.holds(f"package {name}", found, "" if found else "make gpu-wheels, and PYTHONPATH=.gpu-wheels")
    device = setting.device
    tell_device(setting)
    check_kernel(setting, device)
    check_graph(setting, device)
    check_events(setting, device)
    check_nvml(setting, device)
    tell_ceilings(setting, device)


def tell_device(setting: Setting) -> None:
    """Name, driver, memory and size of the device, for the head of the result."""
    from engine.model.device import device_name, free_bytes, total_bytes
    from kernels.device import device_facts

    device, report = setting.device, setting.report
    report.fact("name", device_name(device))
    report.fact("total_bytes", total_bytes(device))
    report.fact("free_bytes", free_bytes(device))
    facts = device_facts(device)
    report.fact("multiprocessors", facts.multiprocessors)
    report.fact("shared_bytes_a_block", facts.shared_bytes)
    if not setting.rehearse:
        properties = torch.cuda.get_device_properties(device)
        report.fact("capability", f"{properties.major}.{properties.minor}")
        report.fact("l2_bytes", getattr(properties, "L2_cache_size", None))
        report.fact("torch_cuda", torch.version.cuda)


def check_kernel(setting: Setting, device: torch.device) -> None:
    """The smallest of the Triton kernels: compiled and launched (interpreted in a rehearsal)."""
    from kernels.swiglu import swiglu, swiglu_reference

    wide = torch.randn(3, 2 * 64, device=device)
    error = (swiglu(wide).double() - swiglu_reference(wide.double())).abs().max()
    setting.report.figure("a Triton kernel's largest error", float(error), how="swiglu, 3 × 64, float32", most=1e-5)


def check_graph(setting: Setting, device: torch.device) -> None:
    """A call that is captured reads what its buffers hold when it is replayed, and its timer can be read."""
    from engine.graphs.build import graph_device_of

    graphs = setting.graphs or graph_device_of(device)
    assert graphs is not None
    x, y = torch.zeros(4, device=device), torch.zeros(4, device=device)
    timer = graphs.timer(1, by_layer=False)

    def work() -> None:
        timer.begin()
        with timer("ffn"):
            y.copy_(2 * x + 1)
        timer.pause()

    call = graphs.capture(work)
    x.fill_(3.0)
    call()
    setting.synchronize()
    setting.report.holds("a captured call reads its buffers at each replay", y.tolist() == [7.0] * 4)
    spent_us = timer.spent_us()
    setting.report.figure("a captured timer's time", float(spent_us.sum()), "µs", how="4 elements", least=0.0, most=1e5)


def check_events(setting: Setting, device: torch.device) -> None:
    """What one boundary of the device timer costs (a span of the host's clock in a rehearsal)."""
    from engine.measure.timers import event_cost_ns, host_span_ns

    setting.report.figure("a span of the host's clock", host_span_ns() / 1e3, "µs", least=0.0)
    if not setting.rehearse:
        setting.report.figure("a boundary by an event", event_cost_ns(device) / 1e3, "µs", least=0.0)


def check_nvml(setting: Setting, device: torch.device) -> None:
    """NVML knows the device that PyTorch runs on; which readings it gives."""
    from engine.measure.device import NvmlDevice, open_devices

    devices = open_devices(device)
    readings = {name: value for one in devices for name, value in one.read().items()}
    setting.report.fact("readings", sorted(readings))
    setting.report.holds("the host's readings", "process_rss_bytes" in readings)
    if not setting.rehearse:
        import pynvml

        setting.report.holds("NVML finds the device by its UUID", any(isinstance(one, NvmlDevice) for one in devices))
        for name in ("utilisation_percent", "memory_used_bytes", "power_watts"):
            setting.report.holds(f"reading {name}", name in readings)
        with suppress(pynvml.NVMLError):
            setting.report.fact("driver", str(pynvml.nvmlSystemGetDriverVersion()))
    else:
        setting.report.fact("driver", Path("/proc/version").read_text().split("(")[0].strip())


def tell_ceilings(setting: Setting, device: torch.device) -> None:
    """How fast this device reads, copies and multiplies."""
    from engine.measure.ceilings import BYTES, SIDE, measure

    dtype = torch.float32 if setting.rehearse else torch.bfloat16
    found = measure(device, dtype, 2**24 if setting.rehearse else BYTES["cuda"][1])
    report = setting.report
    report.figure("reading", found.read_bytes_per_s / 1e12, "TB/s", how=found.reader, least=0.0)
    side = SIDE[device.type]
    report.figure("multiplying", found.flops_per_s / 1e12, "TFLOP/s", how=f"{side}³, {dtype}, random", least=0.0)
    if not setting.rehearse:
        from tests.benchmarks.gpu_decode import copy_bytes_per_s

        report.figure("copying", copy_bytes_per_s(device) / 1e12, "TB/s", how="2 GiB, read and written", least=0.0)
