"""What an event of a trace is, from its category and its name, in the words of several versions of PyTorch."""

from __future__ import annotations

from typing import Final

from engine.session.schema import KernelKind, RangeKind

KERNELS: Final[dict[str, KernelKind]] = {
    "kernel": "kernel", "concurrent_kernel": "kernel", "gpu_memcpy": "memcpy", "memcpy": "memcpy",
    "gpu_memset": "memset", "memset": "memset",
}  # fmt: skip
"""Of the device's own lanes. Before PyTorch 1.11 the categories were `Kernel`, `Memcpy`, `Memset`."""
RANGES: Final[dict[str, RangeKind]] = {
    "cpu_op": "op", "operator": "op", "hpu_op": "op", "user_annotation": "annotation", "nvtx": "annotation",
    "cuda_runtime": "runtime", "cuda_driver": "runtime", "runtime": "runtime", "xpu_runtime": "runtime",
    "mtia_runtime": "runtime", "glow_runtime": "runtime", "privateuse1_runtime": "runtime",
    "privateuse1_driver": "runtime", "xpu_driver": "runtime",
}  # fmt: skip
DEVICE_ANNOTATION: Final = "gpu_user_annotation"
"""The span of a range's kernels on a stream. Kineto derives it from these."""
PYTHON: Final = "python_function"
MODULE: Final = "nn.Module: "
"""How the name of a Python function begins that is the call of a module."""
RUNTIMES: Final = ("cuda", "hip", "cu")


def kernel_kind(category: str) -> KernelKind | None:
    """What kind of the device's work an event is; None where it is none."""
    return KERNELS.get(category)


def range_kind(category: str, name: str) -> RangeKind | None:
    """What kind of a range an event is; None where it is not kept."""
    if category == PYTHON:
        return "module" if name.startswith(MODULE) else None
    if category:
        return RANGES.get(category)
    if "::" in name:  # the first profiler of PyTorch, and other programs, give no category
        return "op"
    return "runtime" if name.startswith(RUNTIMES) and name[-1:].isalpha() and name[2:3].isupper() else "annotation"
