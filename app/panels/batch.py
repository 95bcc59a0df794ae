"""The batch panel: what batching wastes, as slots over steps; static beside continuous if the session has both."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.core.selection import Look, Selected
from app.look.theme import PANEL_PADDING, ROW_GAP
from app.look.units import DERIVED, MEASURED, count, name_of, percent, significant
from app.models.axis_view import AxisView
from app.models.batch import shown_parts
from app.models.looking import Looker, look_of, show_look
from app.panels.base import PanelContext
from app.panels.batch_chart import SlotChart, owner_words
from app.panels.batch_lanes import Shown
from app.panels.batch_table import PolicyTable
from app.panels.step_panel import StepPanel
from app.widgets.plain import plain
from app.widgets.reference_source import reference_source
from app.widgets.themed_label import ThemedLabel
from engine.client.suites import make_suite
from engine.figures.batch_comparison import BatchComparison, batch_comparison
from engine.figures.loads import LENGTHS, SLOTS
from engine.figures.slot_runs import IDLE, PADDING, SlotRuns, waiting_requests
from engine.figures.slots import BatchPart, SlotTotals, batch_parts
from engine.session.store import Session

LOW: Final = 420
"""Below this panel height in pixels, two charts stand side by side if the panel is at least BESIDE wide."""
BESIDE: Final = 900
WITH_TABLE: Final = {True: 255, False: 360}
"""Below this panel height, with charts side by side or not, the table gives its room to them; the header has the
factors.
"""
MOST_CSV_ROWS: Final = 100_000
ZOOM: Final = {Qt.Key.Key_W: 0.8, Qt.Key.Key_S: 1.25}
PAN: Final = {Qt.Key.Key_A: -0.1, Qt.Key.Key_D: 0.1}
WALK: Final = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class BatchPanel(StepPanel):
    """One chart of slots, or two with one shared axis and a table; a button runs a batch under both policies."""

    name = "batch"
    needs = ("steps", "slots")
    own_keys = frozenset([*ZOOM, *PAN, *WALK, Qt.Key.Key_F])

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.totals: SlotTotals | None = None
        self.runs: SlotRuns | None = None
        self.view = AxisView(shortest=4.0)
        self.charts = [SlotChart(self.view, self), SlotChart(self.view, self)]
        self._looker = Looker(context.selection, self.name, lambda: look_of(self.view), self._look)
        for chart in self.charts:
            chart.looker = self._looker
            chart.describe = self.cell_text
            chart.clicked.connect(self._select_cell)
            chart.moved.connect(self._redraw)
            chart.setAccessibleName(self.tr("Slots of the batch over the steps"))
        self.run_button = QPushButton(self.tr("Run &both"))
        self.run_button.setToolTip(
            plain(
                self.tr(
                    "Run the same {n} requests of very different lengths on {slots} slots: static, then continuous. "
                    "The first four have 20, 10, 24 and 7 tokens."
                ).format(n=len(LENGTHS), slots=SLOTS)
                + f"\n{reference_source('batch')}"
            )
        )
        self.run_button.clicked.connect(self.run_both)
        self.cancel_button = QPushButton(self.tr("Canc&el"))
        self.cancel_button.setToolTip(self.tr("End the run; what was recorded is kept."))
        self.cancel_button.clicked.connect(self._cancel)
        self.progress = QProgressBar()
        self.progress.setAccessibleName(self.tr("Runs done"))
        self.note = ThemedLabel()
        self.comparison: BatchComparison | None = None
        self.table = PolicyTable()
        self.words = ThemedLabel(muted=True, wrap=True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        tools = QHBoxLayout()
        tools.setContentsMargins(PANEL_PADDING, 0, PANEL_PADDING, 0)
        tools.setSpacing(ROW_GAP)
        for widget in (self.run_button, self.cancel_button, self.progress):
            tools.addWidget(widget)
        tools.addWidget(self.note, 1)
        self._charts_layout = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._charts_layout.setSpacing(ROW_GAP)
        for chart in self.charts:
            self._charts_layout.addWidget(chart, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, ROW_GAP, 1, 1)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(tools)
        layout.addWidget(self.table)
        layout.addWidget(self.words, 1)
        layout.addLayout(self._charts_layout, 1)
        self.refresh()

    # --- Panel ------------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        # Without a server the panel itself can run the example batch, before anything is recorded.
        return bool(self.untold_text())

    def untold_lead(self) -> str:
        return self.tr("Who was in which step can be told only from inside the server.")

    def empty_text(self) -> str:
        if self._is_served:
            return self.tr("The server has told of no step yet.")
        return self.tr(
            "Press “Run both” and {n} requests run on {slots} slots, static and then continuous: "
            "a lane a slot, each request in its colour, padding hatched."
        ).format(n=len(LENGTHS), slots=SLOTS)

    def figures(self) -> str:
        texts = []
        compared = self.comparison
        if compared is not None and compared.rate_factor is not None and compared.ttft_factor is not None:
            texts.append(
                self.tr("continuous: tokens {rate}× as fast {mark}, TTFT {ttft}× shorter {mark}").format(
                    rate=significant(compared.rate_factor), ttft=significant(compared.ttft_factor), mark=DERIVED
                )
            )
        for part in self.parts():
            assert self.totals is not None
            found = self.totals.between(part.first, part.last)
            if found.computed is None:
                texts.append(
                    self.tr("{policy}: {useful} slot-steps useful {mark}, padding not told by this server").format(
                        policy=name_of(part.batching), useful=count(found.useful), mark=MEASURED
                    )
                )
                continue
            texts.append(
                self.tr("{policy}: {useful} of {computed} slot-steps useful {mark}, {share} wasted {derived}").format(
                    policy=name_of(part.batching), useful=count(found.useful), computed=count(found.computed),
                    mark=MEASURED, share=percent(found.waste), derived=DERIVED,
                )
            )  # fmt: skip
        return " · ".join(texts)

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self.totals = SlotTotals(session) if session is not None else None
        self.runs = SlotRuns(session) if session is not None else None
        self.view.fit()
        self.refresh()

    def refresh(self) -> None:
        self._show_progress()
        if self.totals is not None and self.runs is not None:
            self.totals.update()
            self.runs.update()
        self._show()

    def select(self, selected: Selected) -> None:
        for chart in self.charts:
            chart.step = selected.step
        self._looker.follow(selected)
        self._show()

    def restyle(self) -> None:
        self.table.restyle()
        self._redraw()

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 200)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """A row per run of each slot: its steps, first to last, and its owner; at most MOST_CSV_ROWS."""
        header = ["slot", "first_step", "last_step", "owner"]
        found: list[tuple[object, ...]] = []
        for part in self.parts():
            for slot in self.runs.slots if self.runs is not None else ():
                assert self.runs is not None
                lane = self.runs.lane(slot)
                inside = np.flatnonzero((lane.end > part.first) & (lane.start <= part.last))
                for place in inside.tolist():
                    first = max(int(lane.start[place]), part.first)
                    last = min(int(lane.end[place]) - 1, part.last)
                    found.append((slot, first, last, owner_words(int(lane.owner[place]))))
        return header, found[:MOST_CSV_ROWS]

    # --- what is shown ----------------------------------------------------------------------------------------------

    def parts(self) -> list[BatchPart]:
        """The parts of the session that are drawn: static and continuous, or all of it; cut to the selected range."""
        if self.session is None or self.totals is None or self.totals.n == 0:
            return []
        steps = self.context.selection.now.steps
        parts = batch_parts(self.session, steps if steps is not None else (0, self.totals.n - 1))
        return shown_parts([part for part in parts if part.first < self.totals.n])

    def _show(self) -> None:
        parts = self.parts()
        self.comparison = self._compared(parts)
        self.words.setVisible(not parts)
        self.words.setText("" if parts else self.empty_text())
        longest = max((part.last - part.first + 1 for part in parts), default=1)
        self.view.advance(0.0, float(longest))
        for index, chart in enumerate(self.charts):
            chart.setVisible(index < len(parts))
            shown = self._shown(parts[index]) if index < len(parts) else None
            chart.request = self._highlighted(shown)
            chart.show_part(shown)
        if self.comparison is not None:
            self.table.show_comparison(self.comparison)
        self.arrange()

    def _compared(self, parts: list[BatchPart]) -> BatchComparison | None:
        """The comparison of both policies; only a session that shows both can have one."""
        if self.session is None or self.totals is None or len(parts) < 2:
            return None
        return batch_comparison(self.session, self.totals)

    def _offset(self, part: BatchPart) -> int:
        """What the ids of a part's requests are above those of the same requests in the static run."""
        found = self.comparison
        return found.offset if found is not None and part.batching == "continuous" else 0

    def _number(self, request: int) -> int:
        """The number that a request has in the charts: that of the same request in the static run."""
        found = self.comparison
        return request - found.offset if found is not None and request >= found.continuous.first_request else request

    def _shown(self, part: BatchPart) -> Shown:
        assert self.session is not None
        assert self.totals is not None
        assert self.runs is not None
        title = self.tr("{policy}, steps {first}–{last}").format(
            policy=name_of(part.batching), first=count(part.first), last=count(part.last)
        )
        waiting = self.session.steps["waiting"][part.first : part.last + 1]
        figures = self.totals.between(part.first, part.last)
        return Shown(self.runs, part, figures, waiting, title, not self._is_served, self._offset(part))

    @property
    def _is_served(self) -> bool:
        """Whether the session is of a server, whose requests have lanes of our own numbering and no slots."""
        return self.session is not None and self.session.serving is not None

    def _highlighted(self, shown: Shown | None) -> int | None:
        """The selected request, or the same request in the run that is shown; the chart dims the others, if any."""
        requests = self.session.requests if self.session is not None else {}
        selected = self.context.selection.now.request
        if shown is None or selected is None or selected not in requests or len(requests) < 2:
            return None
        return selected if self.comparison is None else self._number(selected) + shown.offset

    def _show_progress(self) -> None:
        progress = self.context.control.suite_progress
        self.run_button.setEnabled(progress is None)
        self.cancel_button.setVisible(progress is not None)
        self.progress.setVisible(progress is not None)
        if progress is not None:
            self.progress.setMaximum(progress[1])
            self.progress.setValue(progress[0])
            self.progress.setFormat(self.tr("%v of %m runs"))
        self.run_button.setVisible(not self._is_served)
        self.note.setText(
            self.tr(
                "A slot-step is one lane in one step, useful where a request was in it. The lanes are DecodeScope's "
                "own numbering: a server tells no slots, nor padding."
            )
            if self._is_served
            else self.tr(
                "A slot-step is one row of the batch in one step: useful for a request, padding for none, or idle."
            )
        )
        self.note.setToolTip(plain(self.note.text()))

    def cell_text(self, step: int, slot: int) -> str:
        """The tool tip of one slot-step, or of the queue (slot -1)."""
        session, runs = self.session, self.runs
        if session is None or runs is None or step >= runs.n:
            return ""
        if slot < 0:
            waiting = waiting_requests(session, step)
            names = ", ".join(str(self._number(one)) for one in waiting[:8]) + ("…" if len(waiting) > 8 else "")
            text = self.tr("step {}: {} waiting {}").format(
                count(step), count(int(session.steps["waiting"][step])), MEASURED
            )
            return text + ("\n" + self.tr("requests {}").format(names) if names else "")
        place = self.tr("step {}, lane {}") if self._is_served else self.tr("step {}, slot {}")
        lines = [place.format(count(step), slot)]
        owner = runs.lane(slot).owner_at(step)
        if owner == IDLE:
            lines.append(
                self.tr("no request in this lane") if self._is_served
                else self.tr("idle: nothing was computed in this slot")
            )  # fmt: skip
        elif owner == PADDING:
            lines.append(self.tr("padding: computed because others in the batch go on, and thrown away"))
        lines += self._work_lines(session, step, slot)
        lines += [
            self.tr("preempted after this step; it came back in step {}").format(count(one.back))
            for one in runs.preemptions
            if one.slot == slot and one.step == step
        ]
        return "\n".join(lines)

    def _name(self, request: int) -> str:
        """A request's number in the charts, and its own where that is another one."""
        number = self._number(request)
        if number == request:
            return str(request)
        return self.tr("{number} (request {own} of this session)").format(number=number, own=request)

    def _work_lines(self, session: Session, step: int, slot: int) -> list[str]:
        work = session.work
        begin, end = np.searchsorted(work["step_id"], (step, step + 1)).tolist()
        lines = []
        for row in range(begin, end):
            if int(work["slot"][row]) != slot:
                continue
            names = ("request_id", "first", "new_from", "end", "rejected", "reused")
            request, first, new_from, stop, rejected, reused = (int(work[name][row]) for name in names)
            if request < 0:
                lines.append(self.tr("{} positions of padding {}").format(count(stop - first), MEASURED))
                continue
            one = self.tr("request {request}: position {first}")
            words = one if stop == first + 1 else self.tr("request {request}: positions {first}–{last}")
            text = words.format(request=self._name(request), first=count(first), last=count(stop - 1))
            classes = [(self.tr("{} new"), max(stop - rejected - new_from, 0)), (self.tr("{} recomputed"),
                       max(min(new_from, stop - rejected) - first, 0)), (self.tr("{} rejected"), rejected),
                       (self.tr("{} reused"), reused)]  # fmt: skip
            lines.append(f"{text} · " + ", ".join(name.format(count(n)) for name, n in classes if n) + f" {MEASURED}")
        return lines

    # --- acting -----------------------------------------------------------------------------------------------------

    def run_both(self) -> None:
        """Run the same requests static and then continuous, as one session."""
        if self.context.control.suite_progress is None:
            control = self.context.control
            control.start_suite(make_suite("batching", control.unavailable, control.model_config))
            self.run_button.setEnabled(False)

    def _cancel(self) -> None:
        self.context.control.stop_run()

    def _select_cell(self, step: int, slot: int) -> None:
        if self.runs is None:
            return
        changes: dict[str, object] = {"step": step, "token": None}
        owner = self.runs.lane(slot).owner_at(step) if slot >= 0 else IDLE
        if owner >= 0 and self.session is not None:
            changes["request"] = owner
            rows = self.session.requests[owner].token_rows
            steps = self.session.tokens["step_id"]
            changes["token"] = next((row for row in rows if int(steps[row]) == step), None)
        self.context.selection.change(**changes)

    def own_key(self, key: Qt.Key) -> bool:
        """W and S zoom, A and D pan, F shows all; up and down go from request to request."""
        if key in ZOOM or key in PAN or key == Qt.Key.Key_F:
            with self._looker.by_hand():
                self._move(key)
        elif key in WALK and self.session is not None and self.session.requests:
            ids = sorted(self.session.requests)
            now = self.context.selection.now.request
            place = ids.index(now) + WALK[key] if now in ids else 0
            self.context.selection.change(request=ids[min(max(place, 0), len(ids) - 1)])
        else:
            return False
        self._redraw()
        return True

    def _move(self, key: Qt.Key) -> None:
        if key in ZOOM:
            self.view.zoom(ZOOM[key], self.view.lo + self.view.span / 2)
        elif key in PAN:
            self.view.pan(PAN[key] * self.view.span)
        else:
            self.view.fit()

    def _look(self, look: Look) -> None:
        """Show the view to which back or forward led."""
        show_look(self.view, look)
        self._redraw()

    def _redraw(self) -> None:
        for chart in self.charts:
            chart.update()

    def arrange(self) -> None:
        both = all(chart.shown is not None for chart in self.charts)
        beside = both and self.height() < LOW and self.width() >= BESIDE
        self.table.setVisible(self.comparison is not None and self.height() >= WITH_TABLE[beside])
        direction = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self._charts_layout.direction() != direction:
            self._charts_layout.setDirection(direction)
