"""All ways in which this program can read memory. The fastest sets the ceiling, so that no step can be above it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from kernels.cpu import library
from kernels.cpu.read_memory import reader as read_memory
from kernels.cpu.streamed_linear import streamed

Read = Callable[[], object]
Reader = Callable[[Tensor, int], Read]
"""Takes a float32 array [n] and how often to read it; returns the function that does so."""
WIDTH: Final = 1024
"""Input channels of the matrix products that serve as readers."""


def readers(device: torch.device, dtype: torch.dtype) -> dict[str, Reader]:
    """The readers by name. On a CPU: PyTorch's sum and, where they can be compiled, this project's C kernels. On a GPU:
    PyTorch's reductions and its product with one row, by which a decode step reads weights.
    """
    found: dict[str, Reader] = {"torch.sum": lambda array, times: repeated(array.sum, times)}
    if device.type != "cpu":
        return found | {
            "torch.amax": lambda array, times: repeated(array.amax, times),
            "torch.linear": lambda array, times: repeated(_plain_product(array, dtype), times),
        }
    if library.unavailable() is not None:
        return found
    activation = dtype if dtype in library.DTYPES else torch.float32
    return found | {
        "read_memory": read_memory,
        "streamed_linear": lambda array, times: repeated(_streamed_product(array, activation, activation), times),
        "streamed_linear bfloat16": lambda array, times: repeated(
            _streamed_product(array, torch.bfloat16, activation), times
        ),
    }


def repeated(read: Read, times: int) -> Read:
    """A function that calls `read` so many times in a row."""
    if times == 1:
        return read

    def run() -> None:
        for _ in range(times):
            read()

    return run


def _streamed_product(array: Tensor, stored: torch.dtype, activation: torch.dtype) -> Read:
    """x Wᵀ for one row x; W is the bytes of the array as `stored`."""
    multiply = streamed(array.view(stored).view(-1, WIDTH), None, activation)
    x = torch.ones(1, WIDTH, dtype=activation)
    return lambda: multiply(x)


def _plain_product(array: Tensor, dtype: torch.dtype) -> Read:
    weight = array.view(dtype).view(-1, WIDTH)
    x = torch.ones(1, WIDTH, dtype=dtype, device=array.device)
    return lambda: functional.linear(x, weight)
