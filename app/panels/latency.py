"""Latency panel: where the milliseconds of a token go, beside the brief's own table, per step and per layer."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSpinBox, QWidget

from app.panels.base import Panel, PanelContext
from app.panels.models.latency import BRIEF_S, PARTS, LatencySeries, RangeFigures
from app.selection import Selected
from app.theme import PANEL_PADDING, ROW_GAP, theme
from app.units import DERIVED, MEASURED, count, percent, rate, seconds
from app.widgets.latency_table import LatencyTable
from app.widgets.layer_strip import LayerStrip
from app.widgets.stack_chart import StackChart
from app.widgets.themed_label import ThemedLabel
from engine.session.schema import GROUPS
from engine.session.store import Session

LOW: Final = 340
WIDE: Final = 1000
TALL: Final = 620
"""Pixels at which the panel changes its arrangement."""
BRIEF_TOKENS: Final = 100


class LatencyPanel(Panel):
    """The table of the brief with its measured rows, the stack of every step, and layer × phase of one step."""

    name: ClassVar[str] = "latency"

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._series: LatencySeries | None = None
        self._figures: RangeFigures | None = None
        self._arrangement: Literal["", "low", "wide", "tall", "short"] = ""
        self._stale = False
        self._strip_step: int | None = None
        self.table = LatencyTable()
        self.chart = StackChart()
        self.chart.setAccessibleName(self.tr("Time of each step, stacked by part"))
        self.chart.describe = self.describe_step
        self.chart.clicked.connect(lambda step: self.context.selection.change(step=step))
        self.strip = LayerStrip()
        self.tokens_field = QSpinBox()
        self.tokens_field.setRange(1, 10_000_000)
        self.tokens_field.setValue(BRIEF_TOKENS)
        self.tokens_field.setAccessibleName(self.tr("Tokens to project to"))
        self.tokens_field.setToolTip(self.tr("How many tokens to project to: this many times the mean time of one."))
        self.tokens_field.valueChanged.connect(self._write_lines)
        self.projection = ThemedLabel()
        self.range_line = ThemedLabel()
        self._line = QWidget()
        line = QHBoxLayout(self._line)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(ROW_GAP)
        self._rate_label = QLabel(self.tr("At this &rate"))
        self._rate_label.setBuddy(self.tokens_field)
        for widget in (self._rate_label, self.tokens_field):
            line.addWidget(widget)
        line.addWidget(self.projection, 1)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        self._grid.setSpacing(ROW_GAP)
        self._grid.setSizeConstraint(QGridLayout.SizeConstraint.SetNoConstraint)  # a smaller panel re-arranges
        self._arrange("wide")
        self.restyle()

    # --- Panel ------------------------------------------------------------------------------------------------------

    def title(self) -> str:
        return self.tr("Latency")

    def figures(self) -> str:
        figures = self._figures
        if figures is None or figures.token_s is None:
            return ""
        return self.tr("{mean} a token {measured} · p99 {p99} {measured} · {rate} {derived}").format(
            mean=seconds(figures.token_s), p99=seconds(figures.parts[-1].p99_s),
            rate=rate(1 / figures.token_s, "tokens/s"), measured=MEASURED, derived=DERIVED,
        )  # fmt: skip

    def empty_text(self) -> str:
        return self.tr("Run a prompt and the time of every token appears here, part by part.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._series = LatencySeries(session) if session is not None else None
        self._figures, self._strip_step, self._stale = None, None, True
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        series = self._series
        if series is None:
            return
        if not series.update() and not self._stale:
            return
        self._stale = False
        steps = self._range(series)
        self._figures = series.figures(steps)
        self.table.show_figures(self._figures)
        first, end = steps if steps is not None else (0, len(series))
        total = self._figures.parts[-1]
        self.chart.lines = [
            (1e6 * value, label) for value, label in ((total.p50_s, "p50"), (total.p99_s, "p99")) if value is not None
        ]
        end = end + 1 if steps is not None else end
        us = series.us[first:end]
        self.chart.show_steps(us[:, :-1], us[:, -1], first)
        self._write_lines()
        self._show_strip()

    def select(self, selected: Selected) -> None:
        self.chart.marker = selected.step
        self._stale = True
        self.refresh()

    def restyle(self) -> None:
        colours = theme()
        self.table.restyle()
        self.chart.colours = [colours.groups[group] for group in GROUPS]
        self.chart.update()
        self.strip.update()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        header = ["part", "brief_s", "mean_s", "p50_s", "p90_s", "p99_s", "share"]
        parts = (*self._figures.parts, self._figures.itl) if self._figures is not None else ()
        return header, [
            (one.part, BRIEF_S.get(one.part), one.mean_s, one.p50_s, one.p90_s, one.p99_s, one.share) for one in parts
        ]

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _range(self, series: LatencySeries) -> tuple[int, int] | None:
        """The selected steps that there are, [first, last]; None for all."""
        steps = self.context.selection.now.steps
        if steps is None or steps[0] >= len(series):
            return None
        return steps[0], min(steps[1], len(series) - 1)

    def _write_lines(self) -> None:
        figures = self._figures
        if figures is None:
            return
        tokens = self.tokens_field.value()
        self.projection.setText(
            self.tr("tokens = {time} ƒ   (brief: {brief} ~)").format(
                time=seconds(figures.projected_s(tokens)), brief=seconds(tokens * BRIEF_S["total"])
            )
        )
        self.projection.setToolTip(self.projection.text())
        steps = self._range(self._series) if self._series is not None else None
        where = self.tr("all {n} steps") if steps is None else self.tr("steps {first}–{last}: {n} steps")
        parts = [
            where.format(
                n=count(figures.steps), first=count(steps[0]) if steps else "", last=count(steps[1]) if steps else ""
            ),
            self.tr("{n} tokens").format(n=count(figures.tokens)),
        ]
        elapsed = figures.busy_s + figures.gap_s
        if elapsed > 0:
            parts.append(
                self.tr("between steps {gap} ({share}) ƒ").format(
                    gap=seconds(figures.gap_s), share=percent(figures.gap_s / elapsed)
                )
            )
            if figures.device_s is None:
                parts.append(self.tr("device time not reported"))
            else:
                parts.append(
                    self.tr("device busy {time} ({share}) ●").format(
                        time=seconds(figures.device_s), share=percent(figures.device_s / elapsed)
                    )
                )
        self.range_line.setText(" · ".join(parts))
        self.range_line.setToolTip(self.range_line.text())

    def _show_strip(self) -> None:
        session, series = self.session, self._series
        if session is None or series is None or not len(series) or self.strip.isHidden():
            return
        chosen = self.context.selection.now.step
        steps = self._range(series)
        last = steps[1] if steps is not None else len(series) - 1
        step = chosen if chosen is not None and chosen < len(series) else last
        detail = session.step_detail(step)
        if detail is None or len(detail[0]) < 2 or not detail[0][:-1].any():
            self.strip.show_message(
                self.tr("Step {step} holds no time by layer; detail “layer” records it.").format(step=count(step))
            )
            return
        highest = float(detail[0][:-1].max())
        self.strip.show_step(
            detail[0][:-1],
            self.tr("Step {step}: µs by layer and phase, up to {most} ●").format(
                step=count(step), most=seconds(highest / 1e6)
            ),
        )

    def describe_step(self, step: int) -> str:
        """The parts of one step, for the tool tip."""
        if self._series is None or not 0 <= step < len(self._series):
            return ""
        us = self._series.us[step]
        lines = [self.tr("Step {step}: {time} ● measured").format(step=count(step), time=seconds(float(us[-1]) / 1e6))]
        lines += [
            f"{self.table.part_name(part)}: {seconds(float(value) / 1e6)}"
            for part, value in zip(PARTS[:-1], us[:-1], strict=True)
            if value > 0
        ]
        return "\n".join(lines)

    # --- arrangement ------------------------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 200)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width, height = event.size().width(), event.size().height()
        if height < LOW:
            self._arrange("low")
        elif width >= WIDE:
            self._arrange("wide")
        else:
            self._arrange("tall" if height >= TALL else "short")
        narrow = self._arrangement == "low" and width < WIDE
        self.table.show_all_columns(not narrow)
        self.table.setMinimumWidth(min(self.table.needed_width(), 2 * width // 3))

    def _arrange(self, arrangement: Literal["low", "wide", "tall", "short"]) -> None:
        """Low: table beside chart. Wide: table and strip above the chart. Tall: one under the other."""
        if arrangement == self._arrangement:
            return
        self._arrangement = arrangement
        for widget in (self.table, self._line, self.range_line, self.chart, self.strip):
            self._grid.removeWidget(widget)
        places = {
            "low": ((self.table, 0, 0, 1), (self.chart, 0, 1, 1), (self._line, 1, 0, 2), (self.range_line, 2, 0, 2)),
            "wide": ((self.table, 0, 0, 1), (self.strip, 0, 1, 1), (self._line, 1, 0, 1), (self.range_line, 1, 1, 1),
                     (self.chart, 2, 0, 2)),
            "tall": ((self.table, 0, 0, 2), (self._line, 1, 0, 2), (self.range_line, 2, 0, 2), (self.chart, 3, 0, 2),
                     (self.strip, 4, 0, 2)),
            "short": ((self.table, 0, 0, 2), (self._line, 1, 0, 2), (self.range_line, 2, 0, 2), (self.chart, 3, 0, 2)),
        }  # fmt: skip
        for widget, row, column, span in places[arrangement]:
            self._grid.addWidget(widget, row, column, 1, span)
        self._grid.setAlignment(self.table, Qt.AlignmentFlag.AlignTop)
        self.strip.setVisible(arrangement in ("wide", "tall"))
        for row in range(5):
            self._grid.setRowStretch(row, 0)
        self._grid.setRowStretch({"low": 0, "wide": 2, "tall": 3, "short": 3}[arrangement], 3)
        if arrangement == "tall":
            self._grid.setRowStretch(4, 2)
        self._grid.setColumnStretch(0, 3)
        self._grid.setColumnStretch(1, 2 if arrangement == "low" else 4)
        self._show_strip()
