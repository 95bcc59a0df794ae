"""A painter that ends with the block it is used in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtGui import QPaintDevice, QPainter


@contextmanager
def painting(device: QPaintDevice) -> Iterator[QPainter]:
    """A painter on a widget, a picture or a file that is always ended: Qt crashes if it outlives what it paints on.

    Without this, an exception in a drawing would keep the painter alive through its traceback.
    """
    painter = QPainter(device)
    try:
        yield painter
    finally:
        painter.end()
