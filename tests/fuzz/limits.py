"""What every case has to keep to."""

from __future__ import annotations

from typing import Final

SECONDS: Final = 10.0
"""Of one command; time in which it waited for a processor that others had does not count, nor does making its input."""
SECONDS_AT_MOST: Final = 120.0
"""Of one command, however busy the machine is."""
BYTES: Final = 2**30
"""Resident in one process of a command; or twice the input, where that is more."""
SENTENCE: Final = 700
"""Characters of what a refusal says: its own words, a path, a quoted value of 200."""
