"""The widget of the timeline: its picture, and its reactions to pointer and keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.selection import Look, Selected, Selection
from app.core.subject import is_in_step
from app.look.theme import GRID, theme
from app.models.axis_view import AxisView
from app.models.looking import Looker, look_of, show_look
from app.models.request_lanes import LaneChoice
from app.models.timeline import Axis, TimelineModel
from app.panels import timeline_hits as hits
from app.panels import timeline_paint as drawing
from app.panels.timeline_chunks import token_span
from app.panels.timeline_hits import Hit
from app.panels.timeline_lanes import Content, Lanes, lanes_in, with_rows
from app.panels.timeline_layers import piece_at, span_of
from app.panels.timeline_legend import draw_legend, legend_entries, lines_of
from app.panels.timeline_picture import draw_timeline
from app.panels.timeline_rows import RequestRows
from app.panels.timeline_trace import item_at, span_of_item, trace_heights
from app.panels.timeline_walk import next_request, next_token
from app.widgets.axis_chart import AxisChart
from app.widgets.focus import claims_key, frame_focus
from app.widgets.line_chart import GUTTER
from engine.session.schema import Mark

NEWEST_STEPS: Final = 48
"""How many steps a live timeline shows while it follows the newest ones."""
ZOOM: Final = 1.25
SHORTEST: Final[dict[Axis, float]] = {"time": 2000.0, "steps": 1.0}
"""The smallest span of the view by axis: 2 µs (in ns), or one step."""
SHORTEST_TRACED: Final = 200.0
"""The smallest span of time of an imported trace, ns: a kernel takes a microsecond."""
SHORTEST_STEP: Final = 1e-3
"""The smallest span of an axis of steps where layers were timed."""
KEYS: Final = frozenset(
    {
        Qt.Key.Key_W, Qt.Key.Key_A, Qt.Key.Key_S, Qt.Key.Key_D, Qt.Key.Key_F, Qt.Key.Key_L,
        Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End,
    }
)  # fmt: skip


class TimelineCanvas(AxisChart[QPointF]):
    """Lanes over one axis; `following` is emitted when follow mode starts or ends.

    A `Scene` is what is drawn, and `Lanes` are the rectangles of the lanes. This class has the methods that the panel
    calls, moves the view to new and selected steps, and handles pointer and keys: hence more than fifteen methods.
    """

    following = Signal(bool)
    axis_changed = Signal(str)
    mark_picked = Signal(object)
    mark_opened = Signal(object)
    """The Mark that was clicked, or double-clicked."""
    menu_wanted = Signal(QPointF, QPoint)
    """(a point of the canvas, the same on the screen)."""
    wraps_tip = False

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(AxisView(shortest=SHORTEST["time"]), parent)
        self.selection = selection
        self.model: TimelineModel | None = None
        self.axis: Axis = "time"
        self.selected = Selected()
        self.layers_wanted: bool | None = None
        """Whether the user wants the layers of steps, where they were timed; None: where there is room for them."""
        self.looker = self._history = Looker(selection, "timeline", lambda: look_of(self.view, self.axis), self._look)
        self._framed: tuple[float, float] | None = None
        self._marked = (0, 0)
        """The state of the session's marks when they were last taken in."""
        self.rows = RequestRows(self, self._rows_moved)
        self.rows.scroll.setAccessibleName(self.tr("Scroll the requests"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 120)
        self.setAccessibleName(self.tr("Timeline of steps, tokens and requests"))
        self.setAccessibleDescription(
            self.tr("Left and right walk through tokens, up and down through requests; W and S zoom, A and D pan.")
        )

    def sizeHint(self) -> QSize:
        return QSize(900, 320)

    # --- what the panel calls ---------------------------------------------------------------------------------------

    def show_model(self, model: TimelineModel | None) -> None:
        """Draw another session: one of up to NEWEST_STEPS steps is followed, a longer one is shown as a whole."""
        if model is not None and not model.stepped and self.axis == "steps":
            self.model = None
            self._change_axis("time")
        self.model = model
        self.rows.forget()
        self.view = AxisView(shortest=self._shortest(self.axis))
        if model is not None:
            model.update()
            self.view.advance(*model.extent(self.axis))
            if model.size <= NEWEST_STEPS:
                self.follow()
        self.arrange()
        self.update()

    def advance(self) -> None:
        """Take in the new steps, and move the view if it follows them."""
        if self.model is None:
            return
        n_before, marked = self.model.size, self._marked
        self._marked = self.model.session.marks_state
        if not self.model.update() and n_before and self._marked == marked:
            return
        if self.view.mode == "follow" and (
            n_before < NEWEST_STEPS or self.model.newest_length(self.axis) > self.view.span
        ):  # steps have become longer than the view, by a switch or a jump of a replay
            self._pin_newest()
        else:
            self.view.advance(*self.model.extent(self.axis))
        self.arrange()
        self.update()

    def arrange(self) -> None:
        """Arrange the rows of requests for the present data, selection and size."""
        if self.model is None:
            return
        live = self.rows.is_away
        self.rows.arrange(self.model, self._frame().fits(), self.selected.request)
        self.rows.place(self.lanes())
        if live != self.rows.is_away:
            self._tell_following()

    def choose_lanes(self, choice: LaneChoice) -> None:
        """Show the requests in another order, or grouped otherwise."""
        self.rows.choose(choice)
        self.arrange()
        self._tell_following()
        self.update()

    def show_layers(self, shown: bool) -> None:
        """Show or hide the lane of layers, where the session has their times."""
        self.layers_wanted = shown
        self.arrange()
        self.update()

    def set_axis(self, axis: Axis) -> None:
        """Change between time and steps; the view keeps the same steps. Without steps there is only time."""
        if axis == self.axis or (self.model is not None and not self.model.stepped):
            return
        with self.by_hand():
            self._change_axis(axis)

    def _change_axis(self, axis: Axis) -> None:
        old, self.axis = self.axis, axis
        self.view.shortest = self._shortest(axis)
        if self.model is not None:
            lo, hi = (self.model.convert(x, old, axis) for x in (self.view.lo, self.view.hi))
            mode = self.view.mode
            self.view.first, self.view.last = self.model.extent(axis)
            self.view.show(lo, hi)
            self.view.mode = mode
            self.view.advance(*self.model.extent(axis))
        self.axis_changed.emit(axis)
        self.update()

    def follow(self) -> None:
        """Keep the newest steps and the requests that run in view."""
        self._pin_newest()
        self.rows.follow()
        self._tell_following()
        self.update()

    def _pin_newest(self) -> None:
        """Show the newest steps, and from now on those that follow."""
        if self.model is not None:
            first, last = self.model.extent(self.axis)
            self.view.advance(first, last)
            start = first
            if self.model.size > NEWEST_STEPS:
                start = self.model.newest(self.axis, NEWEST_STEPS)
            self.view.follow(max(last - start, self.view.shortest))

    def follow_by_hand(self) -> None:
        """Follow on the user's command; back returns to the view before."""
        with self.by_hand():
            self.follow()

    def frame(self) -> None:
        """Show the selection; where `frame` has just shown it, or without a selection, show everything."""
        target = self._selected_span()
        with self.by_hand():
            if target is not None and self._framed != target:
                self.view.show(*target, margin=1.0 if self.selected.steps is None else 0.02)
                self._framed = target
            else:
                self.view.fit()
                self._framed = None
        self.moved_by_hand()

    def select(self, selected: Selected) -> None:
        """Follow the selection, in whichever panel it was made: bring the selected range or step into view."""
        ranged = selected.steps is not None and selected.steps != self.selected.steps
        moved = selected.step is not None and selected.step != self.selected.step
        if self.model is not None and not self.model.stepped:
            moved = selected.token is not None and selected.token != self.selected.token
        chosen, token = self.selected.request, self.selected.token
        self.selected = selected
        self._framed = None
        asked = selected.request is not None and (chosen, token) != (selected.request, selected.token)
        if asked or chosen != selected.request:
            self.arrange()
        if asked and selected.request is not None:
            self.rows.reveal(selected.request)
        if not self._history.follow(selected) and self.model is not None:
            if ranged:
                self._reveal_range()
            elif moved and self.model.stepped:
                self._reveal_step(self.model, selected.step)
            elif moved:
                self._reveal_span(self._selected_span())
        self.update()

    def _look(self, look: Look) -> None:
        """Show the view to which back or forward led."""
        if look.axis != self.axis:
            self._change_axis("steps" if look.axis == "steps" else "time")
        show_look(self.view, look)
        self.moved_by_hand()

    def _selected_span(self) -> tuple[float, float] | None:
        if self.model is None or self.model.is_empty:
            return None
        chosen = self.selected
        if not self.model.stepped:
            return token_span(self.model, chosen.token)
        steps = chosen.steps or ((chosen.step, chosen.step) if chosen.step is not None else None)
        if steps is None:
            return None
        first = min(max(steps[0], 0), self.model.n - 1)
        last = min(max(steps[1], first), self.model.n - 1)
        return (
            float(self.model.span_of(self.axis, first, first + 1)[0][0]),
            float(self.model.span_of(self.axis, last, last + 1)[1][0]),
        )

    def moved_by_hand(self) -> None:
        self._tell_following()
        self.update()

    def _rows_moved(self) -> None:
        self._tell_following()
        self.update()

    def _tell_following(self) -> None:
        """Say whether the newest steps stay in view, and with them the requests that run."""
        self.following.emit(self.view.mode != "free" and not self.rows.is_away)

    # --- geometry ---------------------------------------------------------------------------------------------------

    def plot_box(self) -> QRectF:
        """The rectangle of the plot, between the names of the lanes and the scroll bar."""
        scroll = self.rows.scroll
        right = scroll.width() if scroll.isVisibleTo(self) else 2 * GRID
        return QRectF(GUTTER, 0, max(float(self.width() - GUTTER - right), 1.0), self.height())

    def scene(self) -> drawing.Scene | None:
        """The part of the session that is drawn now; None without a session."""
        if self.model is None:
            return None
        box, view = self.plot_box(), self.view
        return drawing.Scene(
            self.model, self.axis, view.lo, view.hi, box.left(), box.width(), self.devicePixelRatioF(), theme()
        )

    def lanes(self) -> Lanes:
        """The rectangles of the lanes for the current size and session."""
        return with_rows(self._frame(), self.rows.shown, self.rows.at_once)

    def _frame(self) -> Lanes:
        """The rectangles of the lanes, the requests without rows."""
        width, height, model = float(self.width()), float(self.height()), self.model
        if model is None:
            return lanes_in(width, height, Content())
        layers = self.layers_wanted is not False and model.layers.recorded
        rows = lines_of(legend_entries(model, layers), self.plot_box().width())
        requests = len(model.session.requests)
        content = Content(
            len(model.session.marks),
            model.speculates,
            model.stepped,
            layers,
            self.layers_wanted is True,
            requests,
            rows,
            None if model.trace is None else partial(trace_heights, model.trace),
        )
        return lanes_in(width, height, content)

    def request_box(self, index: int) -> QRectF:
        """The index-th row of the requests at the current scroll position."""
        return self.lanes().row_box(self.rows.shown.rows[index], self.rows.scrolled)

    def _shortest(self, axis: Axis) -> float:
        """The shortest span of the view; where layers were timed, so short that one of them fills it on either axis."""
        traced = self.model is not None and self.model.trace is not None
        layered = self.model is not None and (self.model.layers.recorded or traced)
        if axis == "steps":
            return SHORTEST_STEP if layered else SHORTEST[axis]
        return SHORTEST_TRACED if traced else SHORTEST[axis]

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.arrange()
        super().resizeEvent(event)

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        scene = self.scene()
        if scene is not None and not scene.model.is_empty:
            lanes = self.lanes()
            draw_timeline(painter, scene, lanes, self.rows.shown, self.selected, self.rows.scrolled)
            if lanes.legend.height():
                entries = legend_entries(scene.model, lanes.layers.height() > 0)
                draw_legend(painter, entries, scene.left, scene.width, lanes.legend)
        frame_focus(self, painter)

    # --- finding ----------------------------------------------------------------------------------------------------

    def hit(self, place: QPointF) -> Hit:
        """The step, token and request at a point of the widget."""
        scene = self.scene()
        if scene is None or scene.model.is_empty:
            return Hit()
        return hits.hit(scene, self.lanes(), self.rows.shown, self.rows.scrolled, place)

    def tooltip(self, place: QPointF) -> str:
        """The tool tip of a point of the widget; "" where nothing is drawn."""
        scene = self.scene()
        if scene is None or scene.model.is_empty:
            return ""
        return hits.tooltip(scene, self.lanes(), self.rows.shown, self.rows.scrolled, place)

    # --- pointer ----------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        scene = self.scene()
        if scene is None:
            return
        turn, modifiers = event.angleDelta(), event.modifiers()
        if modifiers & Qt.KeyboardModifier.ShiftModifier or abs(turn.x()) > abs(turn.y()):
            self.pan(-(turn.x() or turn.y()) / 2 / scene.width * self.view.span)
        elif modifiers & Qt.KeyboardModifier.AltModifier or self._is_beside(event.position()):
            self.rows.scroll_by(-(turn.y() or turn.x()) // 3)
        else:
            self.zoom(ZOOM ** (-turn.y() / 120), scene.value(event.position().x()))
        event.accept()

    def place_at(self, at: QPointF) -> QPointF | None:
        return at if self.model is not None else None

    def words_for(self, place: QPointF) -> str:
        return self.tooltip(place)

    def pick(self, place: QPointF) -> None:
        if (mark := self._mark_at(place)) is not None:
            self.mark_picked.emit(mark)
            return
        hit = self.hit(place)
        if hit.group is not None:
            self.rows.fold(hit.group)
            self.arrange()
            self._rows_moved()
            return
        changes: dict[str, object] = {}
        if hit.request is not None:
            changes["request"] = hit.request
        elsewhere = self._is_elsewhere(hit)
        if hit.step is not None or hit.token is not None:
            changes["step"] = None if elsewhere else hit.step  # a click on the lane of a request is about the request
            changes["token"] = hit.token
        if hit.layer is not None:
            changes["layer"] = hit.layer
        if changes:
            self.selection.change(**changes)

    def _is_elsewhere(self, hit: Hit) -> bool:
        """Whether the step at a point of a request's lane did nothing for the request: it waited, or had ended."""
        if self.model is None or hit.request is None or hit.step is None:
            return False
        return not is_in_step(self.model.session, hit.request, hit.step)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Frame the layer under the pointer, else the selection; a group folds and unfolds at each press."""
        if (mark := self._mark_at(event.position())) is not None:
            self.mark_opened.emit(mark)
            return
        scene = self.scene()
        piece = None if scene is None else piece_at(scene, self.lanes().layers, event.position())
        span = None if scene is None or piece is None else span_of(scene, piece)
        if scene is not None and scene.model.trace is not None:
            item = item_at(scene, scene.model.trace, self.lanes(), event.position())
            span = None if item is None else span_of_item(scene, item)
        if span is not None:
            with self.by_hand():
                self.view.show(*span, margin=0.1)
            self.moved_by_hand()
        elif self.hit(event.position()).group is not None:
            self.mousePressEvent(event)
        else:
            self.frame()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_wanted.emit(QPointF(event.pos()), event.globalPos())

    def _mark_at(self, place: QPointF) -> Mark | None:
        scene = self.scene()
        return None if scene is None or scene.model.is_empty else hits.mark_at(scene, self.lanes(), place)

    def _is_beside(self, place: QPointF) -> bool:
        """Whether a point is among the names of the requests, where the wheel scrolls them."""
        return place.x() < GUTTER and self.lanes().requests.contains(place) and self.rows.scroll.maximum() > 0

    # --- keys -------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        return claims_key(event, KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        scene = self.scene()
        if scene is None or scene.model.is_empty or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
            return
        middle = (self.view.lo + self.view.hi) / 2
        model = scene.model
        actions: dict[int, Callable[[], None]] = {
            Qt.Key.Key_W: lambda: self.zoom(1 / ZOOM**2, middle),
            Qt.Key.Key_S: lambda: self.zoom(ZOOM**2, middle),
            Qt.Key.Key_A: lambda: self.pan(-self.view.span / 8),
            Qt.Key.Key_D: lambda: self.pan(self.view.span / 8),
            Qt.Key.Key_F: self.frame,
            Qt.Key.Key_L: self.follow_by_hand,
            Qt.Key.Key_Left: lambda: self._walk(model, -1),
            Qt.Key.Key_Right: lambda: self._walk(model, 1),
            Qt.Key.Key_Home: lambda: self._walk(model, -(1 << 60)),
            Qt.Key.Key_End: lambda: self._walk(model, 1 << 60),
            Qt.Key.Key_Up: lambda: self._walk_requests(model, -1),
            Qt.Key.Key_Down: lambda: self._walk_requests(model, 1),
        }
        if event.key() in actions:
            actions[event.key()]()
        else:
            super().keyPressEvent(event)

    def _walk(self, model: TimelineModel, by: int) -> None:
        """Select the token that is `by` tokens further in the request; a walk begins at the newest token in view."""
        if changes := next_token(model, self.selected, by, self.axis, (self.view.lo, self.view.hi)):
            self.selection.change(**changes)

    def _walk_requests(self, model: TimelineModel, by: int) -> None:
        """Select the request above (-1) or below (1), and scroll to it."""
        lanes = self.rows.shown.shown or tuple(model.session.requests)
        if lanes:
            request, changes = next_request(model, lanes, self.selected, by)
            self.selection.change(**changes)
            self.rows.reveal(request)

    def _reveal_range(self) -> None:
        span = self._selected_span()
        if span is not None and (span[0] < self.view.lo or span[1] > self.view.hi):
            with self._history.to_reveal():
                self.view.show(*span, margin=0.02)
            self.moved_by_hand()

    def _reveal_step(self, model: TimelineModel, step: int | None) -> None:
        if step is None or step >= model.n:
            return
        left, right = model.span_of(self.axis, step, step + 1)
        self._reveal_span((float(left[0]), float(right[0])))

    def _reveal_span(self, span: tuple[float, float] | None) -> None:
        if span is not None and (span[0] < self.view.lo or span[1] > self.view.hi):
            with self._history.to_reveal():
                self.view.reveal(*span)
            self.moved_by_hand()
