"""A label that reads its font and colour from the theme when it draws.

Under a style sheet, Qt drops a font or a palette set on a widget as soon as one of its ancestors gets another parent
(a panel that enters its dock, a dock that floats). So this label sets neither.
"""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QFontMetricsF, QHelpEvent, QPaintEvent, QTextLayout
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.look.painting import painting
from app.look.theme import mono_font, theme, ui_font
from app.widgets.plain import PlainLabel, plain
from app.widgets.unbroken import parts_of, unbroken
from app.widgets.whole_figures import whole_figures
from app.widgets.whole_parts import first_parts


def wrapped(paragraph: str, font: QFont, width: int) -> list[str]:
    """The lines of a text without line ends, wrapped between words at `width` pixels."""
    layout = QTextLayout(paragraph, font)
    layout.beginLayout()
    spans = []
    while (line := layout.createLine()).isValid():
        line.setLineWidth(max(width, 1))
        spans.append((line.textStart(), line.textStart() + line.textLength()))
    layout.endLayout()
    return [part.rstrip() for part in parts_of(paragraph, spans)] or [""]


class ThemedLabel(PlainLabel):
    """Plain text in the theme's text or muted colour, at a scale.

    A text that does not fit into one line is elided. With `wrap` it is wrapped instead, and elided where there is no
    room for its last line. With `parts`, the last parts of a text with " · " between its parts are omitted instead. If
    no tool tip is set, an elided text is shown whole as the tool tip.
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
        super().__init__("", parent)
        self._muted, self._scale, self._code, self._wrap = muted, scale, code, wrap
        self._parts = parts
        vertical = QSizePolicy.Policy.Preferred if wrap else QSizePolicy.Policy.Fixed
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, vertical)
        policy.setHeightForWidth(wrap)
        self.setSizePolicy(policy)

    def scale_to(self, scale: float) -> None:
        """Draw the text at this scale from now on."""
        if scale != self._scale:
            self._scale = scale
            self.updateGeometry()
            self.update()

    def hasHeightForWidth(self) -> bool:
        return self._wrap

    def heightForWidth(self, width: int) -> int:
        """The height of the text wrapped at this width; the height of one line where the text does not wrap."""
        if not self._wrap:
            return self.sizeHint().height()
        room = QRect(0, 0, max(width, 1), 100_000)
        flags, text = Qt.TextFlag.TextWordWrap.value, unbroken(self.text())
        words = QFontMetrics(self.drawing_font()).boundingRect(room, flags, text)
        return max(words.height() + 2, self.sizeHint().height())

    def drawing_font(self) -> QFont:
        """The theme's font in which the text is drawn."""
        return mono_font(self._scale) if self._code else ui_font(self._scale)

    def drawing_colour(self) -> str:
        """The theme's colour in which the text is drawn."""
        return theme().muted if self._muted else theme().text

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.drawing_font())
        return QSize(metrics.horizontalAdvance(self.text()) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def shown(self) -> str:
        """The drawn part of a text that does not wrap."""
        metrics = QFontMetrics(self.drawing_font())
        if self._parts:
            return first_parts(self.text(), metrics, self.width())
        return whole_figures(self.text(), metrics, self.width())

    def shown_lines(self) -> list[str]:
        """The drawn lines of a text that wraps: those that fit, the last one elided where there are more.

        At least one line is drawn, even if there is no room for it.
        """
        font = self.drawing_font()
        lines = [line for one in unbroken(self.text()).split("\n") for line in wrapped(one, font, self.width())]
        most = max(1, self.height() // ceil(QFontMetricsF(font).lineSpacing()))  # Qt rounds each line up
        if len(lines) <= most:
            return lines
        rest = " ".join(one.strip() for one in lines[most - 1 :])
        return [*lines[: most - 1], whole_figures(rest, QFontMetrics(font), self.width())]

    def event(self, event: QEvent) -> bool:
        lacks_tip = event.type() == QEvent.Type.ToolTip and not self.toolTip() and self._is_cut()
        if lacks_tip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), plain(self.text()), self)
            return True
        return super().event(event)

    def _is_cut(self) -> bool:
        """Whether the label draws less than its text: the end, or some of its parts, are left out."""
        if not self._wrap:
            return self.shown() != self.text()
        return self.shown_lines()[-1].endswith("…") and not self.text().endswith("…")

    def paintEvent(self, event: QPaintEvent) -> None:
        flags, text = self.alignment().value, "\n".join(self.shown_lines()) if self._wrap else self.shown()
        if not self._wrap:
            flags |= Qt.TextFlag.TextSingleLine.value
        with painting(self) as painter:
            painter.setFont(self.drawing_font())
            painter.setPen(QColor(self.drawing_colour()))
            painter.drawText(self.rect(), flags, text)
