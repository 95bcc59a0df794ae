"""The lower part of the Query panel: the answer as a table or as a plot, or a sentence in their place."""

from __future__ import annotations

from typing import Final, cast

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.look.theme import GRID, ROW_GAP
from app.models.query_plot import MOST_SERIES, ROW, Style, first_choice, plot_of, x_columns, y_columns
from app.models.query_result import column_name, is_numeric
from app.widgets.flow_row import FlowRow
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from app.widgets.query_plot import QueryPlot, colour_of
from app.widgets.query_table import QueryTable
from app.widgets.segments import Segments
from app.widgets.themed_label import ThemedLabel
from app.widgets.wheel import WheelGuard
from engine.session.asking import Answered

STYLES: Final[tuple[Style, ...]] = ("line", "points", "bars")
MOST_OFFERED: Final = 24
"""Columns that are offered for y."""
SWATCH: Final = 10


class PlotPage(QWidget):
    """The plot, and the choice of its columns above it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answered = Answered([])
        self.along = QComboBox()
        self.along.setAccessibleName(self.tr("Column along the plot"))
        self.along.setToolTip(self.tr("Column along the plot"))
        self.along.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.along.setMinimumContentsLength(10)
        self.along.currentIndexChanged.connect(self._draw)
        self.style_picker = Segments(STYLES, "line")
        self.style_picker.name(
            self.tr("How it is drawn"),
            {"line": self.tr("Line"), "points": self.tr("Points"), "bars": self.tr("Bars")},
            {
                "line": self.tr("A line in the order of the column along the plot"),
                "points": self.tr("A point a row"),
                "bars": self.tr("A bar a row"),
            },
        )
        self.style_picker.picked.connect(self._draw)
        self.style_picker.pad()
        self.boxes: list[QCheckBox] = []
        """One for each column that can be drawn, with the number of the column as a property."""
        self._row = FlowRow(self)
        caption = ThemedLabel()
        caption.setText(self.tr("over"))
        self.nothing = ThemedLabel(wrap=True)
        self.nothing.setText(self.tr("No column of this answer has numbers, so there is nothing to draw."))
        self.chart = QueryPlot(self.tr("Plot of the answer"))
        over = QWidget()
        beside = QHBoxLayout(over)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(GRID)
        beside.addWidget(caption)
        beside.addWidget(self.along)
        self._row.add(self.style_picker)
        self._row.add(over)
        WheelGuard(self).watch(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self._row)
        layout.addWidget(self.nothing)
        layout.addWidget(self.chart, 1)

    def show_answer(self, answered: Answered) -> None:
        """Offer the columns of an answer, and draw the first ones."""
        self._answered = answered
        x, ys = first_choice(answered)
        with QSignalBlocker(self.along):
            self.along.clear()
            for column in x_columns(answered):
                name = self.tr("number of the row") if column == ROW else column_name(answered, column)
                self.along.addItem(name, column)
            self.along.setCurrentIndex(max(0, self.along.findData(x)))
        for box in self.boxes:
            box.setParent(None)
            box.deleteLater()
        self.boxes = [self._box(column, column in ys) for column in y_columns(answered)[:MOST_OFFERED]]
        for place, box in enumerate(self.boxes):
            self._row.add(box)
            box.setAccessibleName(
                self.tr("Draw {column}").format(column=column_name(answered, int(box.property("column"))))
            )
            QWidget.setTabOrder(self.boxes[place - 1] if place else self.along, box)
        if x != ROW and not is_numeric(answered, x) and self.style_picker.value == "line":
            self.style_picker.set_value("bars")  # between texts there is no way for a line
        self._draw()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.chart.restyle()
        self._colour_boxes()

    def _box(self, column: int, checked: bool) -> QCheckBox:
        name = column_name(self._answered, column)
        box = QCheckBox((name if len(name) <= 24 else f"{name[:23]}…").replace("&", "&&"))
        box.setToolTip(plain(self.tr("Draw {column}").format(column=name)))
        box.setProperty("column", column)
        box.setChecked(checked)
        box.toggled.connect(self._draw)
        return box

    def _chosen(self) -> list[int]:
        return [int(box.property("column")) for box in self.boxes if box.isChecked()][:MOST_SERIES]

    def _draw(self, *_: object) -> None:
        chosen = self._chosen()
        for box in self.boxes:
            box.setEnabled(box.isChecked() or len(chosen) < MOST_SERIES)
        self.nothing.setVisible(not self.boxes)
        self.chart.setVisible(bool(self.boxes))
        self._colour_boxes()
        x = self.along.currentData()
        style = cast(Style, self.style_picker.value)
        plot = plot_of(self._answered, ROW if x is None else int(x), chosen, style, self.tr("number of the row"))
        self.chart.show_plot(plot, style)

    def _colour_boxes(self) -> None:
        chosen = self._chosen()
        for box in self.boxes:
            column = int(box.property("column"))
            if column not in chosen:
                box.setIcon(QIcon())
                continue
            swatch = QPixmap(SWATCH, SWATCH)
            swatch.fill(colour_of(chosen.index(column)))
            box.setIcon(QIcon(swatch))


class AnswerView(QStackedWidget):
    """A sentence, a table or a plot. `row_chosen` carries the number of a row that was chosen in the table."""

    row_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = "table"
        self._has_answer = False
        self.sentence = PlainLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setMargin(ROW_GAP)
        keep_look(self.sentence, muted=True)
        self.table = QueryTable(self.tr("Rows of the answer"))
        self.table.setToolTip(self.tr("A row with a step, a request or a token selects it in the window"))
        self.table.row_chosen.connect(self.row_chosen)
        self.plot = PlotPage()
        self._plotted: Answered | None = None
        self._answered = Answered([])
        for page in (self.sentence, self.table, self.plot):
            self.addWidget(page)

    def say(self, sentence: str) -> None:
        """Show a sentence in place of an answer."""
        self._has_answer = False
        self.sentence.setText(sentence)
        self.setCurrentWidget(self.sentence)

    def show_answer(self, answered: Answered) -> None:
        """Show an answer on the page that was picked."""
        self._has_answer, self._answered = True, answered
        self.table.show_answer(answered)
        self.show_page(self._page)

    def show_page(self, page: str) -> None:
        """Pick the page "table" or "plot"; the plot is made when it is first seen."""
        self._page = page
        if not self._has_answer:
            return
        if page == "plot" and self._plotted is not self._answered:
            self._plotted = self._answered
            self.plot.show_answer(self._answered)
        self.setCurrentWidget(self.plot if page == "plot" else self.table)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.table.restyle()
        self.plot.restyle()
