"""A painter that ends together with its `with` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtGui import QPaintDevice, QPainter


@contextmanager
def painting(device: QPaintDevice) -> Iterator[QPainter]:
    """A painter on a widget, a picture or a file. It always ends: Qt crashes if a painter outlives its device.

    Without this, an exception in the drawing code would keep the painter alive through its traceback.
    """
    painter = QPainter(device)
    try:
        yield painter
    finally:
        painter.end()
