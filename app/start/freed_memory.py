"""Has the C library give the memory of large arrays back as soon as they are freed.

The GNU C library takes large blocks from the system one by one and gives them back when they are freed. But each time
it does, it raises the size from which on it does so, up to 32 MiB, and keeps what is smaller for later. The window
makes and frees arrays with a row for each step, which grow with the session: after an hour at 300 steps/s the kept
memory was 0.25 GB. A size that is set stays. See `man 3 mallopt`.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
ONE_BY_ONE_BYTES: Final = 4 << 20
"""From this size on a block is given back when it is freed: small enough to matter, and taking a block of this size
costs little beside filling it."""
KEPT_BYTES: Final = 16 << 20
"""How much free memory at the end of the heap is kept."""


def give_back_large_blocks() -> bool:
    """Set both sizes for this process; returns whether its C library knows them (only GNU's does)."""
    if sys.platform != "linux":
        return False
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(M_MMAP_THRESHOLD, ONE_BY_ONE_BYTES)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
    return False
