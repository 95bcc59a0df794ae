"""One bar of the elapsed time: device time, host-only time within steps, and gaps between steps."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import GRID, theme
from app.look.units import DERIVED, MEASURED, percent, seconds
from app.widgets.painted import PaintedWidget, caption_height
from app.widgets.plain import plain
from app.widgets.textures import hatch

BAR: Final = 3 * GRID


class TimeSplit(PaintedWidget):
    """Shares of the elapsed time. Labels that do not fit are left out; the tool tip has all of them."""

    fills_ground = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parts: list[tuple[str, float]] = []
        """(kind, seconds): device, host and gap, in this order; no device part if it was not reported."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Device busy, host only, and gaps between steps"))

    def sizeHint(self) -> QSize:
        return QSize(240, int(caption_height()) + BAR + GRID)

    def show_times(self, busy_s: float, gap_s: float | None, device_s: float | None) -> None:
        """Draw the time inside steps (`busy_s`) and between steps (`gap_s`; None: the steps do not follow each other).

        `device_s` is the part of `busy_s` in which the device worked; None: not reported. All are in seconds.
        """
        self.parts = [("host", busy_s)]
        if device_s is not None:
            device_s = min(device_s, busy_s)
            self.parts = [("device", device_s), ("host", busy_s - device_s)]
        if gap_s is not None:
            self.parts.append(("gap", gap_s))
        words = "\n".join(self._words(kind, value) for kind, value in self.parts)
        self.setToolTip(plain(words))
        self.setAccessibleDescription(words)
        self.update()

    def _words(self, kind: str, value: float) -> str:
        total = sum(part for _, part in self.parts)
        share = percent(value / total if total else None)
        told_apart = self.parts[0][0] == "device"
        text = {
            "device": self.tr("device busy {time} ({share}) {mark}"),
            "host": self.tr("host only {time} ({share}) {mark}")
            if told_apart
            else self.tr("in steps {time} ({share}) {mark}"),
            "gap": self.tr("between steps {time} ({share}) {mark}"),
        }[kind]
        mark = DERIVED if kind == "gap" or (kind == "host" and told_apart) else MEASURED
        return text.format(time=seconds(value), share=share, mark=mark)

    def paint(self, painter: QPainter) -> None:
        colours = theme()
        metrics = painter.fontMetrics()
        total = sum(value for _, value in self.parts)
        x, text_x = 0.0, 0.0
        fills = {"device": colours.positions["new"], "host": colours.groups["other"], "gap": colours.warn}
        for kind, value in self.parts:
            width = value / total * self.width() if total else 0.0
            box = QRectF(x, metrics.height() + GRID / 2, width, BAR)
            if kind == "gap":
                painter.fillRect(box, hatch(fills[kind]))
            else:
                painter.fillRect(box, QColor(fills[kind]))
            painter.setPen(QColor(colours.muted))
            words = self._words(kind, value)
            room = self.width() - text_x
            if metrics.horizontalAdvance("■ " + words) <= room:
                painter.setPen(QColor(fills[kind]))
                painter.drawText(QPointF(text_x, metrics.ascent()), "■")
                step = metrics.horizontalAdvance("■ ")
                painter.setPen(QColor(colours.muted))
                painter.drawText(QPointF(text_x + step, metrics.ascent()), words)
                text_x += step + metrics.horizontalAdvance(words) + 3 * GRID
            x += width
