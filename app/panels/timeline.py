"""The timeline: what happened when, with a lane for the host, one for the device and one for each request."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QToolButton, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.look.units import MEASURED, count, seconds
from app.models import counted
from app.models.timeline import TimelineModel
from app.panels.base import Panel, PanelContext
from app.panels.passes import passes_words
from app.panels.timeline_canvas import TimelineCanvas
from app.panels.timeline_mark_menu import TimelineMarkMenu
from app.panels.timeline_menu import LaneMenu
from app.panels.timeline_trace import trace_rows
from app.panels.untold import is_imported
from app.widgets.line_chart import GUTTER
from app.widgets.plain import plain
from engine.figures.metrics import run_wall_s, timeline_figures
from engine.figures.token_facts import told_id
from engine.figures.told import told
from engine.session.serving import Topic
from engine.session.store import STEP_KINDS, TOKEN_SOURCES, Session

MOST_CSV_ROWS: Final = 100_000


class TimelinePanel(Panel):
    """Shows what happened when; TimelineCanvas handles the pointer and the keys."""

    name = "timeline"
    needs: ClassVar[tuple[Topic, ...]] = ()

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.canvas = TimelineCanvas(context.selection, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.axis_button = QToolButton(self)
        self.axis_button.setCheckable(True)
        self.axis_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.axis_button.toggled.connect(self._set_axis)
        self.follow_button = QPushButton(self.tr("Follow (L)"), self)
        self.follow_button.setToolTip(self.tr("Keep the newest steps in view (L)"))
        self.follow_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.follow_button.clicked.connect(self.canvas.follow_by_hand)
        self.follow_button.hide()
        self.lane_menu = LaneMenu(
            lambda: self.canvas.rows.choice, lambda: self.canvas.lanes().layers.height() > 0, self
        )
        self.lane_menu.chosen.connect(self.canvas.choose_lanes)
        self.lane_menu.layers_chosen.connect(self.canvas.show_layers)
        self.lane_menu.hide()
        if context.marks is not None:
            TimelineMarkMenu(self.canvas, context.marks)
        self._offers_lanes = False
        self._layers = self.reading()
        self.canvas.following.connect(self._on_following)
        self.canvas.axis_changed.connect(self._on_axis)
        self.setFocusProxy(self.canvas)
        self._name_axis()
        self.restyle()

    def empty_text(self) -> str:
        return self.tr("Every step, token and pause appears here as soon as a generation runs.")

    def figures(self) -> str:
        """Steps, tokens and time of the selected range (or of all steps), and how much of it was idle or paused."""
        session = self.session
        if session is not None and is_imported(session):
            return self._trace_figures(session)
        if session is not None and not told(session, "steps"):
            return self._stream_figures(session)
        n = len(session.steps) if session is not None else 0
        if session is None or n == 0:
            return ""
        first, last = self.selected_steps()
        if last < first:
            return ""
        found = timeline_figures(session, (first, last))
        text = self.tr("{steps} · {tokens} · {span} {mark} · idle {idle} {mark}").format(
            steps=counted.steps(found.steps), tokens=counted.tokens(found.tokens or 0), span=seconds(found.span_s),
            idle=seconds(found.idle_s), mark=MEASURED,
        )  # fmt: skip
        if found.paused_s:
            text += " · " + self.tr("paused {time} {mark}").format(time=seconds(found.paused_s), mark=MEASURED)
        return f"{text} · {passes_words(found.teacher_passes)}" if found.teacher_passes else text

    def _trace_figures(self, session: Session) -> str:
        """Steps, kernels and ranges of a trace and the time that passed, of the selected range or of all."""
        chosen = self.context.selection.now.steps
        kernels, ranges = len(session.kernels), len(session.ranges)
        parts = [counted.steps(len(session.steps))] if len(session.steps) else []
        if chosen is not None and len(session.steps):
            first, last = self.selected_steps()
            kernels, ranges = (
                int(((table["step_id"] >= first) & (table["step_id"] <= last)).sum())
                for table in (session.kernels, session.ranges)
            )
            parts = [counted.steps(max(last - first + 1, 0))]
            wall_s = run_wall_s(session, (first, last))
        else:
            wall_s = run_wall_s(session)
        parts += [self.tr("{} kernels").format(count(kernels)), self.tr("{} ranges").format(count(ranges))]
        return " · ".join((*parts, f"{seconds(wall_s)} {MEASURED}"))

    def _stream_figures(self, session: Session) -> str:
        """Requests, tokens and time of a session whose steps are not told."""
        return " · ".join((
            counted.requests(len(session.requests)), counted.tokens(len(session.tokens)),
            f"{seconds(run_wall_s(session))} {MEASURED}",
        ))  # fmt: skip

    @property
    def is_empty(self) -> bool:
        session = self.session
        if session is None or is_imported(session):
            return session is None
        return super().is_empty if told(session, "steps") else not session.requests

    def selected_steps(self) -> tuple[int, int]:
        """First and last step of the selected range; without a range, of the session."""
        n = self.canvas.model.n if self.canvas.model is not None else 0
        chosen = self.context.selection.now.steps
        if chosen is None:
            return 0, n - 1
        return max(chosen[0], 0), min(chosen[1], n - 1)

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self.canvas.show_model(TimelineModel(session, self._layers) if session is not None else None)
        self.axis_button.setVisible(session is None or told(session, "steps"))

    def refresh(self) -> None:
        self.canvas.advance()
        model = self.canvas.model
        if model is not None:
            self._offers_lanes = self.lane_menu.offer(len(model.session.requests), model.layers.recorded)
            self._place_buttons()

    def select(self, selected: Selected) -> None:
        self.canvas.select(selected)

    def restyle(self) -> None:
        for button in (self.axis_button, self.follow_button, self.lane_menu):
            button.setFont(ui_font(CAPTION_SCALE))
        self._place_buttons()
        self.canvas.update()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """The tokens of the selected range, or without one those in view, a row each; at most MOST_CSV_ROWS."""
        names = ["token", "request", "step", "step_kind", "position", "token_id", "text", "source", "emitted_ns",
                 "step_start_ns", "step_end_ns"]  # fmt: skip
        session, model = self.session, self.canvas.model
        if session is None or model is None or model.is_empty:
            return names, []
        if model.trace is not None:
            view = self.canvas.view
            lo, hi = (model.convert(x, self.canvas.axis, "time") for x in (view.lo, view.hi))
            return trace_rows(session, lo, hi, MOST_CSV_ROWS)
        if not model.stepped:
            return names, self._stream_rows(session)
        first, end = model.visible(self.canvas.axis, self.canvas.view.lo, self.canvas.view.hi)
        if self.context.selection.now.steps is not None:
            low, high = self.selected_steps()
            first, end = low, high + 1
        tokens, steps = session.tokens, session.steps
        a, b = tokens["step_id"].searchsorted((first, end))
        rows: list[tuple[object, ...]] = []
        for row in range(int(a), min(int(b), int(a) + MOST_CSV_ROWS)):
            step = int(tokens["step_id"][row])
            rows.append(
                (int(tokens["id"][row]), int(tokens["request_id"][row]), step, STEP_KINDS[steps["kind"][step]],
                 int(tokens["position"][row]), told_id(int(tokens["token_id"][row])), tokens["text"][row],
                 TOKEN_SOURCES[tokens["source"][row]], int(tokens["emitted_ns"][row]),
                 int(steps["start_ns"][step]), int(steps["end_ns"][step]))
            )  # fmt: skip
        return names, rows

    def _stream_rows(self, session: Session) -> list[tuple[object, ...]]:
        """The tokens in view of a session whose steps are not told."""
        tokens, view = session.tokens, self.canvas.view
        emitted_ns = tokens["emitted_ns"]
        inside = np.flatnonzero((emitted_ns >= view.lo) & (emitted_ns <= view.hi))[:MOST_CSV_ROWS].tolist()
        return [
            (int(tokens["id"][row]), int(tokens["request_id"][row]), None, None, int(tokens["position"][row]),
             told_id(int(tokens["token_id"][row])), tokens["text"][row], TOKEN_SOURCES[tokens["source"][row]],
             int(emitted_ns[row]), None, None)
            for row in inside
        ]  # fmt: skip

    # --- inside -----------------------------------------------------------------------------------------------------

    def _set_axis(self, steps: bool) -> None:
        self.canvas.set_axis("steps" if steps else "time")

    def _on_axis(self, axis: str) -> None:
        self.axis_button.setChecked(axis == "steps")
        self._name_axis()

    def _name_axis(self) -> None:
        steps = self.axis_button.isChecked()
        self.axis_button.setText(self.tr("steps") if steps else self.tr("time"))
        text = (
            self.tr("The axis counts steps; press for time") if steps else self.tr("The axis is time; press for steps")
        )
        self.axis_button.setToolTip(plain(text))
        self.axis_button.setAccessibleName(text)

    def _on_following(self, following: bool) -> None:
        self.follow_button.setVisible(not following)
        self._place_buttons()

    def _place_buttons(self) -> None:
        lanes = self.canvas.lanes()
        axis = lanes.axis
        self.axis_button.setGeometry(2, 2, GUTTER - 3 * GRID, int(axis.height()) - 2)
        size = self.follow_button.sizeHint()
        self.follow_button.resize(size)
        self.follow_button.move(self.width() - size.width() - 5 * GRID, self.height() - size.height() - 2 * GRID)
        beside = lanes.legend if lanes.legend.height() else lanes.note
        self.lane_menu.setGeometry(2, int(beside.top()) + 2, GUTTER - 3 * GRID, int(axis.height()) - 4)
        self.lane_menu.setVisible(self._offers_lanes and beside.height() > 0)
        self.lane_menu.raise_()
        self.axis_button.raise_()
        self.follow_button.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_buttons()
