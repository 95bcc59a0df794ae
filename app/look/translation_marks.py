"""Marks strings for translation in modules that must not load Qt: models that panels and the command line share."""

from __future__ import annotations


def QT_TRANSLATE_NOOP(_context: str, text: str) -> str:
    """The unchanged text; `make translations` finds marked texts by the name of this function."""
    return text
