"""What every case has to keep to."""

from __future__ import annotations

from typing import Final

import torch

from engine.measure.ceilings import BYTES as READ
from engine.measure.ceilings import read_size

SECONDS: Final = 10.0
"""Of one command; time in which it waited for a processor that others had does not count, nor does making its input."""
SECONDS_AT_MOST: Final = 120.0
"""Of one command, however busy the machine is."""
BYTES: Final = 2**30 + read_size(torch.device("cpu"), 0) - READ["cpu"][0]
"""Resident in one process of a command; or twice the input, where that is more.

On a machine with large caches the ceilings of memory are measured with more than the least bytes, which counts too.
"""
SENTENCE: Final = 700
"""Characters of what a refusal says: its own words, a path, a quoted value of 200."""
