"""Kernels: where the time of an imported trace went, by kernel of the device and by range of the host."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP
from app.look.units import DERIVED, MEASURED, count, percent, seconds
from app.models.step_words import band_name
from app.models.timeline import BAND_OF
from app.panels.base import ROOM_FOR_ROWS, Panel, PanelContext, WayOut
from app.panels.kernels_words import kind_name, notes_of, short_name
from app.widgets.segments import Segments
from app.widgets.sorted_table import SortedTable
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from engine.figures.kernels import KernelSum, RangeSum, kernel_sums, range_sums, trace_of_session
from engine.plain_text import one_line
from engine.session.serving import Topic
from engine.session.store import Session

SIDES: Final = ("device", "host")
TOTAL: Final = 3
"""The column that rows are sorted by at first."""
MOST_NAME: Final = 400

Sums = list[KernelSum] | list[RangeSum]


class KernelsPanel(Panel):
    """A row for each kernel, or each range of the host; a click on a head sorts, a double click goes to the longest."""

    name = "kernels"
    wanted_height: ClassVar[int] = ROOM_FOR_ROWS
    needs: ClassVar[tuple[Topic, ...]] = ()

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.sums: Sums = []
        self._seen: tuple[object, ...] = ()
        self.side = Segments(SIDES, SIDES[0])
        self.side.name(
            self.tr("Whose time"),
            {"device": self.tr("Device"), "host": self.tr("Host")},
            {
                "device": self.tr("Kernels, copies and fills, by name"),
                "host": self.tr("Operations, annotations, modules and calls of the runtime, by name"),
            },
        )
        self.side.pad()
        self.side.picked.connect(lambda _: self.refresh())
        self.table = SortedTable(self.tr("Time by kernel or range"), 0)
        self.table.horizontalHeader().setSortIndicator(TOTAL, Qt.SortOrder.DescendingOrder)
        self.table.setToolTip(
            self.tr("Click a head to sort by it; a double click goes to the step of the longest call.")
        )
        self.table.activated_row.connect(self._go_to_longest)
        self.notes = ThemedLabel(wrap=True)
        top = QHBoxLayout()
        top.addWidget(self.side)
        top.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(GRID)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.notes)
        self.setFocusProxy(self.table)

    # --- Panel ------------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return self.session is None or not (len(self.session.kernels) or len(self.session.ranges))

    def empty_text(self) -> str:
        return self.tr(
            "Open a trace of PyTorch's profiler (File > Open session, *.json or *.json.gz) and the time of each kernel "
            "and operation appears here."
        )

    @property
    def way_out(self) -> WayOut:
        return "open"

    def untold_text(self) -> str:
        return self.empty_text() if self.session is not None and self.session.serving and self.is_empty else ""

    def figures(self) -> str:
        """How many kernels ran, how long in all, and how many of them belong to no step; without any, the ranges."""
        if self.is_empty or not self._seen:
            return ""
        calls = sum(one.calls for one in self.sums)
        time = seconds(sum(one.total_s if isinstance(one, KernelSum) else one.self_s for one in self.sums))
        if self.side.value == "device":
            text = self.tr("{n} kernels · {time} {mark}").format(n=count(calls), time=time, mark=MEASURED)
        else:
            text = self.tr("{n} ranges · {time} {mark}").format(n=count(calls), time=time, mark=MEASURED)
        lost = sum(one.in_no_step for one in self.sums)
        return f"{text} · " + self.tr("{n} in no step").format(n=count(lost)) if lost else text

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._seen, self.sums = (), []
        kernels = session is not None and len(session.kernels) > 0
        self.side.set_value("device" if kernels else "host")
        self.side.set_unavailable({} if kernels else {"device": self.tr("This trace has no kernels.")})
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        session = self.session
        if session is None or self.is_empty:
            return
        chosen = self.context.selection.now.steps
        seen = (id(session), self.side.value, chosen)
        if seen == self._seen:
            return
        self._seen = seen
        self.sums = kernel_sums(session, chosen) if self.side.value == "device" else range_sums(session, chosen)
        self._show()
        fact = trace_of_session(session)
        self.notes.setText("" if fact is None else " ".join(notes_of(fact)))
        self.notes.setVisible(bool(self.notes.text()))
        self.figures_changed.emit()

    def select(self, selected: Selected) -> None:
        self.refresh()

    def restyle(self) -> None:
        self.table.restyle()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """Every kernel or range, by its sum."""
        third = "mean_s" if self.side.value == "device" else "self_s"
        names = ["name", "kind", "phase", "calls", "total_s", third, "share", "in_no_step"]
        return names, [
            (one.name, one.kind, one.phase, one.calls, one.total_s, getattr(one, third), one.share, one.in_no_step)
            for one in self.sums
        ]

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        sums = self.sums
        device = self.side.value == "device"
        heads = [
            (self.tr("Kernel"), self.tr("Its name, without what says little; the tool tip has all of it."))
            if device
            else (self.tr("Range"), self.tr("Its name.")),
            (self.tr("Phase"), self.tr("The group of phases that most of its time belongs to, as names tell it.")),
            (self.tr("Calls"), self.tr("How often it ran.")),
            (self.tr("Total {mark}").format(mark=MEASURED), self._total_words(device)),
            (self.tr("Mean {mark}").format(mark=DERIVED), self.tr("The total over the calls."))
            if device
            else (self.tr("Self {mark}").format(mark=MEASURED), self.tr("The total without the ranges inside.")),
            (self.tr("Share {mark}").format(mark=DERIVED), self._share_words(device)),
            (self.tr("In no step"), self.tr("Calls that belong to no step that the trace names.")),
        ]
        names = np.argsort(np.argsort([one.name for one in sums])) if sums else np.empty(0)
        keys: list[NDArray[np.float64]] = [
            names.astype(np.float64),
            np.array([list(BAND_OF).index(one.phase) for one in sums], np.float64),
            *(
                np.array([getattr(one, name) for one in sums], np.float64)
                for name in ("calls", "total_s", "mean_s" if device else "self_s", "share", "in_no_step")
            ),
        ]
        self.table.show_rows(heads, keys, self._cells)

    def _total_words(self, device: bool) -> str:
        if device:
            return self.tr("The time of all calls. Kernels of several streams may run at one time.")
        return self.tr("The time of all calls, with the ranges inside.")

    def _share_words(self, device: bool) -> str:
        if device:
            return self.tr("Share of the time of all kernels.")
        return self.tr("Share of the own time of all ranges; of a module, of that of all modules.")

    def _cells(self, row: int) -> list[Cell]:
        one = self.sums[row]
        name = one_line(one.name, MOST_NAME)
        third = one.mean_s if isinstance(one, KernelSum) else one.self_s
        return [
            Cell(one_line(short_name(one.name), MOST_NAME), f"{name}\n{kind_name(one.kind)}"),
            Cell(band_name(BAND_OF[one.phase]), one.phase, muted=one.phase == "other"),
            Cell(count(one.calls)),
            Cell(seconds(one.total_s)),
            Cell(seconds(third)),
            Cell(percent(one.share)),
            Cell(count(one.in_no_step), muted=not one.in_no_step),
        ]

    def _go_to_longest(self, row: int) -> None:
        """Select the step of the longest call of a row, in the selected range."""
        session = self.session
        if session is None:
            return
        table = session.kernels if self.side.value == "device" else session.ranges
        one, steps = self.sums[row], table["step_id"]
        kinds = table.words["kind"]
        same = (table["kind"] == kinds.index(one.kind)) & (steps >= 0)
        same &= table["name_id"] == session.trace_names.index(one.name)
        chosen = self.context.selection.now.steps
        if chosen is not None:
            same &= (steps >= chosen[0]) & (steps <= chosen[1])
        rows = np.flatnonzero(same)
        if len(rows):
            longest = rows[int((table["end_ns"] - table["start_ns"])[rows].argmax())]
            self.context.selection.change(step=int(steps[longest]), token=None)
