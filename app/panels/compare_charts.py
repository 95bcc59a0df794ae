"""The charts of the Compare panel: quantities of both sides over one axis, of tokens or steps."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QWidget

from app.core.selection import Selected, Selection
from app.look.theme import GRID, ROW_GAP
from app.look.units import count, rate
from app.models.overlay import AXES, QUANTITIES, Axis, overlay
from app.models.side_by_side import Compared
from app.panels.compare_words import overlay_lines, quantity_name, quantity_number
from app.widgets.line_chart import LineChart
from app.widgets.plain import PlainLabel, plain
from app.widgets.segments import Segments

ALWAYS: Final = ("positions", "KV used", "rate")
"""What has a chart beside the chosen quantity, where there is room."""
LEAST_HEIGHT: Final = 36 * GRID
WIDE: Final = 180 * GRID


class CompareCharts(QWidget):
    """The chosen quantity, and as many of the others as there is room for. A click selects a step of A."""

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._compared: Compared | None = None
        self.quantity = QComboBox()
        for one in QUANTITIES:
            self.quantity.addItem(quantity_name(one), one)
        self.quantity.setAccessibleName(self.tr("Quantity"))
        self.quantity.setToolTip(plain(self.tr("What the first chart shows of A and B")))
        self.quantity.setMaxVisibleItems(len(QUANTITIES))
        self.axis = Segments(AXES, AXES[0])
        self.axis.name(
            self.tr("Aligned by"),
            {"token": self.tr("by token"), "step": self.tr("by step")},
            {
                "token": self.tr("The axis counts the tokens that a side has emitted"),
                "step": self.tr("The axis counts the steps of a side"),
            },
        )
        self.axis.pad()
        self.charts: dict[str, LineChart] = {}
        for name in ("chosen", *ALWAYS):
            chart = LineChart(partial(self._number, name), self)
            chart.describe = partial(self._describe, name)
            chart.clicked.connect(self._on_clicked)
            if name.startswith("KV"):
                chart.use_binary_ticks()
            self.charts[name] = chart
        label = PlainLabel(self.tr("&Show"))
        label.setBuddy(self.quantity)
        self.tools = QWidget()
        """What is drawn, and over which axis; the panel places it beside its pages, where it costs no height."""
        row = QHBoxLayout(self.tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(ROW_GAP)
        for tool in (label, self.quantity, self.axis):
            row.addWidget(tool)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(ROW_GAP)
        self.quantity.currentIndexChanged.connect(self._draw)
        self.axis.picked.connect(self._draw)
        self._arrange()

    def show_compared(self, found: Compared | None) -> None:
        """Draw another comparison."""
        self._compared = found
        self._draw()

    def select(self, _selected: Selected) -> None:
        """Mark the selected step of A."""
        self._mark()

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """(names of the columns, rows) of the chosen quantity for CSV, in base units."""
        header = ["side", self.axis.value, self._chosen]
        found: list[tuple[object, ...]] = []
        if self._compared is not None:
            for name, side in (("A", self._compared.sides.a), ("B", self._compared.sides.b)):
                line = overlay(side, self._chosen, self._axis)
                if line is not None:
                    found += [(name, x, y) for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True)]
        return header, found

    @property
    def _chosen(self) -> str:
        return str(self.quantity.currentData())

    @property
    def _axis(self) -> Axis:
        return "step" if self.axis.value == "step" else "token"

    def _of(self, name: str) -> str:
        """The quantity of a chart."""
        return self._chosen if name == "chosen" else name

    def _number(self, name: str, value: float) -> str:
        quantity = self._of(name)
        return rate(value, "") if quantity == "rate" else quantity_number(quantity, value)

    def _draw(self) -> None:
        found = self._compared
        if found is None:
            return
        for name, chart in self.charts.items():
            quantity = self._of(name)
            lines, end, pooled = overlay_lines(found.sides.a, found.sides.b, quantity, self._axis)
            over = self.tr("over tokens") if self._axis == "token" else self.tr("over steps")
            title = " · ".join((f"{quantity_name(quantity)} {over}", self.tr("A solid, B dashed")))
            if pooled > 1:
                title += self.tr(" · means of {} steps").format(count(pooled))
            chart.title = title if lines else self.tr("{}: not told").format(quantity_name(quantity))
            chart.setAccessibleName(chart.title)
            chart.show_lines(lines, (0.0, end))
        self._mark()
        self._arrange()

    def _mark(self) -> None:
        """Mark the selected step of A, if it is among those compared."""
        found, step = self._compared, self._selection.now.step
        at = None
        if found is not None and step is not None:
            side = found.sides.a
            place = int(side.step.searchsorted(step))
            if place < len(side) and int(side.step[place]) == step:
                at = float(side.tokens[: place + 1].sum()) if self._axis == "token" else float(place + 1)
        for chart in self.charts.values():
            chart.marker = at
            chart.update()

    def _place(self, x: float) -> int | None:
        """The place of the step of A at an x of the axis."""
        if self._compared is None or not len(self._compared.sides.a):
            return None
        side = self._compared.sides.a
        place = int(side.tokens.cumsum().searchsorted(x)) if self._axis == "token" else int(x)
        return min(max(place, 0), len(side) - 1)

    def _on_clicked(self, x: float) -> None:
        place = self._place(x)
        if place is not None and self._compared is not None:
            self._selection.change(step=int(self._compared.sides.a.step[place]))

    def _describe(self, name: str, x: float) -> str:
        """The values of both sides at an x."""
        if self._compared is None:
            return ""
        quantity = self._of(name)
        lines = []
        for letter, side in (("A", self._compared.sides.a), ("B", self._compared.sides.b)):
            line = overlay(side, quantity, self._axis)
            if line is not None and len(line.x):
                place = min(int(line.x.searchsorted(x)), len(line.x) - 1)
                if x <= line.x[-1]:
                    lines.append(f"{letter}: {quantity_number(quantity, float(line.y[place]))}")
        axis = self.tr("token {}") if self._axis == "token" else self.tr("step {}")
        return "\n".join([axis.format(count(round(x))), *lines]) if lines else ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Place as many charts as there is room for: in two columns where it is wide."""
        columns = 2 if self.width() >= WIDE else 1
        rows = max(1, self.height() // LEAST_HEIGHT)
        names = [name for name in self.charts if name == "chosen" or name != self._chosen][: columns * rows]
        for name, chart in self.charts.items():
            chart.setVisible(name in names)
        for place, name in enumerate(names):
            self._grid.addWidget(self.charts[name], place // columns, place % columns)
