"""Reads memory as fast as this machine's processors can (read_memory.c); this limits every product with weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from kernels.cpu import library

LINE: Final = 64
STREAMS: Final = 4


def reader(array: Tensor, times: int = 1) -> Callable[[], Tensor]:
    """A function that reads a contiguous array `times` times, with PyTorch's number of threads.

    The function returns int32 [threads, 16]; its sum is `times` the sum of the array's int32 words. Bytes beyond the
    last multiple of 256 · threads are not read. Raises KernelUnavailableError where this machine cannot compile the
    kernel, ValueError for an array that is not contiguous or not on the CPU.
    """
    if array.device.type != "cpu" or not array.is_contiguous():
        raise ValueError("only a contiguous array in the CPU's memory can be read")
    call = library.function("read_memory", 2, 2)
    threads = torch.get_num_threads()
    sums = torch.zeros(threads, LINE // 4, dtype=torch.int32)
    size = bytes_read(array, threads)

    def read() -> Tensor:
        call(array.data_ptr(), sums.data_ptr(), size, times, threads)
        return sums

    return read


def bytes_read(array: Tensor, threads: int) -> int:
    """How many bytes of an array `reader` reads each time."""
    return array.nbytes - array.nbytes % (LINE * STREAMS * threads)
