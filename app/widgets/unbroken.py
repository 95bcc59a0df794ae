"""Texts that wrap between figures, but never within a figure (number, unit and mark)."""

from __future__ import annotations

from typing import Final

from app.look.units import DERIVED, MEASURED, PREDICTED, THIN_SPACE

NARROW_NO_BREAK_SPACE: Final = "\u202f"
NO_BREAK_SPACE: Final = "\u00a0"


def unbroken(text: str) -> str:
    """The same text with no-break spaces within figures and before their marks."""
    text = text.replace(THIN_SPACE, NARROW_NO_BREAK_SPACE)
    for mark in (MEASURED, DERIVED, PREDICTED):
        text = text.replace(f" {mark}", f"{NO_BREAK_SPACE}{mark}")
    return text
