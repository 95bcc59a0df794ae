"""Large arrays that are freed are the system's again."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARRAYS, SIZE = 20, 8 << 20
KEEP_AND_FREE = f"""
import sys
import numpy as np, psutil
from app.start.freed_memory import give_back_large_blocks

if sys.argv[1] == "set":
    assert give_back_large_blocks()
np.ones({SIZE}, np.uint8)  # freed: from now on the C library takes blocks of this size from its heap, unless told
before = psutil.Process().memory_info().rss
large = [np.ones({SIZE}, np.uint8) for _ in range({ARRAYS})]
above = [np.ones(50_000, np.uint8) for _ in range(100)]
del large
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what it sets is of the GNU C library")
def test_large_arrays_are_given_back_although_small_ones_came_later() -> None:
    def kept(how: str) -> int:
        command = [sys.executable, "-c", KEEP_AND_FREE, how]
        return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    assert kept("set") < ARRAYS * SIZE // 4
    assert kept("as it is") > ARRAYS * SIZE // 2, "there is nothing to set any more"
