"""Roofline panel: whether memory or arithmetic limits prefill, decode and each phase, and by which factor."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final, Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QPushButton, QWidget

from app.core.selection import Selected
from app.look.theme import PANEL_PADDING, ROW_GAP, theme
from app.look.units import DERIVED, MEASURED, NOT_APPLICABLE, PREDICTED, memory, name_of, rate, seconds, significant
from app.models.level_words import level_name
from app.models.roofline import RooflineModel, chart_limits, chosen_kind, levels_shown
from app.models.step_words import kind_name
from app.panels.base import Panel, PanelContext
from app.widgets.arranging import Placed, arrange
from app.widgets.figure_table import FigureTable
from app.widgets.plain import PlainLabel, plain
from app.widgets.roofline_chart import Ceiling, Dot, RooflineChart
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from engine.figures.ceilings import MEMORY, Level
from engine.figures.roofline import Point, Roof
from engine.session.schema import GROUP_OF
from engine.session.serving import Topic
from engine.session.store import STEP_KINDS, Session

WIDE: Final = 1080
LOW: Final = 420
NARROW: Final = 560
"""Panel height (LOW) and widths (WIDE, NARROW) in pixels at which the panel changes its arrangement."""


class RooflinePanel(Panel):
    """Ceilings and points on two logarithmic axes, the points as a table too, and a verdict in words."""

    name: ClassVar[str] = "roofline"
    needs: ClassVar[tuple[Topic, ...]] = ("flops", "bytes_moved")

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._model: RooflineModel | None = None
        self._seen: tuple[int, object, str] = (-1, None, "")
        self._kind = ""
        self._kinds: list[Point] = []
        self._phases: list[Point] = []
        self._arrangement = ("", False)
        self.picker = QComboBox()
        self.picker.setAccessibleName(self.tr("Steps whose phases are shown"))
        self.picker.setToolTip(self.tr("The phases of which kind of step are shown as squares."))
        self.picker.activated.connect(self._kind_chosen)
        self._picker_label = PlainLabel(self.tr("&Phases of"))
        self._picker_label.setBuddy(self.picker)
        self.verdict = ThemedLabel(muted=False, wrap=True)
        self.note = ThemedLabel(wrap=True)
        self.chart = RooflineChart()
        self.chart.setAccessibleName(self.tr("Arithmetic intensity against arithmetic rate, both logarithmic"))
        self.chart.x_title = self.tr("arithmetic intensity, FLOP/byte")
        self.chart.y_title = self.tr("arithmetic rate")
        self.chart.describe = self.describe
        self.chart.picked.connect(self._picked)
        self.measure = QPushButton(self.tr("Measure again"))
        self.measure.setAccessibleName(self.tr("Measure ceilings again"))
        self.measure.setToolTip(
            self.tr("Measure the ceilings of this device again, best while nothing else runs; the last run takes them.")
        )
        self.measure.clicked.connect(self._measure)
        self.table = FigureTable(self.tr("Points under the roof"))
        self._tools = QWidget()
        tools = QHBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(ROW_GAP)
        tools.addStretch()
        tools.addWidget(self._picker_label)
        tools.addWidget(self.picker)
        tools.addWidget(self.measure)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        self._grid.setSpacing(ROW_GAP)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._grid.setSizeConstraint(QGridLayout.SizeConstraint.SetNoConstraint)  # lets the panel shrink and re-arrange
        self._arrange("tall", narrow=False)

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        roof = self._model.roof if self._model is not None else None
        if roof is None:
            return self.tr("ceilings: not measured") if self._model is not None else ""
        text = self.tr("{dtype}: {bandwidth} and {peak} {measured} · ridge {ridge} {derived}").format(
            dtype=roof.dtype, bandwidth=rate(roof.bytes_per_s, "B/s"), peak=rate(roof.flops_per_s, "FLOP/s"),
            measured=MEASURED, ridge=_intensity(roof.ridge), derived=DERIVED,
        )  # fmt: skip
        return text + self.tr(" · measured on a busy machine") if roof.busy else text

    def empty_text(self) -> str:
        return self.tr("Run a prompt and each kind of step appears here under the ceilings of this device.")

    def untold_lead(self) -> str:
        return self.tr(
            "Only DecodeScope's own engine counts the operations and bytes of a step, and measures the ceilings of its "
            "device."
        )

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._model = RooflineModel(session) if session is not None else None
        self._seen, self._kind = (-1, None, ""), ""
        self._kinds, self._phases = [], []
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        session, model = self.session, self._model
        if session is None or model is None:
            return
        steps = self._range()
        seen = (len(session.steps), steps, session.meta.get("ceilings", ""))
        if seen == self._seen:
            return
        if seen[2] != self._seen[2]:
            model = self._model = RooflineModel(session)  # the ceilings were measured again
        self._seen = seen
        totals = model.totals(steps)
        self._kinds = totals.kind_points()
        names = [point.name for point in self._kinds]
        self._show_kinds(names)
        kind = chosen_kind(names, self._kind)
        self._phases = totals.phase_points(kind) if kind else []
        self._draw(model.roof, kind)

    def select(self, selected: Selected) -> None:
        self.refresh()

    def restyle(self) -> None:
        self.table.restyle()
        self._seen = (-1, None, "")
        self.refresh()
        self.chart.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 200)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        header = ["point", "flops", "bytes", "seconds", "flop_per_byte", "flops_per_s", "bound", "roof_over_rate",
                  "level"]  # fmt: skip
        roof = self._model.roof if self._model is not None else None
        rows: list[tuple[object, ...]] = []
        for point in (*self._kinds, *self._phases):
            limits: tuple[object, ...] = (None, None, None)
            if roof is not None:
                limits = (roof.of(point).bound(point.intensity), point.factor(roof), point.level)
            rows.append(
                (point.name, point.flops, point.moved, point.seconds, point.intensity, point.flops_per_s, *limits)
            )
        return header, rows

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _range(self) -> tuple[int, int] | None:
        steps = self.context.selection.now.steps
        if steps is None or self.session is None or steps[0] >= len(self.session.steps):
            return None
        return steps[0], min(steps[1], len(self.session.steps) - 1)

    def _show_kinds(self, names: list[str]) -> None:
        if [self.picker.itemData(i) for i in range(self.picker.count())] != names:
            self.picker.clear()
            for name in names:
                self.picker.addItem(kind_name(name), name)
        index = self.picker.findData(chosen_kind(names, self._kind))
        self.picker.setCurrentIndex(index)
        self._picker_label.setVisible(bool(names))
        self.picker.setVisible(bool(names))

    def _draw(self, roof: Roof | None, kind: str) -> None:
        colours = theme()
        dots = [
            Dot(point.name, kind_name(point.name), point.intensity, point.flops_per_s, colours.kinds[point.name],
                square=False)
            for point in self._kinds
        ] + [
            Dot(point.name, point.name, point.intensity, point.flops_per_s, self._phase_colour(point.name), square=True)
            for point in self._phases
        ]  # fmt: skip
        ceilings = []
        if roof is not None:
            ceilings.append(
                Ceiling(
                    roof.flops_per_s, roof.bytes_per_s,
                    self.tr("compute, {dtype}: {rate} {mark}").format(
                        dtype=name_of(roof.dtype), rate=rate(roof.flops_per_s, "FLOP/s"), mark=MEASURED
                    ),
                    self.tr("memory: {rate} {mark}").format(rate=rate(roof.bytes_per_s, "B/s"), mark=MEASURED),
                    f"{rate(roof.bytes_per_s, 'B/s')} {MEASURED}",
                )
            )  # fmt: skip
            ceilings += [self._cache_ceiling(roof, one) for one in levels_shown(roof, [*self._kinds, *self._phases])]
            stated = roof.sheet.flops_per_s(roof.dtype) if roof.sheet is not None else None
            if roof.sheet is not None and stated is not None:
                ceilings.append(
                    Ceiling(
                        stated, roof.sheet.bytes_per_s,
                        self.tr("data sheet: {rate} {mark}").format(rate=rate(stated, "FLOP/s"), mark=PREDICTED),
                        self.tr("data sheet: {rate} {mark}").format(
                            rate=rate(roof.sheet.bytes_per_s, "B/s"), mark=PREDICTED
                        ),
                        dashed=True,
                    )
                )  # fmt: skip
        self.chart.show_dots(dots, ceilings, chart_limits(roof, [*self._kinds, *self._phases]))
        self._write_table(roof)
        self._write_words(roof, kind)

    def _cache_ceiling(self, roof: Roof, level: Level) -> Ceiling:
        words = self.tr("{level}, up to {size}: {rate} {mark}").format(
            level=level_name(level.name), size=memory(int(level.size_bytes)),
            rate=rate(level.read_bytes_per_s, "B/s"), mark=MEASURED,
        )  # fmt: skip
        name = f"{level_name(level.name)} {rate(level.read_bytes_per_s, 'B/s')} {MEASURED}"
        return Ceiling(roof.flops_per_s, level.read_bytes_per_s, "", words, name, cache=True)

    def _phase_colour(self, phase: str) -> str:
        return theme().groups["draft" if phase == "draft" else GROUP_OF[phase]]

    def bound_name(self, point: Point, roof: Roof) -> str:
        """What limits a point, in words."""
        if roof.of(point).bound(point.intensity) == "compute":
            return self.tr("compute-bound")
        if point.level == MEMORY:
            return self.tr("memory-bound")
        return self.tr("memory-bound ({level})").format(level=level_name(point.level))

    def _write_table(self, roof: Roof | None) -> None:
        heads = [
            (self.tr("Point"), self.tr("A kind of step (circle), or a phase of the chosen kind (square).")),
            (self.tr("FLOP/byte ƒ"), self.tr("Arithmetic intensity: counted operations over counted bytes, derived.")),
            (self.tr("To the roof ƒ"), self.tr("How many times faster the roof would allow it, derived.")),
            (
                self.tr("Limit"),
                self.tr(
                    "Left of the ridge memory is the limit, or the cache that holds all a step walks; "
                    "right of it arithmetic."
                ),
            ),
            (self.tr("Rate ƒ"), self.tr("Counted operations over the measured time, derived.")),
            (self.tr("Roof ƒ"), self.tr("The most that the measured ceilings allow at this intensity.")),
            (self.tr("Time ●"), self.tr("Measured time of these steps or of this phase.")),
        ]
        rows = []
        for point in (*self._kinds, *self._phases):
            kind = point.name in STEP_KINDS
            colour = theme().kinds[point.name] if kind else self._phase_colour(point.name)
            limits = [Cell(NOT_APPLICABLE)] * 3
            if roof is not None:
                limits = [
                    Cell(f"{significant(point.factor(roof))}×"),
                    Cell(self.bound_name(point, roof)),
                    Cell(rate(roof.of(point).limit(point.intensity), "FLOP/s")),
                ]
            cells = [
                Cell(kind_name(point.name) if kind else point.name, swatch=colour, bold=kind),
                Cell(significant(point.intensity)),
                *limits[:2],
                Cell(rate(point.flops_per_s, "FLOP/s")),
                limits[2],
                Cell(seconds(point.seconds)),
            ]
            rows.append([replace(cell, tip=self.describe(point.name)) for cell in cells])
        self.table.show_rows(heads, rows, keys=[point.name for point in (*self._kinds, *self._phases)])

    def _write_words(self, roof: Roof | None, kind: str) -> None:
        point = next((point for point in self._kinds if point.name == kind), None)
        self.verdict.setText(self.sentence(point, roof))
        self.verdict.setToolTip(plain(self.verdict.text()))
        parts = []
        if roof is None:
            parts.append(self.tr("This recording holds no measured ceilings: record it anew to measure them."))
        elif roof.busy:
            parts.append(self.tr("The ceilings were measured on a busy machine: measure again when it is quiet."))
        elif roof.sheet is None:
            parts.append(self.tr("No data sheet is known here for this device."))
        else:
            parts.append(self.tr("Data sheet: {device}, without sparsity.").format(device=roof.sheet.device))
        if self._kinds and not self._phases:
            parts.append(self.tr("No phase was timed; detail “phase” records them."))
        else:
            parts.append(self.tr("Only matrix products count as operations; every weight is read once a pass."))
        self.note.setText(" ".join(parts))
        self.note.setToolTip(plain(self.note.text()))

    def sentence(self, point: Point | None, roof: Roof | None) -> str:
        """A sentence: what limits a point, and by which factor it is below its ceiling, or above the roof."""
        if point is None:
            return ""
        name = kind_name(point.name) if point.name in STEP_KINDS else point.name
        if roof is not None and point.factor(roof) < 1:
            why = (
                self.tr("the ceilings were measured on a busy machine; measure again")
                if roof.busy
                else self.tr("what it reads stays in a faster cache, or the device was slower when it was measured")
            )
            return self.tr("{name} is over the roof, {factor}× of it ƒ: {why}").format(
                name=name, factor=significant(1 / point.factor(roof)), why=why
            )
        if roof is None:
            return self.tr("{name}: {intensity}, {rate}; without ceilings nothing says what limits it").format(
                name=name, intensity=_intensity(point.intensity), rate=rate(point.flops_per_s, "FLOP/s")
            )
        over = roof.of(point)
        memory_bound = over.bound(point.intensity) == "memory"
        form = (
            self.tr(
                "{name} is memory-bound: {intensity}, under the ridge at {ridge}; {factor}× to the memory ceiling ƒ"
            )
            if memory_bound and point.level == MEMORY
            else self.tr(
                "{name} is memory-bound: {intensity}, under the ridge at {ridge}; {factor}× to the ceiling of {level}, "
                "which holds all a step reads ƒ"
            )
            if memory_bound
            else self.tr(
                "{name} is compute-bound: {intensity}, over the ridge at {ridge}; {factor}× to the compute ceiling ƒ"
            )
        )
        return form.format(
            name=name, intensity=_intensity(point.intensity), ridge=_intensity(over.ridge),
            factor=significant(point.factor(roof)), level=level_name(point.level),
        )  # fmt: skip

    def describe(self, key: str) -> str:
        """The tool tip of one point: its sentence, operations, bytes and time."""
        point = next((point for point in (*self._kinds, *self._phases) if point.name == key), None)
        roof = self._model.roof if self._model is not None else None
        if point is None:
            return ""
        lines = [self.sentence(point, roof)]
        lines.append(
            self.tr("{flops} ƒ and {bytes} ƒ in {time} ●").format(
                flops=rate(point.flops, "FLOP"), bytes=rate(point.moved, "B"), time=seconds(point.seconds)
            )
        )
        return "\n".join(lines)

    # --- acting -----------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        self.context.control.measure_ceilings()

    def _kind_chosen(self, index: int) -> None:
        self._kind = str(self.picker.itemData(index))
        self._seen = (-1, None, "")
        self.refresh()

    def _picked(self, key: str) -> None:
        self.table.mark_key(key)
        if key in STEP_KINDS:
            self._kind = key
            self._seen = (-1, None, "")
            self.refresh()

    # --- arrangement ------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width, height = event.size().width(), event.size().height()
        self._arrange("wide" if width >= WIDE else "tall" if height >= LOW else "low", width < NARROW)
        self.table.setMinimumWidth(min(self.table.sizeHint().width(), 6 * width // 10) if width >= WIDE else 0)

    def _arrange(self, arrangement: Literal["wide", "tall", "low"], narrow: bool) -> None:
        """Wide: the table beside the chart. Tall: the table under the chart. Low: only the chart, with tool tips.

        The tools are beside the verdict, or in a narrow panel under it.
        """
        if (arrangement, narrow) == self._arrangement:
            return
        self._arrangement = (arrangement, narrow)
        wide, below = arrangement == "wide", 1 if narrow else 0
        placed = [
            Placed(self.verdict, 0, 0, columns=2 if narrow else 1),
            Placed(self._tools, below, 0 if narrow else 1, columns=2 if narrow else 1),
            Placed(self.chart, 1 + below, 0, columns=1 if wide else 2),
        ]
        if arrangement != "low":
            placed.append(Placed(self.table, 1, 1) if wide else Placed(self.table, 2 + below, 0, columns=2))
        placed.append(Placed(self.note, 3 + below, 0, columns=2))
        arrange(self._grid, placed, rows=(0, 0, 1) if narrow else (0, 1), columns=(1,))
        self.table.setVisible(arrangement != "low")
        self.note.setVisible(arrangement != "low")


def _intensity(value: float) -> str:
    return rate(value, "FLOP/byte")
