"""Latency panel: the parts of a token's time, beside the reference values, per step and per layer."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QSpinBox, QToolButton, QWidget

from app.core.selection import Look, Selected
from app.look.icons import icon
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP, theme
from app.look.units import DERIVED, MEASURED, count, rate, seconds
from app.models import counted
from app.models.delay_reading import DelayReading
from app.models.latency import REFERENCE_S
from app.models.latency_histogram import histogram, next_of
from app.models.looking import Looker, look_of, show_look
from app.models.step_detail import step_detail
from app.panels.base import Panel, PanelContext
from app.panels.latency_late import LateTables
from app.panels.latency_places import COLUMNS, WIDE, Arrangement, Part, arrangement_of, places, rows_of
from app.panels.latency_streams import StreamLatencies
from app.panels.latency_words import no_layers, range_parts, untimed
from app.panels.untold import is_imported
from app.widgets.arranging import Placed, arrange
from app.widgets.latency_histogram import LatencyHistogram
from app.widgets.latency_table import BESIDE_PICTURE, IN_LITTLE_ROOM, LatencyTable
from app.widgets.layer_strip import LayerStrip
from app.widgets.plain import PlainLabel, plain
from app.widgets.segments import Segments
from app.widgets.stack_chart import StackChart
from app.widgets.themed_label import ThemedLabel
from app.widgets.time_split import TimeSplit
from engine.figures.latency import LatencySeries, outlier_us
from engine.figures.latency_figures import PARTS, RangeFigures
from engine.figures.metrics import tokens_per_s
from engine.figures.told import told
from engine.session.schema import GROUPS
from engine.session.serving import Topic
from engine.session.store import Session

PROJECTED_TOKENS: Final = 100
PICTURES: Final = ("steps", "histogram")
NARROW: Final = 420
"""Below this width of the panel in pixels there is no room for the word beside the number of outliers."""


class LatencyPanel(Panel):
    """A token's time beside the reference values, the stacked parts of every step, and layer × phase of one step."""

    name: ClassVar[str] = "latency"
    needs: ClassVar[tuple[Topic, ...]] = ("tokens",)

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._series: LatencySeries | None = None
        self.range_figures: RangeFigures | None = None
        """The figures of the selected range, or of its steps within the picked band of times."""
        self._arrangement: tuple[Arrangement, Part] | None = None
        self._stale = False
        self._strip_step: int | None = None
        self.table = LatencyTable()
        self.chart = StackChart()
        self.chart.setAccessibleName(self.tr("Time of each step, stacked by part"))
        self.chart.describe = self.describe_step
        self.chart.looker = self._looker = Looker(
            context.selection, "latency", lambda: look_of(self.chart.view), self._look
        )
        self.chart.clicked.connect(lambda step: self.context.selection.change(step=step))
        self.histogram = LatencyHistogram()
        self.histogram.setToolTip(
            self.tr("Drag over times to see only those steps; N goes to the next of them, or to the next outlier.")
        )
        self.histogram.band_changed.connect(context.selection.filter)
        self.histogram.wants_next.connect(self.go_to_next)
        self.picture = Segments(PICTURES, PICTURES[0])
        self.picture.picked.connect(lambda _: self._rearrange())
        self.late = LateTables()
        self.late.chosen.connect(lambda token: self.context.selection.change(token=token))
        self.late_button, self._delays = QPushButton(), DelayReading(self.reading())
        self.streams = StreamLatencies(context.selection)
        self.split = TimeSplit()
        self.strip = LayerStrip()
        self._detail = self.reading()
        self._strip_due = False
        """Whether the strip waits for the detail of a step, which is being read from the file."""
        self.tokens_field = QSpinBox()
        self.tokens_field.setRange(1, 10_000_000)
        self.tokens_field.setValue(PROJECTED_TOKENS)
        self.tokens_field.setAccessibleName(self.tr("Tokens to project to"))
        self.tokens_field.setToolTip(
            self.tr("How many tokens to project to: one request's prefill, and this many times its mean time a token.")
        )
        self.tokens_field.valueChanged.connect(self._write_lines)
        self.projection = ThemedLabel(parts=True)
        self.outliers = ThemedLabel()
        self.previous_button, self.next_button = QToolButton(), QToolButton()
        self.range_line = ThemedLabel(parts=True)
        self._line = self._build_projection()
        self._range_row = self._build_range()
        self._parts: dict[Part, QWidget] = {
            "table": self.table, "line": self._line, "range": self._range_row, "split": self.split,
            "strip": self.strip, "steps": self.chart, "histogram": self.histogram, "late": self.late,
            "streams": self.streams,
        }  # fmt: skip
        for part in self._parts.values():
            part.setParent(self)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        self._grid.setSpacing(ROW_GAP)
        self._grid.setSizeConstraint(QGridLayout.SizeConstraint.SetNoConstraint)  # lets the panel shrink and re-arrange
        self._arrange("wide")
        self.restyle()

    def _build_projection(self) -> QWidget:
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(ROW_GAP)
        label = PlainLabel(self.tr("At this &rate"))
        label.setBuddy(self.tokens_field)
        row.addWidget(label)
        row.addWidget(self.tokens_field)
        row.addWidget(self.projection, 1)
        return line

    def _build_range(self) -> QWidget:
        """The line about the range, the buttons that walk through its outliers, and the choice of picture."""
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.range_line, 1)
        row.addWidget(self.outliers)
        for button, by, name in (
            (self.previous_button, -1, self.tr("Previous step of the selection, or outlier (Shift+N)")),
            (self.next_button, 1, self.tr("Next step of the selection, or outlier (N)")),
        ):
            button.setAutoRaise(True)
            button.setToolTip(plain(name))
            button.setAccessibleName(name)
            button.clicked.connect(partial(self.go_to_next, by))
            row.addWidget(button)
        self.late_button.setText(self.tr("Why late"))
        self.late_button.setProperty("segment", "only")
        self.late_button.setCheckable(True)
        self.late_button.setMinimumWidth(self.late_button.sizeHint().width() + 2 * GRID)
        self.late_button.setToolTip(self.tr("Show what delayed late tokens, in place of the pictures."))
        self.late_button.toggled.connect(lambda _: self._rearrange())
        row.addWidget(self.late_button)
        self.picture.name(
            self.tr("Picture"),
            {"steps": self.tr("Steps"), "histogram": self.tr("Histogram")},
            {
                "steps": self.tr("The time of each step, stacked by part"),
                "histogram": self.tr("How many steps took how long"),
            },
        )
        self.picture.pad()
        row.addWidget(self.picture)
        return line

    # --- Panel ------------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        if is_imported(self.session):
            return True
        return not len(self.session.tokens) if self._unstepped and self.session is not None else super().is_empty

    @property
    def _unstepped(self) -> bool:
        """Whether the session is that of a server which tells no steps."""
        return self.session is not None and not told(self.session, "steps")

    def figures(self) -> str:
        if self._unstepped:
            return self.streams.header()
        figures = self.range_figures
        if figures is None or figures.token_s is None:
            return ""
        text = self.tr("{mean} a token {measured} · p99 {p99} {measured}").format(
            mean=seconds(figures.token_s), p99=seconds(figures.parts[-1].p99_s), measured=MEASURED,
        )  # fmt: skip
        series = self._series
        if series is None or self.histogram.band is not None:  # scattered steps have no common time span
            return text
        speed = tokens_per_s(series.session, self._range(series))
        return f"{text} · {rate(speed, 'tokens/s')} {MEASURED}"

    def empty_text(self) -> str:
        return self.tr("Run a prompt and the time of every token appears here, part by part.")

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._series = LatencySeries(session) if session is not None and not self._unstepped else None
        self.range_figures, self._strip_step, self._stale = None, None, True
        self.histogram.show_band(None)
        self.streams.show_session(session if self._unstepped else None)
        self._rearrange()
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        self.streams.refresh()
        series = self._series
        if series is None:
            return
        if not series.update() and not self._stale:
            if self._strip_due:
                self._show_strip()
            self._show_late(series)
            return
        self._stale = False
        steps = self._range(series)
        band = self.histogram.band
        self.range_figures = (
            series.figures(steps) if band is None else series.figures_of(series.steps_within(band, steps))
        )
        self.table.show_figures(self.range_figures)
        first, end = steps if steps is not None else (0, len(series))
        of_steps = series.step_percentiles_us(steps)  # of steps, not of tokens: the bars show steps
        self.chart.lines = [] if of_steps is None else [(of_steps[0], "p50"), (of_steps[1], "p99")]
        end = end + 1 if steps is not None else end
        us = series.us[first:end]
        self.chart.show_steps(us[:, :-1], us[:, -1], first)
        self._show_histogram(series.walls_us(steps))
        self._write_lines()
        self._show_strip()
        self._show_late(series)

    def select(self, selected: Selected) -> None:
        self.chart.marker = selected.step
        if self.histogram.band != selected.band_us:
            self.histogram.show_band(selected.band_us)
        self.streams.select(selected)
        self._stale = True
        self.refresh()
        self.late.mark(selected)
        self._looker.follow(selected)

    def restyle(self) -> None:
        colours = theme()
        self.table.restyle()
        self.late.restyle()
        self.streams.restyle()
        self.chart.colours = [colours.groups[group] for group in GROUPS]
        self.chart.update()
        self.strip.update()
        self.histogram.update()
        self.previous_button.setIcon(icon("left", colours.muted))
        self.next_button.setIcon(icon("right", colours.muted))

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        if self._unstepped:
            return self.streams.rows()
        if self.late_button.isChecked():
            return self.late.rows()
        header = ["part", "reference_s", "mean_s", "p50_s", "p90_s", "p99_s", "share"]
        figures = self.range_figures
        parts = (*figures.parts, figures.itl, figures.prefill.a_request) if figures is not None else ()
        return header, [
            (one.part, REFERENCE_S.get(one.part), one.mean_s, one.p50_s, one.p90_s, one.p99_s, one.share)
            for one in parts
        ]

    def go_to_next(self, by: int) -> None:
        """Select the next (1) or previous (−1) step of the picked band, or the next outlier without a band."""
        step = next_of(self.picked_steps(), self.context.selection.now.step, by)
        if step is not None:
            self.context.selection.change(step=step, token=None)

    def picked_steps(self) -> NDArray[np.int64]:
        """The steps of the picked band, or without a band the outliers, within the selected range."""
        series = self._series
        band = self.histogram.band
        if band is None and self.histogram.fence_us is not None:
            band = (self.histogram.fence_us, float("inf"))
        if series is None or band is None:
            return np.empty(0, np.int64)
        return series.steps_within(band, self._range(series))

    def _look(self, look: Look) -> None:
        show_look(self.chart.view, look)
        self.chart.update()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _range(self, series: LatencySeries) -> tuple[int, int] | None:
        """The selected steps that exist, as (first, last), both included; None for all steps."""
        steps = self.context.selection.now.steps
        if steps is None or steps[0] >= len(series):
            return None
        return steps[0], min(steps[1], len(series) - 1)

    def _show_histogram(self, walls_us: NDArray[np.float64]) -> None:
        fence = outlier_us(walls_us)
        if self.histogram.isHidden():
            self.histogram.fence_us = fence
        else:
            self.histogram.show_histogram(histogram(walls_us, self.histogram.bin_count()), fence, [])
        self._write_outliers()

    def _write_outliers(self) -> None:
        """Say how many steps the buttons beside it walk through."""
        picked = len(self.picked_steps())
        within = self.tr("{n} selected").format(n=count(picked))
        words = within if self.histogram.band is not None else f"{counted.outliers(picked)} {DERIVED}"
        narrow = self.width() < NARROW  # a number alone says more than a word that is cut
        self.outliers.setText(f"{count(picked)} ƒ" if narrow and self.histogram.band is None else words)
        explained = self.tr(
            "An outlier took longer than the third quartile by three times the distance between the quartiles."
        )
        self.outliers.setToolTip(plain(f"{words}\n{explained}"))
        for button in (self.previous_button, self.next_button):
            button.setEnabled(picked > 0)

    def _show_late(self, series: LatencySeries) -> None:
        """Write the late tokens of the range, while they are shown."""
        if self.late.isHidden():
            return
        band, steps = self.histogram.band, self._range(series)
        within = None if band is None else series.steps_within(band, steps)
        self.late.show_delays(series.session, self._delays.of(series.session), steps, within)
        self.late.mark(self.context.selection.now)

    def _write_lines(self) -> None:
        figures = self.range_figures
        if figures is None:
            return
        band = self.histogram.band
        self.split.show_times(figures.busy_s, figures.gap_s if band is None else None, figures.device_s)
        tokens = self.tokens_field.value()
        prefill_s = figures.prefill.a_request.mean_s
        text = self.tr("tokens = {time} ƒ · reference: {reference} ~")
        if prefill_s is not None and figures.token_s is not None:
            text = self.tr("tokens = {time} ƒ · of that prefill {prefill} ● · reference: {reference} ~")
        self.projection.setText(
            text.format(
                time=seconds(figures.projected_s(tokens)),
                prefill=seconds(prefill_s),
                reference=seconds(tokens * REFERENCE_S["total"]),
            )
        )
        self.projection.setToolTip(plain(self.projection.text()))
        if self._series is not None:
            parts = range_parts(self._series.session, figures, self._range(self._series), band)
            self.range_line.setText(" · ".join(parts))
            self.range_line.setToolTip(plain(self.range_line.text()))

    def _show_strip(self) -> None:
        session, series = self.session, self._series
        if session is None or series is None or not len(series) or self.strip.isHidden():
            return
        chosen = self.context.selection.now.step
        steps = self._range(series)
        last = steps[1] if steps is not None else len(series) - 1
        step = chosen if chosen is not None and chosen < len(series) else last
        found = step_detail(self._detail, session, step)
        self._strip_due = found is None
        if found is None:
            if self._detail.is_slow:
                self.strip.show_message(self.tr("reading…"))
            return
        detail = found.value
        if detail is None or len(detail[0]) < 2 or not detail[0][:-1].any():
            self.strip.show_message(no_layers(session, step))
            return
        highest = float(detail[0][:-1].max())
        self.strip.show_step(
            detail[0][:-1],
            self.tr("Step {step}: µs by layer and phase, up to {most} ●").format(
                step=count(step), most=seconds(highest / 1e6)
            ),
        )

    def describe_step(self, step: int) -> str:
        """The tool tip of one step: its time and its parts."""
        if self._series is None or not 0 <= step < len(self._series):
            return ""
        us = self._series.us[step]
        lines = [self.tr("Step {step}: {time} ● measured").format(step=count(step), time=seconds(float(us[-1]) / 1e6))]
        if self.session is not None and not told(self.session, "phases"):
            return "\n".join([*lines, untimed(self.session)])
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
        self._fit(event.size().width(), event.size().height())
        self._write_outliers()

    def _fit(self, width: int, height: int) -> None:
        arrangement = arrangement_of(width, height)
        self._arrange(arrangement)
        little = {"low": IN_LITTLE_ROOM, "broad": BESIDE_PICTURE} if width < WIDE else {}
        self.table.hide_columns(little.get(arrangement, ()))
        beside = width - 2 * PANEL_PADDING - ROW_GAP - self.chart.minimumWidth()
        room = arrangement != "low" or beside >= self.table.least_width()
        if arrangement == "low" and self._shown_picture in ("steps", "histogram"):  # without room, the table alone
            self._parts[self._shown_picture].setVisible(room)
            self._grid.setColumnStretch(1, 2 if room else 0)
        self.table.setMinimumWidth(min(self.table.needed_width(), 2 * width // 3, beside) if room else 0)

    @property
    def _shown_picture(self) -> Part:
        """What the user wants to see where there is room for one picture only; `streams` where no steps are told."""
        if self._unstepped:
            return "streams"
        if self.late_button.isChecked():
            return "late"
        return "steps" if self.picture.value == "steps" else "histogram"

    def _rearrange(self) -> None:
        """Show another picture, at the present size; nothing before the first arrangement."""
        if self._arrangement is not None:
            self._fit(self.width(), self.height())

    def _arrange(self, arrangement: Arrangement) -> None:
        """Place the widgets for the panel's size (`places`)."""
        picture = self._shown_picture
        if (arrangement, picture) == self._arrangement:
            return
        self._arrangement = (arrangement, picture)
        shown = places(arrangement, picture)
        placed = [Placed(self._parts[part], row, column, columns=span) for part, row, column, span in shown]
        arrange(self._grid, placed, rows_of(arrangement, picture), columns=(3, COLUMNS[arrangement]))
        self._grid.setAlignment(self.table, Qt.AlignmentFlag.AlignTop)
        visible = {part for part, *_ in shown}
        for part, widget in self._parts.items():
            widget.setVisible(part in visible)
        self.picture.setVisible(arrangement not in ("wide", "tall") and picture not in ("late", "streams"))
        self._stale = True
        self.refresh()
