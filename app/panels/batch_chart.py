"""The Gantt chart of slots as a widget: its legend, its layout, and its reactions to pointer and wheel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import GRID
from app.look.units import DERIVED, MEASURED, count, percent
from app.models.axis_view import AxisView
from app.panels import batch_paint as drawing
from app.panels.batch_lanes import Shown, SlotScene, lane_pixels
from app.panels.batch_paint import STRIP
from app.widgets.axis_chart import ZOOM_IN, AxisChart
from app.widgets.legend import draw_legend, legend_places, legend_rows
from app.widgets.line_chart import GUTTER
from app.widgets.painted import caption_height
from app.widgets.pixels import image
from engine.figures.slot_runs import IDLE, PADDING

QUEUE: Final = 6 * GRID
"""Height of the queue's lane, in pixels."""


class SlotChart(AxisChart[tuple[int, int]]):
    """Draws one part of a session. `clicked` carries (step, slot), with slot -1 for the queue.

    `moved` is emitted when the shared view was zoomed or panned.
    """

    clicked = Signal(int, int)
    moved = Signal()

    def __init__(self, view: AxisView, parent: QWidget | None = None) -> None:
        """`view` is counted from the first step of the part; both charts of a panel share it."""
        super().__init__(view, parent)
        self.shown: Shown | None = None
        self.step: int | None = None
        self.request: int | None = None
        self.describe: Callable[[int, int], str] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 72)

    def sizeHint(self) -> QSize:
        return QSize(480, 220)

    def show_part(self, shown: Shown | None) -> None:
        """Draw this part; called again whenever the part has grown."""
        self.shown = shown
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def plot_box(self) -> QRectF:
        """The rectangle of the lanes, in the widget's coordinates."""
        top = legend_rows(self.legend(), self.width()) * caption_height() + STRIP + 3 * GRID
        bottom = caption_height() + GRID + (QUEUE + GRID if self._queue_shown else 0)
        return QRectF(GUTTER, top, max(self.width() - GUTTER - 3 * GRID, 8), max(self.height() - top - bottom, 8))

    def queue_box(self) -> QRectF:
        """The rectangle of the queue, under the lanes; without height if no request waited."""
        box = self.plot_box()
        return QRectF(box.left(), box.bottom() + GRID, box.width(), QUEUE if self._queue_shown else 0)

    @property
    def _queue_shown(self) -> bool:
        return self.shown is not None and self.shown.figures.waiting_peak > 0

    def place(self, step: int, slot: int) -> QPointF:
        """The centre of a slot-step in the widget's coordinates."""
        scene = self.scene()
        assert scene is not None
        return scene.place(step, slot)

    def scene(self) -> SlotScene | None:
        """What is drawn now; None without a part."""
        if self.shown is None:
            return None
        return SlotScene(
            self.shown, self.view.lo, self.view.span, self.plot_box(), self.queue_box(), self.width(),
            self.devicePixelRatioF(), self.step, self.request,
        )  # fmt: skip

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        scene = self.scene()
        if scene is None:
            return
        entries = legend_places(self.legend(), self.width())
        draw_legend(
            painter, entries, int(caption_height()) - 4,
            lambda box, name: drawing.draw_swatch(painter, scene, box, name),
        )  # fmt: skip
        drawing.draw_strip(painter, scene)
        painter.drawImage(scene.box.topLeft(), image(lane_pixels(scene), scene.ratio))
        drawing.draw_numbers(painter, scene)
        drawing.draw_queue(painter, scene)
        drawing.draw_axes(painter, scene)
        drawing.draw_preemptions(painter, scene)
        drawing.draw_selected(painter, scene)

    def legend(self) -> list[tuple[str, str]]:
        """(class, words) of the entries above the picture; the title has no class."""
        if self.shown is None:
            return []
        figures = self.shown.figures
        whole = max(figures.lanes * figures.steps, 1)
        entries = [("", self.shown.title)]
        for name, words, value in (
            ("useful", self.tr("useful {n} ({share})"), figures.useful),
            ("padding", self.tr("padding {n} ({share})"), figures.padding),
            (
                "idle",
                self.tr("idle {n} ({share})") if figures.computed is not None else self.tr("no request {n} ({share})"),
                figures.idle,
            ),
        ):
            if value is None:
                entries.append(("", self.tr("padding not told by this server")))
                continue
            entries.append((name, words.format(n=count(value), share=percent(value / whole)) + f" {MEASURED}"))
        if figures.computed is not None:
            entries.append(("", self.tr("{n} slot-steps computed, {share} wasted {mark}").format(
                n=count(figures.computed), share=percent(figures.waste), mark=DERIVED)))  # fmt: skip
        part = self.shown.part
        if pushed := sum(part.first <= one.step <= part.last for one in self.shown.runs.preemptions):
            entries.append(("preempted", self.tr("preempted {}×").format(count(pushed))))
        if not figures.waiting_peak:
            entries.append(("", self.tr("nobody waited")))
        return entries

    # --- the pointer ------------------------------------------------------------------------------------------------

    def place_at(self, at: QPointF) -> tuple[int, int] | None:
        scene = self.scene()
        return scene.cell_at(at) if scene is not None else None

    def words_for(self, place: tuple[int, int]) -> str:
        return self.describe(*place) if self.describe is not None else ""

    def pick(self, place: tuple[int, int]) -> None:
        self.clicked.emit(*place)

    def moved_by_hand(self) -> None:
        self.moved.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if notches := event.angleDelta().y() / 120:
            self.zoom(ZOOM_IN**notches, self.value_at(event.position().x()))
        event.accept()


def owner_words(owner: int) -> str:
    """`request 3`, `padding` or `idle`, for the rows of a table."""
    return {PADDING: "padding", IDLE: "idle"}.get(owner, f"request {owner}")
