"""A button that says what it does: a mark, a title, a sentence below it, and a short note at the right."""

from __future__ import annotations

from math import ceil
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFont, QFontMetrics, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QSizePolicy, QWidget

from app.look.icons import icon
from app.look.painting import painting
from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP, theme, ui_font
from app.look.units import cut
from app.widgets.focus import claims_key
from app.widgets.plain import plain
from app.widgets.themed_label import wrapped
from app.widgets.unbroken import unbroken

ARROWS: Final = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down})
ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
ICON: Final = 5 * GRID
LEAD: Final = 8 * GRID
"""Width of the mark before the title."""
RADIUS: Final = 1.5 * GRID
LEADING: Final = 1.2
"""Height of a line of the sentence, as a multiple of the font's: small letters are read more easily so."""
USUAL_WIDTH: Final = 70 * GRID
LEAST_WIDTH: Final = 40 * GRID


class Tile(QAbstractButton):
    """Draws itself in the theme's colours. Space and Enter press it; arrows are told with `walked`.

    A sentence is wrapped to `most_lines` lines; what is cut is in the tool tip.
    """

    walked = Signal(object, object)
    """(this tile, the arrow key that was pressed on it)."""
    focused = Signal(object)

    def __init__(self, most_lines: int = 2, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._most_lines = most_lines
        self.title = ""
        self.sentence = ""
        self._note = ""
        self._icon = ""
        self._number = ""
        self._wrapped: dict[tuple[int, str], list[str]] = {}
        """The lines of the sentence by width and font."""
        self._heights: dict[tuple[int, QFont], int] = {}
        """Heights by width and the application's font: while a window begins, layouts ask a thousand times."""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    # --- what it says -----------------------------------------------------------------------------------------------

    def mark(self, icon_name: str = "", number: str = "") -> None:
        """What stands before the title: an icon by its name, or a number."""
        self._icon, self._number = icon_name, number
        self.update()

    def say(self, title: str, sentence: str, note: str = "", tip: str = "") -> None:
        """Set the texts; the tool tip is `tip` or the sentence."""
        self.title, self.sentence, self._note = cut(title), cut(sentence), cut(note)
        self._wrapped.clear()
        self._heights.clear()
        self.setAccessibleName(self.title)
        self.setAccessibleDescription(" · ".join(part for part in (self.sentence, self._note) if part))
        self.setToolTip(plain(tip or self.sentence or self.title))
        self.updateGeometry()
        self.update()

    def shown_lines(self) -> list[str]:
        """The drawn lines of the sentence, the last one elided where there are more."""
        return self._lines(self._room(self.width()))

    # --- size -------------------------------------------------------------------------------------------------------

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        room = self._room(width)
        key = (room, QApplication.font())
        if key not in self._heights:
            lines = len(self._lines(room))
            gap = GRID // 2 if lines else 0
            text = _line_height(_title_font()) + gap + lines * _line_height(_sentence_font(), LEADING)
            self._heights[key] = 2 * ROW_GAP + max(text, ICON)
        return self._heights[key]

    def sizeHint(self) -> QSize:
        return QSize(USUAL_WIDTH, self.heightForWidth(USUAL_WIDTH))

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, self.heightForWidth(USUAL_WIDTH))

    # --- keys -------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        return claims_key(event, ARROWS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in ENTER:
            self.click()
        elif event.key() in ARROWS:
            self.walked.emit(self, Qt.Key(event.key()))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(self)

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw_ground(painter)
            self._draw_mark(painter)
            self._draw_texts(painter)

    def _draw_ground(self, painter: QPainter) -> None:
        colours = theme()
        hovered = self.underMouse() and self.isEnabled()
        edge = colours.accent if self.hasFocus() else colours.muted if hovered else colours.line
        width = 2.0 if self.hasFocus() else 1.0
        ground = colours.window if not self.isEnabled() else colours.line if self.isDown() else colours.panel
        painter.setPen(QColor(edge))
        pen = painter.pen()
        pen.setWidthF(width)
        painter.setPen(pen)
        painter.setBrush(QColor(ground))
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), RADIUS, RADIUS)

    def _draw_mark(self, painter: QPainter) -> None:
        colour = theme().accent if self.isEnabled() else theme().faint
        height = _line_height(_title_font())
        if self._icon:
            box = QRect(PANEL_PADDING, ROW_GAP + (height - ICON) // 2, ICON, ICON)
            icon(self._icon, colour).paint(painter, box)
        elif self._number:
            painter.setPen(QColor(colour))
            painter.setFont(_title_font())
            painter.drawText(
                QRect(PANEL_PADDING, ROW_GAP, LEAD, height),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip,
                self._number,
            )

    def _draw_texts(self, painter: QPainter) -> None:
        colours = theme()
        left, room = self._left, self._room(self.width())
        title, sentence = _title_font(), _sentence_font()
        height = _line_height(title)
        note_width = 0
        if self._note:
            note_width = QFontMetrics(sentence).horizontalAdvance(self._note) + ROW_GAP
            painter.setFont(sentence)
            painter.setPen(QColor(colours.muted))
            box = QRectF(left, ROW_GAP, room, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._note)
        painter.setFont(title)
        painter.setPen(QColor(colours.text if self.isEnabled() else colours.muted))
        text = QFontMetrics(title).elidedText(self.title, Qt.TextElideMode.ElideMiddle, max(room - note_width, 0))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
        painter.drawText(QRectF(left, ROW_GAP, room, height), flags, text)
        painter.setFont(sentence)
        painter.setPen(QColor(colours.muted))
        y = ROW_GAP + height + GRID // 2 + QFontMetrics(sentence).ascent()
        for line in self._lines(room):
            painter.drawText(QPointF(left, y), line)
            y += _line_height(sentence, LEADING)

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _left(self) -> int:
        """Where the texts begin."""
        return PANEL_PADDING + (LEAD if self._icon or self._number else 0)

    def _room(self, width: int) -> int:
        """The width of the texts in a tile of this width."""
        return max(width - self._left - PANEL_PADDING, 1)

    def _lines(self, room: int) -> list[str]:
        if not self.sentence:
            return []
        font = _sentence_font()
        key = (room, font.key())
        if key not in self._wrapped:
            self._wrapped[key] = self._fitting(font, room)
        return self._wrapped[key]

    def _fitting(self, font: QFont, room: int) -> list[str]:
        lines = wrapped(unbroken(self.sentence), font, room)
        if len(lines) <= self._most_lines:
            return lines
        rest = " ".join(one.strip() for one in lines[self._most_lines - 1 :])
        cut_line = QFontMetrics(font).elidedText(rest, Qt.TextElideMode.ElideRight, room)
        return [*lines[: self._most_lines - 1], cut_line]


def _title_font() -> QFont:
    return ui_font(bold=True)


def _sentence_font() -> QFont:
    return ui_font(CAPTION_SCALE)


def _line_height(font: QFont, leading: float = 1.0) -> int:
    return ceil(leading * QFontMetricsF(font).lineSpacing())
