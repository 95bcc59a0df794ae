"""The table of a token's time by part: the reference values beside the measured ones."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidgetItem, QWidget

from app.look.theme import GRID, theme, ui_font
from app.look.units import NOT_APPLICABLE, percent, seconds
from app.models.latency import REFERENCE_S
from app.widgets.plain import plain
from app.widgets.reference_source import reference_source
from app.widgets.themed_table import ThemedTable, swatch_icon
from app.widgets.whole_figures import WholeFigures
from engine.figures.latency_figures import PARTS, RangeFigures

COLUMNS: Final = ("part", "reference", "mean", "p50", "p90", "p99", "share")
ROWS: Final = (*PARTS, "itl", "prefill")
BESIDE_PICTURE: Final = ("p50", "p90")
IN_LITTLE_ROOM: Final = ("reference", "p50", "p90")
"""Columns that give their room to a picture beside the table, or in a small panel (`hide_columns`)."""
DROPPED: Final = ("p90", "p50", "reference", "share", "p99")
"""Columns in the order in which they are hidden where a number would be cut."""


class LatencyTable(ThemedTable):
    """A row for each part of a token's time; every cell holds a number with its unit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(len(ROWS), len(COLUMNS), parent)
        self.setAccessibleName(self.tr("Time a token by part"))
        self.setToolTip(self.tr("Each part of a token's time: measured here, and what the reference expects of it."))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (COLUMNS.index("part"), COLUMNS.index("reference")):  # their texts are wider than a time
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setMinimumSectionSize(8 * GRID)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setItemDelegate(WholeFigures(self))
        self._unwanted: tuple[str, ...] = ()
        self._fill_fixed()
        self.restyle()

    def part_name(self, part: str) -> str:
        """The name of a part."""
        return {
            "prepare": self.tr("Prepare input"),
            "attention": self.tr("Attention"),
            "ffn": self.tr("FFN"),
            "norm": self.tr("Norm"),
            "sampling": self.tr("Sampling"),
            "other": self.tr("Other"),
            "total": self.tr("Total"),
            "itl": self.tr("Token to token"),
            "prefill": self.tr("Prefill"),
        }[part]

    def show_figures(self, figures: RangeFigures) -> None:
        """Write the measured columns."""
        before = self._lengths()
        for row, part in enumerate((*figures.parts, figures.itl, figures.prefill.a_request)):
            times = (part.mean_s, part.p50_s, part.p90_s, part.p99_s)
            for column, value in enumerate(times, 2):
                self._write(row, column, seconds(value))
            self._write(row, 6, percent(part.share))
        if self._lengths() != before:
            self._fit()

    def hide_columns(self, unwanted: tuple[str, ...]) -> None:
        """Show all columns but these."""
        self._unwanted = unwanted
        self._fit()
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()  # before the header divides the width among the columns
        super().resizeEvent(event)

    def _fit(self) -> None:
        """Show the wanted columns, without those that must be hidden so that no number is cut."""
        shown = self._wanted()
        for name in DROPPED:
            if self._width_of(shown, written=True) > self.viewport().width():
                shown = [one for one in shown if one != name]
        for index, name in enumerate(COLUMNS):
            self.setColumnHidden(index, name not in shown)

    def _wanted(self) -> list[str]:
        return [name for name in COLUMNS if name not in self._unwanted]

    def _width_of(self, columns: list[str], written: bool = False) -> int:
        """Pixels in which no number of these columns (in bold, as in the row of the total) and no head is cut.

        Without `written` that is the width of usual numbers, which does not change while figures are written.
        """
        needed = {name: self._needed_by(COLUMNS.index(name), written) for name in columns if name != "part"}
        if written:  # but for the reference's, all columns have one width
            widest = max((width for name, width in needed.items() if name != "reference"), default=0)
            needed = {name: width if name == "reference" else widest for name, width in needed.items()}
        names = max(self.sizeHintForColumn(0), self.horizontalHeader().sectionSizeHint(0))
        return names + sum(needed.values())

    def _lengths(self) -> list[int]:
        """The length of each text: a table whose texts are as long as before needs the same width."""
        return [len(item.text()) for row in range(len(ROWS)) for column in range(len(COLUMNS))
                if (item := self.item(row, column)) is not None]  # fmt: skip

    def _needed_by(self, column: int, written: bool) -> int:
        """Pixels in which no number of this column and not its head is cut."""
        number = QFontMetrics(ui_font(bold=True))
        rows = range(len(ROWS)) if written else ()
        texts = [item.text() for row in rows if (item := self.item(row, column)) is not None]
        head = self.horizontalHeaderItem(column)
        title = self.horizontalHeader().fontMetrics().horizontalAdvance(head.text()) if head is not None else 0
        return max(title, *(number.horizontalAdvance(text) for text in ("99.9 ms", *texts))) + 4 * GRID

    def cell(self, part: str, column: str) -> str:
        """The text of a cell."""
        item = self.item(ROWS.index(part), COLUMNS.index(column))
        return item.text() if item is not None else ""

    def item_padding(self) -> str:
        return "padding: 0 1px"

    def write_all(self) -> None:
        colours = theme()
        for row, part in enumerate(ROWS):
            item = self.item(row, 0)
            if item is not None and part in colours.groups:
                item.setIcon(swatch_icon(colours.groups[part]))
            for column in range(len(COLUMNS)):
                cell = self.item(row, column)
                if cell is not None:
                    cell.setForeground(QColor(colours.muted if column == 1 else colours.text))
                    cell.setFont(ui_font(bold=part == "total"))
        height = self.fontMetrics().height() + GRID
        self.verticalHeader().setDefaultSectionSize(height)
        for row in range(self.rowCount()):
            self.setRowHeight(row, height)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        height = self.horizontalHeader().sizeHint().height() + sum(
            self.rowHeight(row) for row in range(self.rowCount())
        )
        return QSize(560, height + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def least_width(self) -> int:
        """Pixels in which the names and the means are not cut."""
        return self._width_of(["part", "mean"])

    def needed_width(self) -> int:
        """Pixels in which no number of the wanted columns is cut."""
        return self._width_of(self._wanted())

    def _fill_fixed(self) -> None:
        expected = self.tr("What the reference expects of a token, predicted.")
        heads = {
            "part": (self.tr("A token's time"), self.tr("Part of a step; every phase belongs to exactly one.")),
            "reference": (self.tr("Reference ~"), f"{expected}\n{reference_source('latency')}"),
            "mean": (
                self.tr("Mean ●"),
                self.tr("Measured: what a token of one request took in decode steps, in a batch or not."),
            ),
            "p50": (self.tr("p50 ●"), self.tr("Half of the decode steps took no longer a token, measured.")),
            "p90": (self.tr("p90 ●"), self.tr("Nine decode steps of ten took no longer a token, measured.")),
            "p99": (self.tr("p99 ●"), self.tr("99 decode steps of 100 took no longer a token, measured.")),
            "share": (self.tr("Share ƒ"), self.tr("Share of a token's time, derived.")),
        }
        tips = {
            "itl": self.tr("From one emission of a request to its next, pauses left out; a gap is its later token's."),
            "prefill": self.tr("The steps that computed a request's prompt, by request; they are in no other row."),
        }
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for column, name in enumerate(COLUMNS):
            head = QTableWidgetItem(heads[name][0])
            head.setToolTip(plain(heads[name][1]))
            head.setTextAlignment(left if column == 0 else right)
            self.setHorizontalHeaderItem(column, head)
            for row, part in enumerate(ROWS):
                text = NOT_APPLICABLE
                if name == "part":
                    text = self.part_name(part)
                elif name == "reference":
                    text = seconds(REFERENCE_S.get(part))
                cell = QTableWidgetItem(text)
                cell.setToolTip(plain(tips.get(part, "")))
                cell.setTextAlignment(left if column == 0 else right)
                self.setItem(row, column, cell)

    def _write(self, row: int, column: int, text: str) -> None:
        item = self.item(row, column)
        if item is not None and item.text() != text:
            item.setText(text)
