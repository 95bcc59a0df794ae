"""Texts that wrap between figures, but never within a figure (number, unit and mark)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QTextBoundaryFinder

from app.look.units import DERIVED, MEASURED, PREDICTED, THIN_SPACE

NARROW_NO_BREAK_SPACE: Final = "\u202f"
NO_BREAK_SPACE: Final = "\u00a0"
FIRST_IDEOGRAPH: Final = "\u2e80"
"""From here on, Unicode has the scripts of East Asia, whose lines end between any two characters."""


def words_of(text: str) -> list[str]:
    """The pieces of a text between which a line may end: at spaces, and in Chinese wherever the language allows it."""
    return [
        piece
        for word in text.split(" ")
        for piece in (_pieces(word) if max(word, default="") >= FIRST_IDEOGRAPH else [word])
    ]


def _pieces(word: str) -> list[str]:
    finder = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Line, word)
    ends = [0]
    while (end := finder.toNextBoundary()) > 0:
        ends.append(end)
    return parts_of(word, pairwise(ends))


def parts_of(text: str, spans: Iterable[tuple[int, int]]) -> list[str]:
    """The parts of a text from `first` up to `end`, for each span of positions as Qt counts them: in UTF-16 units."""
    units = text.encode("utf-16-le", "surrogatepass")
    return [units[2 * first : 2 * end].decode("utf-16-le", "surrogatepass") for first, end in spans]


def unbroken(text: str) -> str:
    """The same text with no-break spaces within figures and before their marks."""
    text = text.replace(THIN_SPACE, NARROW_NO_BREAK_SPACE)
    for mark in (MEASURED, DERIVED, PREDICTED):
        text = text.replace(f" {mark}", f"{NO_BREAK_SPACE}{mark}")
    return text
