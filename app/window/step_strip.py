"""The step strip: one bar a step, height its latency, colour its kind; dragging selects the range all panels follow."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPaintEngine,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core.selection import Look, Selected, Selection
from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP, theme, ui_font
from app.look.units import count, rate, seconds
from app.models.looking import Looker
from app.widgets.plain import plain
from app.widgets.step_columns import StepColumns, StepLatencies, bars_image
from app.window.strip_pauses import draw_pauses, pause_texts
from engine.core.settings import as_typed
from engine.figures.metrics import run_wall_s, tokens_per_s
from engine.session.store import STEP_KINDS, Session

PLOT_HEIGHT: Final = 12 * GRID
GUTTER: Final = 16 * GRID
"""Room for the axis on the left; as wide as that of the plots below."""
LINE: Final = 1.3
"""Height of a line of captions, of the font's: glyphs of other scripts come from taller fonts."""
OUTSIDE: Final = 0.6
"""How far bars outside the selected range fade."""
CLICK_PIXELS: Final = 3
ZOOM: Final = 1.25
FEWEST_STEPS: Final = 8


class StepStrip(QWidget):
    """Shows all steps, or those zoomed to; follows the newest until the user pans away from them."""

    follow_changed = Signal(bool)

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._session: Session | None = None
        self._latencies = StepLatencies()
        self._view: tuple[float, float] | None = None
        self._following = True
        self._drag: tuple[float, float] | None = None
        self._pan: tuple[float, tuple[float, float]] | None = None
        self._columns: StepColumns | None = None
        self._step: int | None = None
        self._looker = Looker(selection, "step-strip", self._look, self._show_look)
        self.setObjectName("step-strip")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        selection.changed.connect(self._on_selected)
        self.retranslate()

    # --- what the window calls --------------------------------------------------------------------------------------

    def show_session(self, session: Session | None) -> None:
        """Look at another session, all of it."""
        self._session = session
        self._latencies.clear()
        self._view, self._drag, self._pan = None, None, None
        self.set_following(True)
        self.refresh()

    def refresh(self) -> None:
        """Take the steps that came since the last call."""
        if self._session is not None:
            self._latencies.update(self._session)
        self._columns = None
        self.update()

    @property
    def following(self) -> bool:
        return self._following

    def set_following(self, following: bool) -> None:
        """Keep the newest step in view, or stay."""
        if following == self._following:
            return
        if not following and self._view is None:
            self._view = self.view
        self._following = following
        self._columns = None
        self.update()
        self.follow_changed.emit(following)

    @property
    def view(self) -> tuple[float, float]:
        """Steps [first, last) between the edges of the picture."""
        steps = len(self._latencies)
        if self._view is None:
            return 0.0, float(max(steps, FEWEST_STEPS))
        first, last = self._view
        if self._following:
            shift = max(float(steps), last - first) - last
            first, last = first + shift, last + shift
        return first, last

    def frame(self) -> None:
        """Show the selected range; all steps where that is shown already or nothing is selected."""
        with self._looker.by_hand():
            self._frame()

    def follow(self) -> None:
        """Keep the newest step in view, because the user wants it."""
        with self._looker.by_hand():
            self.set_following(True)

    def _frame(self) -> None:
        chosen = self._selection.now.steps
        wanted = None if chosen is None else (float(chosen[0]), float(max(chosen[1] + 1, chosen[0] + FEWEST_STEPS)))
        if wanted is None or wanted == self._view:
            self._view = None
            self.set_following(True)
        else:
            self.set_following(False)
            self._view = wanted
        self._columns = None
        self.update()

    def retranslate(self) -> None:
        """Take the texts of the language in force."""
        self.setAccessibleName(self.tr("Step strip"))
        self.setAccessibleDescription(
            self.tr("One bar a step, its height the latency. Drag selects a range, a click one step, Esc clears.")
        )
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        line = LINE * QFontMetricsF(ui_font(CAPTION_SCALE)).height()
        return QSize(600, round(PLOT_HEIGHT + 2 * line + 2 * GRID))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    def _plot(self) -> QRectF:
        line = LINE * QFontMetricsF(ui_font(CAPTION_SCALE)).height()
        return QRectF(
            GUTTER, line + GRID, max(1, self.width() - GUTTER - PANEL_PADDING), self.height() - 2 * line - 2 * GRID
        )

    def _step_at(self, x: float) -> int:
        plot = self._plot()
        first, last = self.view
        step = int(np.floor(first + (x - plot.left()) / plot.width() * (last - first)))
        return min(max(step, 0), max(len(self._latencies) - 1, 0))

    def _x_of(self, step: float) -> float:
        plot = self._plot()
        first, last = self.view
        return plot.left() + (step - first) / (last - first) * plot.width()

    # --- painting ---------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._columns = None  # they were cut for another width
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(colours.panel))
        painter.setFont(ui_font(CAPTION_SCALE))
        plot = self._plot()
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        if self._session is None or len(self._latencies) == 0:
            self._paint_empty(painter, plot)
        else:
            columns = self._visible_columns(plot)
            self._paint_bars(painter, plot, columns)
            self._paint_range(painter, plot)
            self._paint_switches(painter, plot)
            draw_pauses(painter, self._session, plot, self._x_of)
            self._paint_cursor(painter, plot)
            self._paint_axis(painter, plot, columns)
            self._paint_captions(painter, plot, columns)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _visible_columns(self, plot: QRectF) -> StepColumns:
        if self._columns is None:
            self._columns = self._latencies.columns(*self.view, int(plot.width()))
        return self._columns

    def _paint_empty(self, painter: QPainter, plot: QRectF) -> None:
        painter.setPen(QColor(theme().muted))
        painter.drawText(
            plot,
            Qt.AlignmentFlag.AlignCenter,
            self.tr("Each step of a run becomes a bar here: its height the latency, its colour the kind of step."),
        )

    def _paint_bars(self, painter: QPainter, plot: QRectF, columns: StepColumns) -> None:
        colours = theme()
        ceiling = columns.ceiling_ns()
        if ceiling == 0:
            return
        heights = np.minimum(columns.latency_ns / ceiling, 1.0)
        gap = 1.0 if columns.bar >= 3 else 0.0
        width = max(1.0, columns.bar - gap)
        colour_of = [QColor(colours.kinds[kind]) for kind in STEP_KINDS]
        painter.save()
        painter.setClipRect(plot)
        painter.setPen(Qt.PenStyle.NoPen)
        if painter.paintEngine().type() == QPaintEngine.Type.Raster:
            scale = self.devicePixelRatioF()
            image = bars_image(
                columns,
                heights,
                width,
                round(plot.width() * scale),
                round(plot.height() * scale),
                scale,
                [c.rgb() for c in colour_of],
            )
            image.setDevicePixelRatio(scale)
            painter.drawImage(plot.topLeft(), image)
        else:  # a picture of vectors
            for left, height, kind in zip(columns.left.tolist(), heights.tolist(), columns.kind.tolist(), strict=True):
                painter.setBrush(colour_of[kind])
                tall = height * plot.height()
                painter.drawRect(QRectF(plot.left() + left, plot.bottom() - tall, width, tall))
        painter.setBrush(QColor(colours.text))  # a bar that is cut off says so with a tip
        for left in columns.left[columns.latency_ns > ceiling].tolist()[:200]:
            middle = plot.left() + left + width / 2
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF(middle - 3, plot.top() + 4),
                        QPointF(middle + 3, plot.top() + 4),
                        QPointF(middle, plot.top()),
                    ]
                )
            )
        painter.restore()

    def _paint_range(self, painter: QPainter, plot: QRectF) -> None:
        """The selected range: bars outside it fade, and lines stand at its edges."""
        chosen = self._shown_range()
        if chosen is None:
            return
        left = min(max(self._x_of(chosen[0]), plot.left()), plot.right())
        right = min(max(self._x_of(chosen[1] + 1), left + 1.0), plot.right())
        colour, veil = QColor(theme().accent), QColor(theme().panel)
        veil.setAlphaF(OUTSIDE)
        painter.fillRect(QRectF(plot.left(), plot.top(), left - plot.left(), plot.height()), veil)
        painter.fillRect(QRectF(right, plot.top(), plot.right() - right, plot.height()), veil)
        painter.setPen(QPen(colour, 1))
        for x in (left, right):
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.fillRect(QRectF(left, plot.top(), right - left, 2), colour)

    def _paint_cursor(self, painter: QPainter, plot: QRectF) -> None:
        step = self._selection.now.step
        if step is None or step >= len(self._latencies):
            return
        left, right = self._x_of(step), self._x_of(step + 1)
        if right < plot.left() or left > plot.right():
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme().text), 1))
        painter.drawRect(QRectF(left, plot.top(), max(1.0, right - left - 1), plot.height()))

    def _paint_switches(self, painter: QPainter, plot: QRectF) -> None:
        assert self._session is not None
        colours = theme()
        first, last = self.view
        metrics = QFontMetricsF(painter.font())
        free_from = plot.left()
        for step, text in switch_marks(self._session):
            if not first <= step < last:
                continue
            x = self._x_of(step)
            painter.setPen(QPen(QColor(colours.warn), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            width = metrics.horizontalAdvance(text)
            if x >= free_from and x + width + GRID < plot.right():
                painter.setPen(QColor(colours.warn))
                painter.fillRect(QRectF(x + 2, plot.top(), width + 4, metrics.height()), QColor(colours.panel))
                painter.drawText(QPointF(x + 4, plot.top() + metrics.ascent()), text)
                free_from = x + width + ROW_GAP

    def _paint_axis(self, painter: QPainter, plot: QRectF, columns: StepColumns) -> None:
        painter.setPen(QColor(theme().muted))
        line = LINE * painter.fontMetrics().height()
        right = Qt.AlignmentFlag.AlignRight
        gutter = QRectF(0, plot.top() - line / 2 + GRID, GUTTER - GRID, line)
        painter.drawText(gutter, right | Qt.AlignmentFlag.AlignVCenter, seconds(columns.ceiling_ns() / 1e9))
        painter.drawText(QRectF(0, plot.bottom() - line + 2, GUTTER - GRID, line), right, "0")
        first, last = self.view
        low, high = max(0, int(first)), min(len(self._latencies), int(np.ceil(last))) - 1
        below = QRectF(plot.left(), plot.bottom() + 1, plot.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, self.tr("step {}").format(count(low)))
        if high > low:
            shown_right = min(plot.right(), self._x_of(high + 1))
            below.setRight(max(shown_right, below.left() + painter.fontMetrics().horizontalAdvance("0") * 20))
            painter.drawText(below, right, count(high))

    def _paint_captions(self, painter: QPainter, plot: QRectF, columns: StepColumns) -> None:
        """Direct labels of the kinds there are, and on the right what is selected."""
        colours = theme()
        metrics = painter.fontMetrics()
        x = plot.left()
        names = self._kind_names()
        for kind in np.unique(columns.kind).tolist():
            name = names[STEP_KINDS[kind]]
            side = metrics.height() * 0.6
            painter.fillRect(
                QRectF(x, (metrics.height() - side) / 2 + 2, side, side), QColor(colours.kinds[STEP_KINDS[kind]])
            )
            painter.setPen(QColor(colours.muted))
            painter.drawText(QPointF(x + side + GRID, metrics.ascent() + 2), name)
            x += side + GRID + metrics.horizontalAdvance(name) + 2 * ROW_GAP
        text = self._range_text()
        painter.setPen(QColor(colours.text if self._shown_range() else colours.muted))
        room = QRectF(x, 0, plot.right() - x, LINE * metrics.height())
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _range_text(self) -> str:
        chosen = self._shown_range()
        first, last = chosen if chosen is not None else (0, len(self._latencies) - 1)
        assert self._session is not None
        last = min(last, len(self._latencies) - 1)
        if last < first:
            return ""
        tokens = int(self._session.steps["tokens_out"][first : last + 1].sum())
        shown = last - first + 1
        facts = " · ".join((
            self.tr("1 step") if shown == 1 else self.tr("{} steps").format(count(shown)),
            seconds(run_wall_s(self._session, (first, last))),
            self.tr("1 token") if tokens == 1 else self.tr("{} tokens").format(count(tokens)),
            rate(tokens_per_s(self._session, (first, last)), "tokens/s"),
        ))  # fmt: skip
        return facts if chosen is None else self.tr("selected {}–{}: {}").format(count(first), count(last), facts)

    def _kind_names(self) -> dict[str, str]:
        return {
            "prefill": self.tr("prefill"),
            "decode": self.tr("decode"),
            "mixed": self.tr("prefill and decode"),
            "verify": self.tr("verify"),
            "teacher": self.tr("teacher-forced"),
        }

    def _shown_range(self) -> tuple[int, int] | None:
        if self._drag is not None and abs(self._drag[1] - self._drag[0]) > CLICK_PIXELS:
            low, high = sorted(self._drag)
            return self._step_at(low), self._step_at(high)
        return self._selection.now.steps

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if event.button() == Qt.MouseButton.MiddleButton or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pan = (x, self.view)
        elif event.button() == Qt.MouseButton.LeftButton and len(self._latencies):
            self._drag = (x, x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pan is not None:
            from_x, (first, last) = self._pan
            shift = (from_x - x) / self._plot().width() * (last - first)
            self._look_at(first + shift, last + shift)
        elif self._drag is not None:
            self._drag = (self._drag[0], x)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pan = None
        if self._drag is None:
            return
        chosen = self._shown_range() if abs(self._drag[1] - self._drag[0]) > CLICK_PIXELS else None
        clicked = self._step_at(self._drag[0])
        self._drag = None
        if chosen is not None:
            self._selection.change(steps=chosen)
        else:
            self._selection.change(step=clicked, token=None)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._drag = None
        self._selection.change(steps=None, step=None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turns = event.angleDelta().y() / 120
        sideways = event.angleDelta().x() / 120
        if turns:
            self._zoom(ZOOM**-turns, event.position().x())
        elif sideways:
            self._shift(-0.1 * sideways)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        middle = self._plot().center().x()
        match event.key():
            case Qt.Key.Key_W:
                self._zoom(1 / ZOOM, middle)
            case Qt.Key.Key_S:
                self._zoom(ZOOM, middle)
            case Qt.Key.Key_A:
                self._shift(-0.1)
            case Qt.Key.Key_D:
                self._shift(0.1)
            case Qt.Key.Key_F:
                self.frame()
            case _:
                super().keyPressEvent(event)

    def _zoom(self, factor: float, x: float) -> None:
        first, last = self.view
        plot = self._plot()
        at = first + (x - plot.left()) / plot.width() * (last - first)
        steps = max(len(self._latencies), FEWEST_STEPS)
        if (last - first) * factor >= steps:
            with self._looker.by_hand():
                self._show_all()
            return
        factor = max(factor, FEWEST_STEPS / (last - first))
        self._look_at(at - (at - first) * factor, at + (last - at) * factor)

    def _shift(self, share: float) -> None:
        first, last = self.view
        self._look_at(first + share * (last - first), last + share * (last - first))

    def _show_all(self) -> None:
        self._view = None
        self.set_following(True)
        self._columns = None
        self.update()

    def _look_at(self, first: float, last: float) -> None:
        """Show these steps because the user wants it."""
        with self._looker.by_hand():
            self._show_view(first, last)

    def _show_view(self, first: float, last: float) -> None:
        steps = float(max(len(self._latencies), FEWEST_STEPS))
        span = min(last - first, steps)
        first = min(max(first, 0.0), steps - span)
        self._view = (first, first + span)
        at_end = first + span >= steps - 0.5
        if at_end != self._following:
            self._following = at_end
            self.follow_changed.emit(at_end)
        self._columns = None
        self.update()

    def _on_selected(self, selected: Selected) -> None:
        moved = selected.step is not None and selected.step != self._step
        self._step = selected.step
        if not self._looker.follow(selected) and moved and self._step is not None:
            self._reveal(self._step)
        self.update()

    def _look(self) -> Look:
        """What is looked at."""
        followed: Literal["follow", "free"] = "follow" if self._following else "free"
        return Look(*self.view, "fit" if self._view is None else followed)

    def _show_look(self, look: Look) -> None:
        """Look where back or forward led."""
        self._show_all()
        if look.mode != "fit":
            self.set_following(look.mode == "follow")
            self._view = (look.lo, look.hi)

    def _reveal(self, step: int) -> None:
        """Pan just so far that the step can be seen, wherever it was selected."""
        first, last = self.view
        if self._view is None or first <= step < last:
            return
        span = last - first
        start = step - 0.1 * span if step < first else step + 1 - 0.9 * span
        with self._looker.to_reveal():
            self._show_view(start, start + span)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self._session is not None and len(self._latencies):
            QToolTip.showText(event.globalPos(), plain(self._tip(self._step_at(event.pos().x()))), self)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _tip(self, step: int) -> str:
        assert self._session is not None
        steps = self._session.steps
        latency_s = int(steps["end_ns"][step] - steps["start_ns"][step]) / 1e9
        kind = self._kind_names()[STEP_KINDS[int(steps["kind"][step])]]
        text = self.tr("Step {}: {}\n{} (measured)\n{} positions computed").format(
            count(step), kind, seconds(latency_s), count(int(steps["positions_computed"][step]))
        )
        before = [words for at, words in pause_texts(self._session) if at == step]
        return "\n".join([text, *(self.tr("{} before it").format(words) for words in before)])


def switch_marks(session: Session) -> list[tuple[int, str]]:
    """(step, what changed) for every change of the switches after the run began."""
    marks = []
    for before, after in zip(session.configs, session.configs[1:], strict=False):
        changed = [
            f"{name}={as_typed(value)}" for name, value in after.switches.items() if before.switches.get(name) != value
        ]
        if changed:
            marks.append((after.step_id, ", ".join(changed)))
    return marks
