"""A label that asks the theme when it draws.

Under a style sheet, Qt drops a font or a palette set on a widget as soon as one of its ancestors gets another parent
(a panel that enters its dock, a dock that floats); so nothing is set here, and nothing can be dropped.
"""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.theme import mono_font, theme, ui_font
from app.units import cut
from app.widgets.unbroken import unbroken
from app.widgets.whole_parts import first_parts


class ThemedLabel(QLabel):
    """Plain text in the theme's text or muted colour, at a scale.

    What does not fit one line is elided, or wrapped, or, where the text has `parts` with " · " between them, left out.
    """

    def __init__(
        self,
        parent: QWidget | None = None,
        muted: bool = True,
        scale: float = 1.0,
        code: bool = False,
        wrap: bool = False,
        parts: bool = False,
    ) -> None:
        super().__init__(parent)
        self._muted, self._scale, self._code, self._wrap = muted, scale, code, wrap
        self._parts = parts
        self.setTextFormat(Qt.TextFormat.PlainText)
        vertical = QSizePolicy.Policy.Preferred if wrap else QSizePolicy.Policy.Fixed
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, vertical)
        policy.setHeightForWidth(wrap)
        self.setSizePolicy(policy)

    def setText(self, text: str) -> None:
        super().setText(cut(text))

    def hasHeightForWidth(self) -> bool:
        return self._wrap

    def heightForWidth(self, width: int) -> int:
        """The height of the text wrapped at this width; that of a line where it does not wrap."""
        if not self._wrap:
            return self.sizeHint().height()
        room = QRect(0, 0, max(width, 1), 100_000)
        flags, text = Qt.TextFlag.TextWordWrap.value, unbroken(self.text())
        words = QFontMetrics(self.drawing_font()).boundingRect(room, flags, text)
        return max(words.height() + 2, self.sizeHint().height())

    def drawing_font(self) -> QFont:
        """The font of the theme that the text is drawn in."""
        return mono_font(self._scale) if self._code else ui_font(self._scale)

    def drawing_colour(self) -> str:
        """The colour of the theme that the text is drawn in."""
        return theme().muted if self._muted else theme().text

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.drawing_font())
        return QSize(metrics.horizontalAdvance(self.text()) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def shown(self) -> str:
        """What is written of a text that does not wrap."""
        metrics = QFontMetrics(self.drawing_font())
        if self._parts:
            return first_parts(self.text(), metrics, self.width())
        return metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self.drawing_font())
        painter.setPen(QColor(self.drawing_colour()))
        if self._wrap:
            flags = self.alignment().value | Qt.TextFlag.TextWordWrap.value
            painter.drawText(self.rect(), flags, unbroken(self.text()))
        else:
            painter.drawText(self.rect(), self.alignment().value | Qt.TextFlag.TextSingleLine.value, self.shown())
        painter.end()
