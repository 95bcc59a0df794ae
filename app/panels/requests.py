"""Requests panel: how each request fared, a row a request, and the percentiles of them below."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.core.subject import subject_of
from app.look.theme import PANEL_PADDING, ROW_GAP
from app.look.units import MEASURED, count, seconds
from app.models import counted
from app.models.request_rows import COLUMNS, PERCENTILES, STATES, Foot, RequestRows, text_of
from app.panels.base import ROOM_FOR_ROWS, Panel, PanelContext
from app.panels.requests_words import heads, untold_words
from app.widgets.request_view import LEFT, RequestView
from app.widgets.segments import Segments
from app.widgets.table_foot import TableFoot
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from engine.figures.request_table import MEASURES, RequestTable
from engine.session.serving import Topic
from engine.session.store import Session

EVERY: Final = "all"
HIGH: Final = 240
"""From this height on all percentiles are shown, in pixels; in a lower panel those of IN_LITTLE_ROOM."""
IN_LITTLE_ROOM: Final = ("p50", "p99")
SPECULATION: Final = ("acceptance_rate", "acceptance_length")
"""Columns that are shown only where requests have drafts."""


class RequestsPanel(Panel):
    """A table that sorts, its percentiles, and a line that says of which requests they are."""

    name: ClassVar[str] = "requests"
    wanted_height: ClassVar[int] = ROOM_FOR_ROWS
    needs: ClassVar[tuple[Topic, ...]] = ("tokens",)

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.shown: RequestRows | None = None
        self.foot_figures: Foot | None = None
        self._seen: object = None
        self.table = RequestView(self.tr("Requests"))
        self.table.setToolTip(
            self.tr("Click a request to select it everywhere, Enter selects its first token; click a head to sort.")
        )
        self.foot = TableFoot(self.tr("Percentiles of these requests"), self.table, LEFT)
        self.line = ThemedLabel(parts=True)
        self.untold = ThemedLabel(wrap=True)
        self.filter = Segments((EVERY, *STATES), EVERY)
        self.filter.name(
            self.tr("Requests"),
            {EVERY: self.tr("All"), "waiting": self.tr("Waiting"), "running": self.tr("Running"),
             "ended": self.tr("Ended")},
            {EVERY: self.tr("Show every request"), "waiting": self.tr("Show those that no step has computed for"),
             "running": self.tr("Show those that were begun and have not ended"),
             "ended": self.tr("Show those that have ended, for whatever reason")},
        )  # fmt: skip
        self.filter.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.filter.pad()
        self.filter.picked.connect(lambda _: self._show())
        self.table.chosen_row.connect(self._choose)
        self.table.activated_row.connect(self._open)
        below = QHBoxLayout()
        below.setSpacing(ROW_GAP)
        below.addWidget(self.line, 1)
        below.addWidget(self.filter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(0)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.foot)
        layout.addSpacing(ROW_GAP)
        layout.addLayout(below)
        layout.addWidget(self.untold)
        self.setFocusProxy(self.table)
        self.setObjectName("panel-body")

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        foot = self.foot_figures
        if foot is None or not foot.rows:
            return ""
        ttft, latency = foot.values["ttft_s"], foot.values["latency_s"]
        return self.tr("{requests} · TTFT p50 {ttft} {mark} · latency p50 {latency} {mark} · p99 {most} {mark}").format(
            requests=counted.requests(foot.rows), ttft=seconds(ttft["p50"]), latency=seconds(latency["p50"]),
            most=seconds(latency["p99"]), mark=MEASURED,
        )  # fmt: skip

    @property
    def is_empty(self) -> bool:
        return self.session is None or len(self.session.requests) == 0

    def empty_text(self) -> str:
        return self.tr("Run a prompt or a list of requests and each request appears here with its times.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self.shown = None if session is None else RequestRows(RequestTable(session))
        self.foot_figures, self._seen = None, None
        self.filter.set_value(EVERY)
        if session is not None and not self.is_empty:
            self.refresh()

    def refresh(self) -> None:
        if self.shown is not None and (self.shown.update() or self._seen != self._wanted()):
            self._show()

    def select(self, selected: Selected) -> None:
        if self.shown is None or self.is_empty:
            return
        if self._seen != self._wanted():
            self.refresh()
        self._mark(selected)

    def restyle(self) -> None:
        self.table.restyle()
        self.foot.restyle()
        self.foot.follow_columns()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 160)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._write_foot()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """All columns of the shown requests, in the order of the table."""
        shown = self.shown
        if shown is None:
            return list(COLUMNS), []
        return list(COLUMNS), [
            tuple(shown.value(row, name) for name in COLUMNS) for row in self.table.rows.order.tolist()
        ]

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _wanted(self) -> tuple[object, str]:
        return self._range(), self.filter.value

    def _range(self) -> tuple[int, int] | None:
        steps = self.context.selection.now.steps
        return None if self.session is None or not len(self.session.steps) else steps

    def _show(self) -> None:
        shown, session = self.shown, self.session
        if shown is None or session is None:
            return
        self._seen = self._wanted()
        state = "" if self.filter.value == EVERY else self.filter.value
        chosen = shown.rows(self._range(), state)
        self.table.show_requests(heads(shown), shown, chosen)
        for name in SPECULATION:
            self.table.setColumnHidden(COLUMNS.index(name), not shown.known(name))
        self.foot_figures = shown.foot(chosen)
        self._write_foot()
        self._write_lines(shown, session, chosen)
        self._mark(self.context.selection.now)
        self.figures_changed.emit()

    def _write_foot(self) -> None:
        foot = self.foot_figures
        if foot is None or self.shown is None:
            return
        of = {
            "p50": self.tr("Half of these requests have no more."),
            "p90": self.tr("Nine of ten of these requests have no more."),
            "p99": self.tr("99 of 100 of these requests have no more."),
            "most": self.tr("The most that any of these requests has."),
        }
        names = {"most": self.tr("max")}
        rows = [
            [
                Cell(names.get(percent, percent), of[percent], muted=True),
                *(Cell(text_of(name, foot.values[name][percent]) if name in MEASURES else "") for name in COLUMNS[1:]),
            ]
            for percent in (PERCENTILES if self.height() >= HIGH else IN_LITTLE_ROOM)
        ]
        self.foot.show_rows(heads(self.shown), rows)

    def _write_lines(self, shown: RequestRows, session: Session, chosen: NDArray[np.int64] | None) -> None:
        number, steps = len(shown) if chosen is None else len(chosen), self._range()
        words = counted.requests(number)
        if chosen is not None:
            words = self.tr("{shown} of {all} requests").format(shown=count(number), all=count(len(shown)))
        if steps is not None:
            words = self.tr("{requests} with work in steps {first}–{last}").format(
                requests=words, first=count(steps[0]), last=count(steps[1])
            )
        states = shown.states()
        parts = [words]
        if states["waiting"]:
            parts.append(self.tr("{} waiting").format(count(states["waiting"])))
        if states["running"]:
            parts.append(self.tr("{} running").format(count(states["running"])))
        self.line.setText(" · ".join(parts))
        untold = untold_words(session, shown)
        self.untold.setText(untold)
        self.untold.setVisible(bool(untold))

    # --- the selection ----------------------------------------------------------------------------------------------

    def _mark(self, selected: Selected) -> None:
        """Mark the request that all panels show, where one is selected."""
        session, shown = self.session, self.shown
        if session is None or shown is None:
            return
        subject = subject_of(session, selected)
        named = subject is not None and not (subject.followed and selected.request is None)
        self.table.mark_row(shown.table.row_of(subject.request) if subject is not None and named else None)

    def _choose(self, row: int) -> None:
        if self.shown is not None:
            self.context.selection.change(request=int(self.shown.table.ids[row]))

    def _open(self, row: int) -> None:
        """Select the first token of a request."""
        if self.shown is not None and (tokens := self.shown.request(row).token_rows):
            self.context.selection.change(token=tokens[0])
