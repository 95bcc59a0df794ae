"""Where a Triton kernel can run: on a CUDA device, or in Triton's interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
import triton
from torch import Tensor

from kernels.errors import KernelUnavailableError

INTERPRETED: Final = bool(triton.knobs.runtime.interpret)
"""Whether kernels run in Triton's interpreter (TRITON_INTERPRET=1 when this was imported)."""

STEP_POINTERS: Final = ("starts_ptr", "ends_ptr", "lengths_ptr", "where_ptr")
"""Pointers into a step's metadata, which may have any alignment: kernels are compiled once for all alignments."""

LARGE_SHARED_BYTES: Final = 160 * 1024


def check_device(tensor: Tensor) -> None:
    """Raise KernelUnavailableError where a Triton kernel cannot run on this tensor's device."""
    if tensor.device.type != "cuda" and not INTERPRETED:
        raise KernelUnavailableError(
            f"The Triton kernels need a CUDA device, or TRITON_INTERPRET=1 set at the start; got a tensor on "
            f"{tensor.device}."
        )


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The properties of a device that the choice of tiles and splits depends on."""

    multiprocessors: int
    shared_bytes: int

    @property
    def large_shared(self) -> bool:
        """Whether a thread block may use the large shared memory of data-centre GPUs (A100, H100, H200)."""
        return self.shared_bytes >= LARGE_SHARED_BYTES


@lru_cache(maxsize=16)
def device_facts(device: torch.device) -> DeviceFacts:
    """Facts of a device, read once and cached; the interpreter has one multiprocessor."""
    if device.type != "cuda":
        return DeviceFacts(1, 0)
    properties = torch.cuda.get_device_properties(device)
    return DeviceFacts(properties.multi_processor_count, getattr(properties, "shared_memory_per_block_optin", 0))
