"""Keeps the theme's font and colour of a widget that Qt draws.

Under a style sheet Qt drops a font or a palette set on a widget as soon as one of its ancestors gets another parent (a
label that enters the status bar, a panel that enters its dock), and again when the style sheet is replaced. So what is
set once is lost. Here it is set again whenever Qt has changed it, and with it the colours of a new theme.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QWidget

from app.look.theme import mono_font, theme, ui_font

CHANGES: Final = frozenset({
    QEvent.Type.FontChange, QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.ParentChange,
    QEvent.Type.Polish, QEvent.Type.ApplicationFontChange,
})  # fmt: skip


class KeptLook(QObject):
    """The theme's font at a scale, and its muted colour where asked for, of the widget that owns this object."""

    def __init__(self, widget: QWidget, scale: float, bold: bool, code: bool, muted: bool) -> None:
        super().__init__(widget)
        self._widget = widget
        self._scale, self._bold, self._code, self._muted = scale, bold, code, muted
        self._setting = False
        """Whether this object changes the widget now, of which Qt tells it too."""
        self._set()
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in CHANGES and not self._setting:
            self._setting = True
            try:
                self._set()
            finally:
                self._setting = False
        return False

    def _font(self) -> QFont:
        return mono_font(self._scale) if self._code else ui_font(self._scale, self._bold)

    def _set(self) -> None:
        font = self._font()
        if self._widget.font() != font:
            self._widget.setFont(font)
        if not self._muted:
            return
        palette, role, muted = self._widget.palette(), self._widget.foregroundRole(), QColor(theme().muted)
        if palette.color(role) != muted:
            palette.setColor(role, muted)
            self._widget.setPalette(palette)


def keep_look(
    *widgets: QWidget, scale: float = 1.0, bold: bool = False, code: bool = False, muted: bool = False
) -> None:
    """Give these widgets the theme's font, and its muted colour where `muted`, for as long as they live."""
    for widget in widgets:
        KeptLook(widget, scale, bold, code, muted)
