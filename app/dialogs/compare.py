"""The dialog that shows another session beside the one in the window: figures, and requests of the same prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.look.theme import GRID, GROUP_GAP, PANEL_PADDING, ROW_GAP, theme
from app.look.units import straight
from app.widgets.figure_table import FigureTable
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from app.widgets.segments import Segments
from app.widgets.sorted_table import SortedTable
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell

WIDTH, HEIGHT = 260 * GRID, 170 * GRID
"""Pixels of the dialog with both tables, where the screen has so much room."""
EMPTY_WIDTH: Final = 160 * GRID
UP, DOWN = "up", "down"
PARTING_COLUMN: Final = 3
"""The column of words among the columns of the pairs."""
Heads = list[tuple[str, str]]
"""(name, definition) of each column."""


@dataclass(frozen=True, slots=True)
class SideName:
    """What a side is, in a line, and the whole of it."""

    name: str
    tip: str


@dataclass(frozen=True, slots=True)
class Result:
    """A comparison as cells. `pair_keys` are the values by which each column of the pairs sorts."""

    a: SideName
    b: SideName
    figure_heads: Heads
    figures: list[list[Cell]]
    verdict: str
    pair_heads: Heads
    pair_keys: list[NDArray[np.float64]]
    pair: Callable[[int], Sequence[Cell]]
    """The cells of a pair."""


class CompareDialog(QDialog):
    """Shows a comparison. It reads no session itself: its signals ask for it, its `show_` methods tell the outcome."""

    chosen = Signal(int)
    """The place of a recent session in the list."""
    browse_wanted = Signal()
    refresh_wanted = Signal()
    given_up = Signal()
    """What is being read is not wanted any more; also emitted when the dialog is closed."""
    pair_wanted = Signal(int)
    """A pair whose token the window is to show."""
    csv_wanted = Signal()
    markdown_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare-dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setSizeGripEnabled(True)
        self.recent = QComboBox()
        self.recent.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.browse, self.refresh = QPushButton(), QPushButton()
        self.of_a, self.of_b = ThemedLabel(muted=False), ThemedLabel(muted=False)
        self.said = PlainLabel()
        self.said.setWordWrap(True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.give_up = QPushButton()
        self.figures = FigureTable("")
        self.figures.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verdict = ThemedLabel(muted=False, wrap=True)
        self.order_label = PlainLabel()
        self.order = QComboBox()
        self.order_label.setBuddy(self.order)
        self.direction = Segments((UP, DOWN), UP)
        self.pairs = SortedTable("", words=PARTING_COLUMN)
        self.copy_csv, self.copy_markdown = QPushButton(), QPushButton()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.close_button = self.buttons.button(QDialogButtonBox.StandardButton.Close)
        self._letters = [PlainLabel("A"), PlainLabel("B")]
        self._with_label = PlainLabel()
        self._with_label.setBuddy(self.recent)
        self._has_result = self._is_fault = False
        self._build()
        self.retranslate()
        self._connect()
        self._show_parts()
        self.show_recent(())
        self.show_busy("")
        self.recent.setFocus()

    # --- what it shows ----------------------------------------------------------------------------------------------

    def show_recent(self, paths: Sequence[str], now: int = -1) -> None:
        """Offer these session files; `now` is the place of the one that is compared with."""
        self.recent.clear()
        for path in paths:
            self.recent.addItem(straight(path))
            self.recent.setItemData(self.recent.count() - 1, plain(path), Qt.ItemDataRole.ToolTipRole)
        self.recent.setCurrentIndex(now)
        self.recent.setEnabled(bool(paths))
        self.refresh.setEnabled(now >= 0)

    def show_sides(self, a: SideName, b: SideName | None) -> None:
        """Name the two sessions."""
        for label, side in ((self.of_a, a), (self.of_b, b)):
            label.setText("" if side is None else side.name)
            label.setToolTip(plain("" if side is None else side.tip))

    def show_busy(self, doing: str) -> None:
        """Say what is being read ("": nothing). Another session can be chosen meanwhile."""
        if not doing and self.give_up.hasFocus():
            self.recent.setFocus()
        for one in (self.busy, self.give_up):
            one.setVisible(bool(doing))
        self.busy.setAccessibleName(doing)
        self._say(doing)

    def show_fault(self, sentence: str) -> None:
        """Say why it cannot be done; what was compared before stays."""
        self.show_busy("")
        self._say(straight(sentence), fault=True)

    def show_note(self, sentence: str) -> None:
        """Say something about the comparison that is shown."""
        self._say(sentence)

    def show_result(self, result: Result) -> None:
        """Show a comparison in place of the one before."""
        self.show_busy("")
        self.show_sides(result.a, result.b)
        self.figures.show_rows(result.figure_heads, result.figures)
        self.verdict.setText(result.verdict)
        self.pairs.show_rows(result.pair_heads, result.pair_keys, result.pair)
        names = [name for name, _ in result.pair_heads]
        if names != [self.order.itemText(index) for index in range(self.order.count())]:
            self.order.blockSignals(True)
            self.order.clear()
            self.order.addItems(names)
            self.order.setCurrentIndex(self.pairs.horizontalHeader().sortIndicatorSection())
            self.order.blockSignals(False)
        first, self._has_result = not self._has_result, True
        self._show_parts()
        if first:
            room = self.screen().availableSize() * 0.9
            self.resize(min(WIDTH, room.width()), min(HEIGHT, room.height()))
            (self.pairs if self.pairs.rows.rowCount() else self.figures).setFocus()

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.figures.restyle()
        self.pairs.restyle()
        self._say(self.said.text(), self._is_fault)

    def retranslate(self) -> None:
        """Set all texts anew, but for those of a comparison."""
        self.setWindowTitle(self.tr("Compare sessions"))
        self._with_label.setText(self.tr("Compare &with"))
        self.order_label.setText(self.tr("&Sort by"))
        self.recent.setPlaceholderText(self.tr("a recent session"))
        self.figures.setAccessibleName(self.tr("Figures of both sessions"))
        self.pairs.setAccessibleName(self.tr("Requests with the same prompt"))
        for button, text, tip in (
            (self.browse, self.tr("Choose a &file…"), self.tr("Choose the file of the session to compare with")),
            (self.refresh, self.tr("&Refresh"),
             self.tr("Compare again: the session in the window as it is now, with this file")),
            (self.give_up, self.tr("Give up"), self.tr("Do not wait for this comparison any longer")),
            (self.copy_csv, self.tr("Copy as &CSV"), self.tr("Copy the figures and the requests, in base units")),
            (self.copy_markdown, self.tr("Copy as &Markdown"), self.tr("Copy the figures as a table of text")),
            (self.close_button, self.tr("Close"), self.tr("Close this comparison")),
        ):  # fmt: skip
            button.setText(text)
            button.setToolTip(plain(tip))
        self.recent.setAccessibleName(self.tr("Compare with"))
        self.recent.setToolTip(plain(self.tr("Recent sessions; the chosen one is B")))
        self.order.setAccessibleName(self.tr("Sort by"))
        self.order.setToolTip(plain(self.tr("The column by which the requests are sorted")))
        self.direction.name(
            self.tr("Direction"),
            {UP: "↑", DOWN: "↓"},
            {UP: self.tr("The smallest first"), DOWN: self.tr("The largest first")},
        )
        self.pairs.setToolTip(plain(self.tr("Enter or a double click shows the token at which a request parts")))

    def done(self, result: int) -> None:
        self.given_up.emit()
        super().done(result)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _say(self, text: str, fault: bool = False) -> None:
        self._is_fault = fault
        self.said.setStyleSheet(f"color: {theme().error if fault else theme().muted}")
        self.said.setText(text)
        self.said.setVisible(bool(text))

    def _show_parts(self) -> None:
        """Show the tables once there is a comparison."""
        for part in (
            *self._letters, self.of_a, self.of_b, self.figures, self.verdict, self.copy_csv, self.copy_markdown,
        ):  # fmt: skip
            part.setVisible(self._has_result)
        for part in (self.order_label, self.order, self.direction, self.pairs):
            part.setVisible(self.pairs.rows.rowCount() > 0)

    def _build(self) -> None:
        asked = QHBoxLayout()
        asked.setSpacing(ROW_GAP)
        asked.addWidget(self._with_label)
        asked.addWidget(self.recent, 1)
        asked.addWidget(self.browse)
        asked.addWidget(self.refresh)
        sides = QGridLayout()
        sides.setHorizontalSpacing(GROUP_GAP)
        sides.setVerticalSpacing(ROW_GAP // 2)
        for row, (letter, label) in enumerate(zip(self._letters, (self.of_a, self.of_b), strict=True)):
            keep_look(letter, bold=True)
            sides.addWidget(letter, row, 0)
            sides.addWidget(label, row, 1)
        sides.setColumnStretch(1, 1)
        waiting = QHBoxLayout()
        waiting.setSpacing(ROW_GAP)
        waiting.addWidget(self.busy, 1)
        waiting.addWidget(self.give_up)
        ordering = QHBoxLayout()
        ordering.setSpacing(ROW_GAP)
        ordering.addWidget(self.verdict, 1)
        ordering.addWidget(self.order_label)
        ordering.addWidget(self.order)
        ordering.addWidget(self.direction)
        self.direction.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        below = QHBoxLayout()
        below.setSpacing(ROW_GAP)
        below.addWidget(self.copy_csv)
        below.addWidget(self.copy_markdown)
        below.addWidget(self.buttons, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GROUP_GAP, GROUP_GAP, GROUP_GAP, PANEL_PADDING)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(asked)
        layout.addLayout(sides)
        layout.addWidget(self.said)
        layout.addLayout(waiting)
        layout.addWidget(self.figures, 3)
        layout.addLayout(ordering)
        layout.addWidget(self.pairs, 2)
        layout.addLayout(below)
        self.setMinimumWidth(EMPTY_WIDTH)

    def _connect(self) -> None:
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter is for the table
        self.recent.activated.connect(self.chosen)
        self.browse.clicked.connect(self.browse_wanted)
        self.refresh.clicked.connect(self.refresh_wanted)
        self.give_up.clicked.connect(self._on_give_up)
        self.pairs.activated_row.connect(self.pair_wanted)
        self.copy_csv.clicked.connect(self.csv_wanted)
        self.copy_markdown.clicked.connect(self.markdown_wanted)
        self.buttons.rejected.connect(self.reject)
        self.order.currentIndexChanged.connect(self._sort)
        self.direction.picked.connect(self._sort)
        self.pairs.horizontalHeader().sortIndicatorChanged.connect(self._on_sorted)

    def _sort(self) -> None:
        order = Qt.SortOrder.DescendingOrder if self.direction.value == DOWN else Qt.SortOrder.AscendingOrder
        self.pairs.sortByColumn(self.order.currentIndex(), order)

    def _on_sorted(self, column: int, order: Qt.SortOrder) -> None:
        """A click on a head sorted: the controls say so."""
        self.order.blockSignals(True)
        self.order.setCurrentIndex(column)
        self.order.blockSignals(False)
        self.direction.set_value(DOWN if order == Qt.SortOrder.DescendingOrder else UP)

    def _on_give_up(self) -> None:
        self.given_up.emit()
        self.show_busy("")
