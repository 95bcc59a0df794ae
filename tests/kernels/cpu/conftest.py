"""What the tests of the C kernels share."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator

import pytest
import torch

from kernels.cpu import library


@pytest.fixture(autouse=True)
def compiled_and_poisoned() -> Iterator[None]:
    """The kernels, in memory that is NaN until something is written."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("needs Linux on x86-64 and a C compiler")
    assert library.unavailable() is None
    torch.use_deterministic_algorithms(True)  # with it, torch.empty fills what it gives with NaN
    assert torch.empty(3).isnan().all()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
