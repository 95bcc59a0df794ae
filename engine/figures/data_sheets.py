"""Peaks of memory bandwidth and arithmetic that makers state, for the devices that this program usually runs on.

Values are those of NVIDIA's data sheets, without sparsity; half precision is that of the tensor cores, float32 that of
the ordinary ones. Nothing is guessed for a device that is not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DataSheet:
    """Peaks that a maker states: bytes a second, and FLOPs a second by the width of the numbers."""

    device: str
    bytes_per_s: float
    half_flops_per_s: float
    single_flops_per_s: float

    def flops_per_s(self, dtype: str) -> float | None:
        """The peak in float16, bfloat16 or float32; None for any other."""
        return {
            "float16": self.half_flops_per_s,
            "bfloat16": self.half_flops_per_s,
            "float32": self.single_flops_per_s,
        }.get(dtype)


DATA_SHEETS: Final[tuple[tuple[str, DataSheet], ...]] = (
    ("H200", DataSheet("NVIDIA H200 SXM", 4.8e12, 989e12, 67e12)),
    ("H100 PCIe", DataSheet("NVIDIA H100 PCIe", 2.0e12, 756e12, 51e12)),
    ("H100 80GB HBM3", DataSheet("NVIDIA H100 SXM", 3.35e12, 989e12, 67e12)),
    ("A100-SXM4-80GB", DataSheet("NVIDIA A100 80GB SXM", 2.039e12, 312e12, 19.5e12)),
    ("A100 80GB PCIe", DataSheet("NVIDIA A100 80GB PCIe", 1.935e12, 312e12, 19.5e12)),
    ("A100-SXM4-40GB", DataSheet("NVIDIA A100 40GB", 1.555e12, 312e12, 19.5e12)),
    ("L40S", DataSheet("NVIDIA L40S", 864e9, 362e12, 91.6e12)),
    ("NVIDIA L4", DataSheet("NVIDIA L4", 300e9, 121e12, 30.3e12)),
    ("Tesla T4", DataSheet("NVIDIA T4", 320e9, 65e12, 8.1e12)),
    ("V100-SXM2", DataSheet("NVIDIA V100 SXM2", 900e9, 125e12, 15.7e12)),
    ("RTX 4090", DataSheet("NVIDIA GeForce RTX 4090", 1008e9, 165e12, 82.6e12)),
    ("RTX 3090", DataSheet("NVIDIA GeForce RTX 3090", 936e9, 71e12, 35.6e12)),
)
"""(part of the name that the driver reports, its data sheet); the first part that occurs in the name counts."""


def data_sheet(device_name: str) -> DataSheet | None:
    """What the maker states about a device with this name; None where it is not listed."""
    if "MIG" in device_name:
        return None  # a slice has a part of its device, and no data sheet of its own
    return next((sheet for part, sheet in DATA_SHEETS if part in device_name), None)
