"""Words that wrap between figures, never between a number, its unit and its mark."""

from __future__ import annotations

from typing import Final

from app.look.units import DERIVED, MEASURED, PREDICTED, THIN_SPACE

NARROW_NO_BREAK_SPACE: Final = "\u202f"
NO_BREAK_SPACE: Final = "\u00a0"


def unbroken(text: str) -> str:
    """The same text to look at, with spaces at which no line is broken inside a figure and before its mark."""
    text = text.replace(THIN_SPACE, NARROW_NO_BREAK_SPACE)
    for mark in (MEASURED, DERIVED, PREDICTED):
        text = text.replace(f" {mark}", f"{NO_BREAK_SPACE}{mark}")
    return text
