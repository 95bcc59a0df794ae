"""Pictures of widgets: PNG at the resolution of the screen, SVG as vectors, and the clipboard."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.look.painting import painting
from engine.errors import InputError
from engine.export.readable import xml_text
from engine.export.whole import replacing

Format = Literal["png", "svg"]


def save_picture(widget: QWidget, path: Path, form: Format) -> None:
    """Draw a widget into a file; raises InputError where the file cannot be written."""
    data = svg_bytes(widget) if form == "svg" else picture_bytes(widget)
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise InputError(f"The picture {path} cannot be written: {error.strerror}.") from error


def picture_bytes(widget: QWidget) -> bytes:
    """A picture of a widget as PNG."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    widget.grab().save(buffer, "PNG")
    buffer.close()
    return bytes(data.data())


def copy_picture(widget: QWidget) -> None:
    """Put a picture of a widget on the clipboard."""
    QGuiApplication.clipboard().setPixmap(widget.grab())


def svg_bytes(widget: QWidget) -> bytes:
    """A picture of a widget as SVG."""
    from PySide6.QtSvg import QSvgGenerator

    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(widget.size())
    generator.setResolution(widget.logicalDpiX())  # so that text is as large as on the screen
    generator.setViewBox(QRect(QPoint(0, 0), widget.size()))
    generator.setTitle("DecodeScope")
    with painting(generator) as painter:
        widget.render(painter, QPoint(0, 0))
    buffer.close()
    return xml_text(bytes(data.data()).decode("utf-8", "replace")).encode()  # replaces characters that XML forbids
