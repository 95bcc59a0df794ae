"""Marks strings for translation where no Qt may be loaded: models of panels that the command line shares."""

from __future__ import annotations


def QT_TRANSLATE_NOOP(_context: str, text: str) -> str:
    """The text as it is; `make translations` finds it by this function's name."""
    return text
