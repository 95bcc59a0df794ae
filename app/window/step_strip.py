"""The step strip: one bar per step (height: latency, colour: kind); dragging selects the range for all panels."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core.selection import Selected, Selection
from app.look.theme import GRID, PANEL_PADDING, theme
from app.models.bar_scale import bar_scale
from app.models.strip_view import StripView
from app.panels.untold import why_untold
from app.widgets.log_button import LogButton
from app.widgets.painted import PaintedWidget, caption_height
from app.widgets.plain import plain
from app.widgets.step_columns import StepColumns, StepLatencies
from app.window.strip_marks import draw_own_marks, mark_lines
from app.window.strip_paint import GUTTER, LINE, StripScene, draw_strip
from app.window.strip_text import range_text, step_text, unstepped_text
from engine.figures.told import told
from engine.session.store import Session

PLOT_HEIGHT: Final = 12 * GRID
CLICK_PIXELS: Final = 3
ZOOM: Final = 1.25
PAN: Final = 0.1
"""Share of the span that a key or a sideways turn of the wheel moves by."""


class StepStrip(PaintedWidget):
    """Shows all steps, or those zoomed to; follows the newest until the user pans away from them.

    The view is a `StripView`, the drawing a `StripScene`. This class has the methods that the window calls, the place
    of the plot, and the events of mouse and keys: together more than fifteen methods.
    """

    follow_changed = Signal(bool)

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._session: Session | None = None
        self._latencies = StepLatencies()
        self._view = StripView(selection, self._view_changed, self.follow_changed.emit)
        self._columns: StepColumns | None = None
        self._drag: tuple[float, float] | None = None
        """Pixel columns where the drag of a range began, and where the mouse is."""
        self._pan: tuple[float, float] | None = None
        """Pixel column where a pan with the mouse began, and the first step in view then."""
        self.log_button = LogButton(self)
        self.log_button.toggled.connect(lambda _: self.update())
        self.setObjectName("step-strip")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        selection.changed.connect(self._on_selected)
        self.retranslate()

    # --- what the window calls --------------------------------------------------------------------------------------

    def show_session(self, session: Session | None) -> None:
        """Show all of another session."""
        self._session = session
        self._latencies.clear()
        self._drag, self._pan = None, None
        self._view.show_all()
        self.refresh()

    def refresh(self) -> None:
        """Take the steps that came since the last call."""
        if self._session is not None:
            self._latencies.update(self._session)
        self._view.advance(len(self._latencies))
        self._place_button()
        self._view_changed()

    @property
    def following(self) -> bool:
        """Whether the newest step stays in view."""
        return self._view.following

    def set_following(self, following: bool) -> None:
        """Keep the newest step in view, or keep the view where it is."""
        self._view.set_following(following)

    @property
    def view(self) -> tuple[float, float]:
        """The steps [first, end) between the edges of the plot."""
        return self._view.first, self._view.end

    def frame(self) -> None:
        """Show the selected range; all steps where that is shown already or nothing is selected."""
        self._view.frame(self._selection.now.steps)

    def follow(self) -> None:
        """Keep the newest step in view, on the user's request."""
        self._view.follow_by_hand()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.setAccessibleName(self.tr("Step strip"))
        self.setAccessibleDescription(
            self.tr("One bar a step, its height the latency. Drag selects a range, a click one step, Esc clears.")
        )
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(600, round(PLOT_HEIGHT + 2 * LINE * caption_height() + 2 * GRID))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    def plot_box(self) -> QRectF:
        """Where the bars lie, in the widget's coordinates."""
        line = LINE * caption_height()
        width = max(1, self.width() - GUTTER - PANEL_PADDING)
        return QRectF(GUTTER, line + GRID, width, self.height() - 2 * line - 2 * GRID)

    def x_of(self, step: float) -> float:
        """The pixel at which a step begins."""
        plot = self.plot_box()
        return plot.left() + (step - self._view.first) / self._view.span * plot.width()

    def _value_at(self, x: float) -> float:
        plot = self.plot_box()
        return self._view.first + (x - plot.left()) / plot.width() * self._view.span

    def step_at(self, x: float) -> int:
        """The step at a pixel column; outside the steps, the nearest one."""
        return min(max(int(np.floor(self._value_at(x))), 0), max(len(self._latencies) - 1, 0))

    def shown_range(self) -> tuple[int, int] | None:
        """The range that is being dragged, or the selected one."""
        if self._drag is not None and abs(self._drag[1] - self._drag[0]) > CLICK_PIXELS:
            low, high = sorted(self._drag)
            return self.step_at(low), self.step_at(high)
        return self._selection.now.steps

    # --- painting ---------------------------------------------------------------------------------------------------

    def scene(self) -> StripScene | None:
        """What to draw now; None without steps."""
        if self._session is None or len(self._latencies) == 0:
            return None
        plot = self.plot_box()
        if self._columns is None:
            self._columns = self._latencies.columns(*self.view, int(plot.width()))
        scale = bar_scale(self._columns.latency_ns, self.log_button.isChecked())
        return StripScene(
            self._session, len(self._latencies), *self.view, plot, self._columns, scale, self.shown_range(),
            self._selection.now.step, self.devicePixelRatioF(),
        )  # fmt: skip

    def range_text(self) -> str:
        """The text about the shown range, or about all steps; empty without steps."""
        if self._session is None:
            return ""
        return range_text(self._session, self.shown_range(), len(self._latencies))

    def tip(self, step: int) -> str:
        """The tool tip of a step."""
        if self._session is None:
            return ""
        return "\n".join([step_text(self._session, step), *mark_lines(self._session, step)])

    def paint(self, painter: QPainter) -> None:
        plot, scene = self.plot_box(), self.scene()
        painter.setPen(QPen(QColor(theme().line), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        if scene is None:
            painter.setPen(QColor(theme().muted))
            room = int(plot.width())
            words = painter.fontMetrics().elidedText(self._instead(), Qt.TextElideMode.ElideRight, room)
            painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, words)
        else:
            draw_strip(painter, scene)
            draw_own_marks(painter, scene)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme().accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    def _instead(self) -> str:
        """The text in the place of the bars, where there are none."""
        if self._session is not None and not told(self._session, "steps"):
            return unstepped_text(self._session)
        return self.tr("Each step of a run becomes a bar here: its height the latency, its colour the kind of step.")

    def _view_changed(self) -> None:
        self._columns = None
        self.update()

    def _on_selected(self, selected: Selected) -> None:
        self._view.select(selected)
        self.update()

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def zoom(self, factor: float, x: float) -> None:
        """Make the span `factor` times as long around the step at pixel column `x`."""
        self._view.zoom(factor, self._value_at(x))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._columns = None  # the columns were made for another width
        self._place_button()
        super().resizeEvent(event)

    def _place_button(self) -> None:
        """Put the button beside the first step's number, under the axis of times."""
        self.log_button.setVisible(self._session is not None and len(self._latencies) > 0)
        self.log_button.place(GUTTER - GRID, round((self.plot_box().bottom() + self.height()) / 2))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if event.button() == Qt.MouseButton.MiddleButton or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pan = (x, self._view.first)
        elif event.button() == Qt.MouseButton.LeftButton and len(self._latencies):
            self._drag = (x, x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pan is not None:
            from_x, first = self._pan
            self._view.pan(first + (from_x - x) / self.plot_box().width() * self._view.span - self._view.first)
        elif self._drag is not None:
            self._drag = (self._drag[0], x)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pan = None
        if self._drag is None:
            return
        chosen = self.shown_range() if abs(self._drag[1] - self._drag[0]) > CLICK_PIXELS else None
        clicked = self.step_at(self._drag[0])
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
            self.zoom(ZOOM**-turns, event.position().x())
        elif sideways:
            self._view.pan(-PAN * sideways * self._view.span)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        middle = self.plot_box().center().x()
        match event.key():
            case Qt.Key.Key_W:
                self.zoom(1 / ZOOM, middle)
            case Qt.Key.Key_S:
                self.zoom(ZOOM, middle)
            case Qt.Key.Key_A:
                self._view.pan(-PAN * self._view.span)
            case Qt.Key.Key_D:
                self._view.pan(PAN * self._view.span)
            case Qt.Key.Key_F:
                self.frame()
            case _:
                super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self._session is not None and len(self._latencies):
            QToolTip.showText(event.globalPos(), plain(self.tip(self.step_at(event.pos().x()))), self)
            return True
        if isinstance(event, QHelpEvent) and self._session is not None and not told(self._session, "steps"):
            QToolTip.showText(event.globalPos(), plain(why_untold(self._session, "steps")), self)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
