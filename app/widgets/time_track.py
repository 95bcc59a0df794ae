"""The time line of a replay: how far it is, what is marked on it, and a handle to move it with."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QToolTip, QWidget

from app.look.painting import painting
from app.look.theme import GRID, theme
from app.look.units import MOST_OF_TOKEN, cut, seconds
from app.models.replay_ticks import ReplayTicks
from app.widgets.focus import frame_focus
from app.widgets.plain import plain

PARTS: Final = 10_000
"""Values of the slider from one end to the other."""
HEIGHT: Final = 7 * GRID
GROOVE: Final = 4.0
HANDLE: Final = 6.0
"""Radius of the handle; the line ends so far from the edges."""
NEAR: Final = 4.0
"""Pixels from a mark within which the tool tip names it."""
MOST_NAMED: Final = 8


class TimeTrack(QSlider):
    """A slider over the time of a recording; `sought` is emitted with the place that the user moves it to, 0 to 1."""

    sought = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("time-track")
        self.setRange(0, PARTS)
        self.setSingleStep(PARTS // 200)
        self.setPageStep(PARTS // 20)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the focus, so that Space still plays
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._share = 0.0
        self._ticks = ReplayTicks(np.empty((0, 2)), ())
        self._begin_ns, self._end_ns = 0, 1
        self._showing = False
        self.valueChanged.connect(self._on_value)

    def show_ticks(self, ticks: ReplayTicks, begin_ns: int, end_ns: int) -> None:
        """Show the marks of a recording that goes from one moment to another."""
        self._ticks, self._begin_ns, self._end_ns = ticks, begin_ns, max(end_ns, begin_ns + 1)
        self.update()

    def show_share(self, share: float) -> None:
        """Show how far the replay is, 0 to 1; emits nothing."""
        self._share, self._showing = share, True
        self.setValue(round(share * PARTS))
        self._showing = False
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(300, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, HEIGHT)

    def x_of(self, share: float) -> float:
        """The pixel of a place."""
        return HANDLE + share * max(self.width() - 2 * HANDLE, 1.0)

    def share_at(self, x: float) -> float:
        """The place at a pixel."""
        return min(max((x - HANDLE) / max(self.width() - 2 * HANDLE, 1.0), 0.0), 1.0)

    def words_at(self, x: float) -> str:
        """The tool tip at a pixel: the marks that stand there, else the time."""
        near = [(t_ns, words) for share, t_ns, words in self._ticks.marks if abs(self.x_of(share) - x) <= NEAR]
        lines = [
            f"{seconds((t_ns - self._begin_ns) / 1e9)}: {cut(words, MOST_OF_TOKEN)}"
            for t_ns, words in near[:MOST_NAMED]
        ]
        if len(near) > MOST_NAMED:
            lines.append(f"… +{len(near) - MOST_NAMED}")
        return "\n".join(lines) or seconds(self.share_at(x) * (self._end_ns - self._begin_ns) / 1e9)

    # --- painting ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme()
        middle, here = self.height() / 2, self.x_of(self._share)
        left, right = self.x_of(0.0), self.x_of(1.0)
        with painting(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.panel))
            painter.fillRect(QRectF(left, middle - GROOVE / 2, right - left, GROOVE), QColor(colours.line))
            painter.fillRect(QRectF(left, middle - GROOVE / 2, here - left, GROOVE), QColor(colours.accent))
            kind = QColor(colours.kinds["prefill"])
            for x, end in self._prompts_in_pixels():
                painter.fillRect(QRectF(x, middle + GROOVE / 2 + 1, max(end - x, 1.0), GROOVE), kind)
            painter.setPen(QPen(QColor(colours.warn), 1))
            for x in sorted({round(self.x_of(share)) for share, _, _ in self._ticks.marks}):
                painter.drawLine(QPointF(x + 0.5, 2.0), QPointF(x + 0.5, middle - GROOVE / 2))
            painter.setRenderHint(painter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(colours.panel), 2))
            painter.setBrush(QColor(colours.accent))
            painter.drawEllipse(QPointF(here, middle), HANDLE, HANDLE)
            painter.setRenderHint(painter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            frame_focus(self, painter)

    def _prompts_in_pixels(self) -> list[tuple[float, float]]:
        """Where steps compute a prompt, in whole pixels, joined where they touch: at most as many as pixels."""
        if not len(self._ticks.prompts):
            return []
        columns = np.zeros(max(self.width(), 1) + 1, bool)
        first = np.array([int(self.x_of(share)) for share in (0.0, 1.0)])
        places = first[0] + self._ticks.prompts * (first[1] - first[0])
        for x, end in np.unique(np.clip(places.astype(np.int64), 0, len(columns) - 1), axis=0).tolist():
            columns[x : end + 1] = True
        edges = np.flatnonzero(np.diff(np.concatenate([[False], columns, [False]]).astype(np.int8)))
        return [(float(x), float(end)) for x, end in edges.reshape(-1, 2).tolist()]

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._seek(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._seek(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # nobody loses the place by scrolling past it

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), plain(self.words_at(event.pos().x())), self)
            return True
        return super().event(event)

    def _seek(self, x: float) -> None:
        share = self.share_at(x)
        self.show_share(share)
        self.sought.emit(share)

    def _on_value(self, value: int) -> None:
        """A key moved the slider."""
        if not self._showing:
            self._share = value / PARTS
            self.update()
            self.sought.emit(self._share)
