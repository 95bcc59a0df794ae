"""The redundancy panel: which positions were computed more than once, and the totals over the run."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.core.selection import Selected
from app.look.theme import theme
from app.look.units import DERIVED, MEASURED, PREDICTED, count, percent, rate
from app.models.pooling import thin
from app.models.redundancy import ClassMap
from app.panels.base import PanelContext
from app.panels.redundancy_map import LEGEND, RedundancyMap
from app.panels.step_panel import StepPanel
from app.panels.untold import why_untold
from app.widgets.arranging import Placed, arrange
from app.widgets.line_chart import Line, LineChart, Note
from app.widgets.themed_label import ThemedLabel
from engine.figures.running_totals import RunningTotals, WorkRows
from engine.figures.told import column_told
from engine.session.store import Session

MOST_CSV_ROWS: Final = 100_000
FLOPS_HEIGHT: Final = 300
"""Panel height in pixels from which the FLOPs have a chart of their own."""
BESIDE_WIDTH: Final = 440
"""Panel width in pixels from which the charts fit beside the map."""


class RedundancyPanel(StepPanel):
    """Shows what was computed more than once: a map, and running totals beside the theory with and without a cache."""

    name = "redundancy"

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.totals: RunningTotals | None = None
        self.map = RedundancyMap(self)
        self.map.describe = self.cell_text
        self.map.clicked.connect(self._select_cell)
        self.positions = LineChart(lambda value: rate(value, ""), self)
        self.positions.setAccessibleName(self.tr("Positions computed so far, against theory"))
        self.positions.describe = self.totals_text
        self.flops = LineChart(lambda value: rate(value, "FLOP"), self)
        self.flops.setAccessibleName(self.tr("Floating-point operations so far"))
        self.flops.describe = self.totals_text
        self.untold_note = ThemedLabel(self, wrap=True)
        self.untold_note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for chart in (self.positions, self.flops):
            chart.clicked.connect(lambda x: self._select_step(int(x)))
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(1, 1, 1, 1)
        self._layout.setSpacing(0)
        self.arrange()

    def empty_text(self) -> str:
        return self.tr(
            "Every position that a step computes appears here: new ones once, repeated ones again and again."
        )

    # --- the numbers ------------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """Positions by class, positions computed and FLOPs, of the selected range or of the session."""
        if self.totals is None:
            return dict.fromkeys(RunningTotals.NAMES, 0)
        first, last = self.shown_steps()
        return {name: self.totals.between(name, first, last) for name in RunningTotals.NAMES}

    def shown_steps(self) -> tuple[int, int]:
        """First and last step that the panel shows: the selected range, or all steps."""
        n = self.totals.n if self.totals is not None else 0
        chosen = self.context.selection.now.steps
        if chosen is None:
            return 0, n - 1
        return max(chosen[0], 0), min(chosen[1], n - 1)

    def figures(self) -> str:
        counts = self.counts()
        computed = counts["computed"]
        if computed == 0:
            return ""
        text = self.tr("{computed} computed · {new} new · {recomputed} recomputed ({share}) {mark}").format(
            computed=count(computed), new=count(counts["new"]), recomputed=count(counts["recomputed"]),
            share=percent(counts["recomputed"] / computed), mark=MEASURED,
        )  # fmt: skip
        shown = self.map.map
        if shown is not None and shown.pooled:
            text += self.tr(" · pooled: a cell is {steps} × {positions} (steps × positions)").format(
                steps=shown.step_pool, positions=shown.position_pool
            )
        return text

    # --- the window's verbs -----------------------------------------------------------------------------------------

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self.totals = RunningTotals(session) if session is not None else None
        self._write_untold()
        self._new_map()

    def refresh(self) -> None:
        if self.session is None or self.totals is None:
            return
        news = self.totals.update()
        if self.map.map is not None and self.map.map.update():
            self.map.show_map(self.map.map)
            news = True
        if news:
            self._show()

    def select(self, selected: Selected) -> None:
        self.map.step = self.positions.marker = self.flops.marker = None
        if selected.step is not None:
            self.map.step = selected.step
            self.positions.marker = self.flops.marker = selected.step + 0.5
        shown = self.map.map
        if shown is not None and (shown.steps, shown.request) != (selected.steps, self._request_shown(selected)):
            self._new_map()
            self.refresh()
        self._show()

    def restyle(self) -> None:
        self.map.restyle()
        self._show()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """Positions by class, a row per shown step; at most MOST_CSV_ROWS."""
        names = ["step", "computed", "new", "recomputed", "padding", "rejected", "reused", "flops"]
        if self.session is None or self.totals is None:
            return names, []
        first, last = self.shown_steps()
        steps = self.session.steps
        part = slice(first, min(last + 1, first + MOST_CSV_ROWS))
        of_names = ["id", *(f"positions_{name}" for name in names[1:7]), "flops"]
        nothing = [None] * len(steps["id"][part])
        columns = [steps[name][part].tolist() if column_told(self.session, name) else nothing for name in of_names]
        return names, list(zip(*columns, strict=True))

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _flops_told(self) -> bool:
        return self.session is None or column_told(self.session, "flops")

    def _write_untold(self) -> None:
        """Say in the place of the FLOPs' chart why there is none, and what else no class of the map shows."""
        reason, unpadded = why_untold(self.session, "flops"), why_untold(self.session, "padding")
        words = self.tr("FLOPs and padding: {reason}") if unpadded else self.tr("FLOPs: {reason}")
        self.untold_note.setText(words.format(reason=reason) if reason else "")
        self.arrange()

    def _request_shown(self, selected: Selected) -> int | None:
        """The request of the map: in a session of several requests the selected one; None for all of them."""
        if self.session is None or len(self.session.requests) < 2 or selected.request not in self.session.requests:
            return None
        return selected.request

    def _new_map(self) -> None:
        if self.session is None:
            self.map.show_map(None)
            return
        now = self.context.selection.now
        self.map.show_map(ClassMap(self.session, now.steps, self._request_shown(now)))

    def _show(self) -> None:
        """Update the drawings from the totals and the map."""
        if self.session is None or self.totals is None or self.totals.n == 0:
            return
        counts = self.counts()
        words = {
            "new": self.tr("new {}"), "recomputed": self.tr("recomputed {}"), "reused": self.tr("reused {}"),
            "padding": self.tr("padding {}"), "rejected": self.tr("rejected {}"),
        }  # fmt: skip
        self.map.legend = [(name, words[name].format(count(counts[name]))) for name in LEGEND if counts[name]]
        self.map.names = self._names()
        shown = self._request_of_map()
        self.map.caption = "" if shown is None else self.tr("only request {}; figures of all").format(shown)
        self.map.nothing = "" if shown is None else self.tr("No step has computed request {} so far.").format(shown)
        notes = switch_notes(self.session)
        self.map.notes = notes
        self.map.update()
        self._show_charts(self.session, self.totals, notes)

    def _show_charts(self, session: Session, totals: RunningTotals, notes: list[Note]) -> None:
        colours = theme()
        first, end = self.shown_steps()
        places = first + thin(max(end + 1 - first, 0), max(256, self.positions.width()))
        x = np.concatenate([[first], places + 1.0])

        def line(name: str, label: str, colour: str, dashed: bool = False, short: str = "") -> Line:
            before = totals.before(name, first)
            values = np.concatenate([[0.0], (totals[name][places] - before).astype(np.float64)])
            return Line(label, x, values, colour, dashed, short=short)

        names = ("computed", "without_cache", "with_cache", "flops")
        last = {name: totals.between(name, first, end) for name in names}
        whole = self.context.selection.now.steps is None
        self.positions.title = (
            self.tr("positions computed so far · against theory")
            if whole
            else self.tr("positions computed in the range · against theory")
        )
        self.positions.x_title = self.flops.x_title = self.tr("step")
        # With a prompt of one token the sum is T(T+1)/2. With a longer prompt it begins at the prompt's length P.
        alone = all(request.prompt_tokens <= 1 for request in list(session.requests.values()))
        without = self.tr("no cache, T(T+1)/2") if alone else self.tr("no cache, P + … + T")
        computed = line(
            "computed", self.tr("computed: {} {}").format(count(last["computed"]), MEASURED), colours.text,
            short=self.tr("computed {}").format(MEASURED),
        )  # fmt: skip
        theory = [
            line("without_cache", f"{without}: {count(last['without_cache'])} {PREDICTED}",
                 colours.positions["recomputed"], True, f"T(T+1)/2 {PREDICTED}" if alone else f"P+…+T {PREDICTED}"),
            line("with_cache", self.tr("cache, T: {} {}").format(count(last["with_cache"]), PREDICTED),
                 colours.positions["reused"], True, f"T {PREDICTED}"),
        ]  # fmt: skip
        shown = (float(first), float(max(end, first) + 1))
        self.positions.show_lines([computed, *theory], shown)
        self.flops.title = self.tr("FLOPs so far") if whole else self.tr("FLOPs in the range")
        self.flops.show_lines([line("flops", f"{rate(last['flops'], 'FLOP')} {DERIVED}", colours.groups["ffn"])], shown)
        self.positions.notes = self.flops.notes = [Note(note.x, "") for note in notes]

    def _names(self) -> list[str]:
        """The texts of the positions, if the map shows one request and at most 80 positions; else an empty list."""
        session = self.session
        if session is None or self.map.map is None:
            return []
        request_id = self.map.map.request
        if request_id is None:
            if len(session.requests) != 1:
                return []
            request_id = next(iter(session.requests))
        request = session.requests[request_id]
        if self.map.map.positions > 80:  # too many labels to draw
            return []
        texts = session.tokens["text"]
        generated = [str(texts[row]) for row in request.token_rows[: self.map.map.positions]]
        return [*request.prompt_token_texts, *generated][: self.map.map.positions]

    def cell_text(self, step: int, position: int) -> str:
        """The tool tip of one step and position."""
        session, shown = self.session, self.map.map
        if session is None or shown is None or step >= len(session.steps):
            return ""
        steps = session.steps
        lines = [self.tr("step {}, position {}").format(count(step), count(position))]
        for request, name in classes_at(session, step, position, shown.request):
            if request < 0:
                lines.append(self.tr("padding: belongs to no request"))
            else:
                lines.append(self.tr("request {}: {}").format(request, self._class_word(name)))
        lines.append(
            self.tr("this step: {computed} computed, {new} new, {again} recomputed, {reused} reused {mark}").format(
                computed=count(int(steps["positions_computed"][step])), new=count(int(steps["positions_new"][step])),
                again=count(int(steps["positions_recomputed"][step])),
                reused=count(int(steps["positions_reused"][step])), mark=MEASURED,
            )
        )  # fmt: skip
        return "\n".join(lines)

    def _class_word(self, name: str) -> str:
        return {
            "new": self.tr("new: never computed before"),
            "recomputed": self.tr("recomputed: an earlier step computed it already"),
            "rejected": self.tr("rejected: proposed, computed, thrown away"),
            "reused": self.tr("reused: its keys and values came from the cache"),
        }[name]

    def totals_text(self, x: float) -> str:
        """The charts' tool tip: the totals at the end of one step."""
        totals = self.totals
        if totals is None or totals.n == 0:
            return ""
        first, last = self.shown_steps()
        step = min(max(int(x), first), last)
        if step < first:
            return ""
        values: dict[str, Any] = {name: totals.between(name, first, step) for name in totals.columns}
        text = (
            self.tr("after step {step}: {computed} positions computed {measured}, {flops} {derived}\n"
                    "no cache would need {without} {predicted}, a cache {with_} {predicted}")
            if self.context.selection.now.steps is None
            else self.tr("steps {first}–{step}: {computed} positions computed {measured}, {flops} {derived}\n"
                         "no cache would need {without} {predicted}, a cache {with_} {predicted}")
        )  # fmt: skip
        if not self._flops_told:
            text = (
                self.tr("after step {step}: {computed} positions computed {measured}\n"
                        "no cache would need {without} {predicted}, a cache {with_} {predicted}")
                if self.context.selection.now.steps is None
                else self.tr("steps {first}–{step}: {computed} positions computed {measured}\n"
                             "no cache would need {without} {predicted}, a cache {with_} {predicted}")
            )  # fmt: skip
        return text.format(
            first=count(first), step=count(step), computed=count(values["computed"]),
            flops=rate(values["flops"], "FLOP"), without=count(values["without_cache"]),
            with_=count(values["with_cache"]), measured=MEASURED, derived=DERIVED, predicted=PREDICTED,
        )  # fmt: skip

    def _select_cell(self, step: int, position: int) -> None:
        if self.session is None:
            return
        changes: dict[str, object] = {"step": step, "token": None}  # the step's token: it may be at another position
        owners = [request for request, _ in classes_at(self.session, step, position, self._request_of_map())]
        if owners and owners[0] >= 0:
            changes["request"] = owners[0]
        self.context.selection.change(**changes)

    def _request_of_map(self) -> int | None:
        return self.map.map.request if self.map.map is not None else None

    def _select_step(self, step: int) -> None:
        if self.totals is not None and 0 <= step < self.totals.n:
            self.context.selection.change(step=step)

    def arrange(self) -> None:
        """Place the map beside the charts in a wide panel, else above them."""
        tall, told_flops = self.height() >= FLOPS_HEIGHT, self._flops_told
        last: QWidget = self.flops if told_flops else self.untold_note
        self.flops.setVisible(tall and told_flops)
        self.untold_note.setVisible(tall and not told_flops)
        share = 2 if tall and told_flops else 0
        beside = self.width() >= max(1.2 * self.height(), BESIDE_WIDTH)
        if beside:
            placed = [Placed(self.map, 0, 0, rows=2), Placed(self.positions, 0, 1)]
            if tall:
                placed.append(Placed(last, 1, 1))
            arrange(self._layout, placed, rows=(3, share), columns=(6, 5))
        else:
            placed = [Placed(self.map, 0, 0), Placed(self.positions, 1, 0), Placed(last, 2, 0)]
            arrange(self._layout, placed, rows=(5, 3, share), columns=())


def switch_notes(session: Session) -> list[Note]:
    """A note at each step at which `kv` was switched, with the values before and after."""
    notes = []
    before: str | None = None
    for config in list(session.configs):
        kv = str(config.switches.get("kv", ""))
        if before is not None and kv != before:
            notes.append(Note(float(config.step_id), f"kv {before} → {kv}"))
        before = kv
    return notes


def classes_at(session: Session, step: int, position: int, request: int | None) -> list[tuple[int, str]]:
    """(request, class) of everything that a step did at a position; request −1 is padding.

    `request` limits this to one request; None means all of them.
    """
    first, end = session.work["step_id"].searchsorted((step, step + 1))
    work = WorkRows(session, int(first), int(end))
    found = []
    for name in LEGEND:
        low, high = work.interval(name)
        for row in np.nonzero((low <= position) & (position < high))[0].tolist():
            owner = int(work.request[row])
            if request is None or owner == request:
                found.append((owner, name))
    return found
