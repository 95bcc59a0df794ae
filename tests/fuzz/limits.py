"""What every case has to keep to."""

from __future__ import annotations

from typing import Final

SECONDS: Final = 10.0
"""Of one command, on a machine that has a core for it."""
BYTES: Final = 2**30
"""Resident in one process; or twice the input, where that is more."""
SENTENCE: Final = 700
"""Characters of what a refusal says: its own words, a path, a quoted value of 200."""
