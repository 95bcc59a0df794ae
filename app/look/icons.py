"""Icons from the SVG files of `assets/icons`, drawn in the theme's colours at several sizes."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPixmap

from app.look.painting import painting
from app.look.theme import ICONS, theme

SIZES: Final = (16, 24, 32, 48)


def icon(name: str, colour: str | None = None) -> QIcon:
    """The icon of this name in this colour (None: the theme's text colour); muted where it is disabled."""
    colours = theme()
    return _icon(name, colour or colours.text, colours.muted)


def application_icon() -> QIcon:
    """The program's own icon, at the sizes that window managers use."""
    result = QIcon()
    for size in (16, 32, 48, 64, 128, 256):
        result.addPixmap(picture("decodescope", "", size))
    return result


def picture(name: str, colour: str, size: int) -> QPixmap:
    """One icon as a square of `size` pixels; `currentColor` in the SVG becomes `colour`."""
    from PySide6.QtSvg import QSvgRenderer

    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    with painting(pixmap) as painter:
        renderer.render(painter, QRectF(0, 0, size, size))
    return pixmap


@lru_cache(maxsize=512)
def _icon(name: str, colour: str, muted: str) -> QIcon:
    """Kept: a window has most of its icons many times, and each is eight pictures."""
    result = QIcon()
    for size in SIZES:
        result.addPixmap(picture(name, colour, size))
        result.addPixmap(picture(name, muted, size), QIcon.Mode.Disabled)
    return result


@lru_cache
def _source(name: str) -> str:
    return (ICONS / f"{name}.svg").read_text(encoding="utf-8")
