"""A painter that ends with the block it is used in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtGui import QPaintDevice, QPainter


@contextmanager
def painting(device: QPaintDevice) -> Iterator[QPainter]:
    """A painter on a widget, a picture or a file, ended in any case: Qt crashes when it outlives what it paints on.

    A drawing that raises leaves a traceback, and the traceback keeps the painter.
    """
    painter = QPainter(device)
    try:
        yield painter
    finally:
        painter.end()
