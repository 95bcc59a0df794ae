"""What a level of memory is called on the screen."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import name_of
from engine.figures.ceilings import MEMORY


def level_name(level: str) -> str:
    """A cache, memory, or a cache and memory, as the engine names what it read from at its measurement."""
    cache, _, beyond = level.partition(" and ")
    if beyond:
        return QCoreApplication.translate("MemoryLevel", "{cache} and memory").format(cache=name_of(cache))
    return QCoreApplication.translate("MemoryLevel", "memory") if level == MEMORY else name_of(level)
