"""Words that wrap between figures, never between a number, its unit and its mark."""

from __future__ import annotations

from typing import Final

from app.units import THIN_SPACE

NARROW_NO_BREAK_SPACE: Final = "\u202f"


def unbroken(text: str) -> str:
    """The same text to look at, with thin spaces at which no line is broken."""
    return text.replace(THIN_SPACE, NARROW_NO_BREAK_SPACE)
